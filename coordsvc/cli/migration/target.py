"""Where a tree is copied to: writes in batches, each idempotent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from coordsvc.cli.migration.nodes import Asks, read_contents, stats_of
from coordsvc.cli.migration.zkclient import Request
from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.jute import FRAME_BYTES_MAX
from coordsvc.protocols.zookeeper.records import (
    MULTI_END,
    AclEntry,
    Create,
    pack_create,
    pack_multi_header,
    pack_path_version,
    pack_set_acl,
    pack_set_data,
)

ANY_VERSION: Final = -1
OPEN: Final = AclEntry(31, "world", "anyone")
CLOSED: Final = AclEntry(0, "world", "anyone")
"""Nobody: what is left of access rules of which nothing can be carried."""
SCHEMES: Final = frozenset({"world", "digest", "ip", "x509", "sasl"})
MASKED: Final = ":x"
"""How the hash of a digest user reads to those without ADMIN."""
ROOM: Final = 4_096  # for the path and the frame around the data
PADS_PER_MULTI: Final = 200


class Wanted(NamedTuple):
    """A node as it should be."""

    path: str
    data: bytes | None
    acl: tuple[AclEntry, ...]


class Written(NamedTuple):
    """What became of one node."""

    created: bool
    changed: bool
    acl_set: bool
    error: int
    """Of what was refused; 0 if the node is now as wanted."""


def carried_acl(acl: Sequence[AclEntry]) -> tuple[tuple[AclEntry, ...], list[str]]:
    """Return the entries that can be carried, and those that cannot, as text."""
    kept: list[AclEntry] = []
    lost: list[str] = []
    for entry in acl:
        unknown = entry.scheme not in SCHEMES
        masked = entry.scheme == "digest" and (entry.id or "").endswith(MASKED)
        if unknown or masked:
            lost.append(f"{entry.scheme}:{entry.id}:{entry.perms}")
        else:
            kept.append(entry)
    return tuple(kept) or (CLOSED,), lost


def fits(path: str, data: bytes | None) -> bool:
    """Tell whether a node can be sent in one request."""
    return len(data or b"") + len(path.encode()) + ROOM <= FRAME_BYTES_MAX


class Target:
    """The tree that is written to. With `dry` nothing is, but all is counted as if it were."""

    def __init__(self, client: Asks, *, dry: bool) -> None:
        self._client = client
        self._dry = dry

    def write(self, nodes: Sequence[Wanted]) -> list[Written]:
        """Make nodes be as wanted; parents stand before children."""
        found = read_contents(self._client, [node.path for node in nodes])
        requests: list[Request] = []
        plans: list[tuple[bool, bool, bool]] = []
        for node, content in zip(nodes, found, strict=True):
            missing = numbers.NO_NODE in {content.error, content.acl_error}
            change = not missing and (bool(content.error) or content.data != node.data)
            rules = not missing and _differ(content.acl, node.acl)
            plans.append((missing, change, rules))
            if missing:
                create = Create(node.path, node.data, list(node.acl), numbers.PERSISTENT, 0)
                body = pack_create(create, numbers.CREATE)
                requests.append(Request(numbers.CREATE, body))
            if change:
                body = pack_set_data(node.path, node.data, ANY_VERSION)
                requests.append(Request(numbers.SET_DATA, body))
            if rules:
                body = pack_set_acl(node.path, list(node.acl), ANY_VERSION)
                requests.append(Request(numbers.SET_ACL, body))
        errors = iter(self._errors(requests))
        return [
            Written(*plan, next((e for e in [next(errors) for step in plan if step] if e), 0))
            for plan in plans
        ]

    def delete(self, paths: Sequence[str]) -> list[int]:
        """Delete nodes, children before parents; return the errors, that of no node not."""
        requests = [Request(numbers.DELETE, pack_path_version(path, ANY_VERSION)) for path in paths]
        return [0 if error == numbers.NO_NODE else error for error in self._errors(requests)]

    def raise_sequence(self, path: str, creates: int) -> bool:
        """Let the next sequence number of `path` be at least `creates`.

        The counter counts children that were ever created, so it is raised by creating and
        deleting some. Returns whether it was done.
        """
        (stat,) = stats_of(self._client, [path])
        missing = (
            0 if isinstance(stat, int) else creates - creates_of(stat.cversion, stat.num_children)
        )
        if self._dry or missing <= 0:
            return True
        pad = f"{path if path != '/' else ''}/coordsvc-import-pad"
        once = (
            pack_multi_header(numbers.CREATE, done=False, error=-1)
            + pack_create(Create(pad, b"", [OPEN], numbers.PERSISTENT, 0), numbers.CREATE)
            + pack_multi_header(numbers.DELETE, done=False, error=-1)
            + pack_path_version(pad, ANY_VERSION)
        )
        while missing > 0:
            count = min(missing, PADS_PER_MULTI)
            (reply,) = self._client.ask([Request(numbers.MULTI, once * count + MULTI_END)])
            if reply.error or reply.body.read_int() == numbers.ERROR:
                return False
            missing -= count
        return True

    def _errors(self, requests: Sequence[Request]) -> list[int]:
        if self._dry:
            return [0] * len(requests)
        return [reply.error for reply in self._client.ask(requests)]


def ensure_parents(client: Asks, path: str) -> None:
    """Create what is missing above `path`, open to everybody."""
    parts = path.split("/")[1:-1]
    above = ["/" + "/".join(parts[: i + 1]) for i in range(len(parts))]
    client.ask(
        [
            Request(
                numbers.CREATE,
                pack_create(Create(each, b"", [OPEN], numbers.PERSISTENT, 0), numbers.CREATE),
            )
            for each in above
        ]
    )


def creates_of(cversion: int, num_children: int) -> int:
    """Return how many children a node has ever had: its next sequence number."""
    return (cversion + num_children) // 2


def _differ(found: Sequence[AclEntry] | None, wanted: Sequence[AclEntry]) -> bool:
    if found is None:
        return True
    return [(e.perms, e.scheme, e.id) for e in found] != [(e.perms, e.scheme, e.id) for e in wanted]
