"""Znode: one named node and its numbers."""

from __future__ import annotations

from typing import Final, TypeAlias

from coordsvc.base.ids import Index, Millis, SessionId
from coordsvc.base.vocabulary import ops
from coordsvc.state.acl import Acl
from coordsvc.state.events import Stat

# Places in a Stat, in the order of vocabulary.messages.STAT_FIELDS.
STAT_VERSION: Final = 5
STAT_CVERSION: Final = 6
STAT_AVERSION: Final = 7
STAT_OWNER: Final = 8
STAT_KIND: Final = 11

Numbers: TypeAlias = tuple[bytes | None, int, int, int, int, int, int, Acl | None]
"""What of a node can change, except its children."""


class Znode:
    """A node of the tree. It does not know its own path: the tree does.

    `creates` counts all children ever created; it gives sequence numbers and, with the number
    of children, `cversion` (ZooKeeper's rule: 2 * creates - children). `children` holds the full
    paths of the children, the same string objects as the tree's own keys, and is None when there
    never was a child: a million leaves should not own a million dicts.
    """

    __slots__ = (
        "acl",
        "aversion",
        "children",
        "creates",
        "ctime",
        "czxid",
        "data",
        "kind",
        "mtime",
        "mzxid",
        "owner",
        "pzxid",
        "swept",
        "ttl_ms",
        "version",
    )

    def __init__(  # noqa: PLR0917  # keyword-only, it takes 1,500 instructions more
        self,
        data: bytes | None,
        revision: Index,
        time_ms: Millis,
        kind: int = ops.PERSISTENT,
        owner: SessionId = 0,
        ttl_ms: Millis = 0,
        acl: Acl | None = None,
    ) -> None:
        # The same int object stands in several slots on purpose: it is stored once.
        self.data = data
        self.czxid = self.mzxid = self.pzxid = revision
        self.ctime = self.mtime = time_ms
        self.version = self.aversion = self.creates = 0
        self.kind = kind
        self.owner = owner
        self.ttl_ms = ttl_ms
        self.acl = acl  # None: open to everyone
        self.children: dict[str, None] | None = None
        self.swept = 0  # the last sweep that has read it: not part of the state

    def stat(self) -> Stat:
        """Return the node's numbers in the order of STAT_FIELDS."""
        data = self.data
        children = self.children
        count = len(children) if children else 0
        return (
            self.czxid,
            self.mzxid,
            self.pzxid,
            self.ctime,
            self.mtime,
            self.version,
            2 * self.creates - count,
            self.aversion,
            self.owner,
            len(data) if data is not None else 0,
            count,
            self.kind,
            self.ttl_ms,
        )

    def numbers(self) -> Numbers:
        """Return everything about the node that can change, except its children."""
        return (
            self.data,
            self.mzxid,
            self.pzxid,
            self.mtime,
            self.version,
            self.aversion,
            self.creates,
            self.acl,
        )

    def put_back(self, numbers: Numbers) -> None:
        """Give the node what `numbers` returned earlier."""
        (
            self.data,
            self.mzxid,
            self.pzxid,
            self.mtime,
            self.version,
            self.aversion,
            self.creates,
            self.acl,
        ) = numbers
