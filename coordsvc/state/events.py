"""What applying a command changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from coordsvc.base.ids import Index, Millis, SessionId
from coordsvc.state.acl import Acl

Stat: TypeAlias = tuple[
    Index, Index, Index, Millis, Millis, int, int, int, SessionId, int, int, int, Millis
]
"""The numbers of a node in the order of vocabulary.messages.STAT_FIELDS.

Each is named in the type because a compiled event then holds them in itself, without a tuple and
an object for each number: a third fewer bytes, of which the processor's cache holds more.
"""

NO_STAT: Final[Stat] = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(slots=True, init=False)
class Event:
    """A node was created, changed or deleted at `revision`.

    `stat` and `data` are as they were right after the change; of a deleted node, right before it.
    """

    kind: int  # ops.CREATED, ops.DELETED, ops.CHANGED
    path: str
    revision: Index
    stat: Stat
    data: bytes | None
    acl: Acl | None
    """Who may hear of it; None: everyone."""

    def __init__(  # noqa: PLR0917 - one for each field
        self,
        kind: int,
        path: str,
        revision: Index,
        stat: Stat,
        data: bytes | None,
        acl: Acl | None = None,
    ) -> None:
        self.kind = kind
        self.path = path
        self.revision = revision
        self.stat = stat
        self.data = data
        self.acl = acl


@dataclass(slots=True, init=False)
class LockChange:
    """The state of one session's claim on a lock changed without its asking."""

    session: SessionId
    path: str
    request: Index
    state: int  # ops.HELD (granted from the queue) or ops.GONE (broken)
    token: Index

    def __init__(
        self, session: SessionId, path: str, request: Index, state: int, token: Index
    ) -> None:
        self.session = session
        self.path = path
        self.request = request
        self.state = state
        self.token = token
