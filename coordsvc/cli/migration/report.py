"""What a migration did, and what it could not carry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

LISTED_MAX: Final = 1_000
"""Paths that are listed of one kind; beyond it they are only counted."""

EPHEMERAL: Final = "ephemeral"
UNREADABLE: Final = "unreadable"
UNWRITTEN: Final = "unwritten"
TOO_LARGE: Final = "too_large"
ACL: Final = "acl"
SEQUENCE: Final = "sequence"
QUOTA: Final = "quota"
EXTRA: Final = "only_at_target"

MEANINGS: Final = {
    EPHEMERAL: "ephemeral nodes, which belong to sessions: their clients create them anew",
    UNREADABLE: "nodes that these credentials may not read: give --auth",
    UNWRITTEN: "nodes that could not be written: give --to-auth of a user who may",
    TOO_LARGE: "nodes that are too large here",
    ACL: "access rules that could not be carried whole: what is missing was left out",
    SEQUENCE: "parents whose sequence numbers begin lower than they stand at the source",
    QUOTA: "quotas: set them again",
    EXTRA: "nodes that are only at the target: --prune removes them",
}
FAILURES: Final = (UNREADABLE, UNWRITTEN, TOO_LARGE)
"""Kinds that mean that the tree was not carried as it could have been."""

REMARK: Final = (
    "Containers and TTL nodes look to a client like persistent nodes, and were copied as such."
)


@dataclass(slots=True)
class Report:
    """Counts and lists. A path that can be carried after all is taken off its list."""

    read: int = 0
    created: int = 0
    changed: int = 0
    acls_set: int = 0
    deleted: int = 0
    equal: int = 0
    bytes: int = 0
    sweeps: int = 0
    reconnects: int = 0
    left: dict[str, dict[str, str]] = field(default_factory=dict)
    """By kind: paths, and why."""

    def leave(self, kind: str, path: str, why: str = "") -> None:
        """Something of `path` was not carried."""
        self.left.setdefault(kind, {})[path] = why

    def settle(self, kind: str, path: str) -> None:
        """It was carried now, or is no more."""
        self.left.get(kind, {}).pop(path, None)

    def forget(self, path: str) -> None:
        """There is no such node any more."""
        for paths in self.left.values():
            paths.pop(path, None)

    @property
    def failed(self) -> bool:
        """Whether something was left that could have been carried."""
        return any(self.left.get(kind) for kind in FAILURES)

    def as_json(self) -> dict[str, object]:
        """Return all of it."""
        return {
            "read": self.read,
            "created": self.created,
            "changed": self.changed,
            "acls_set": self.acls_set,
            "deleted": self.deleted,
            "equal": self.equal,
            "bytes": self.bytes,
            "sweeps": self.sweeps,
            "reconnects": self.reconnects,
            "not_carried": {
                kind: {
                    "count": len(paths),
                    "meaning": MEANINGS[kind],
                    "paths": dict(sorted(paths.items())[:LISTED_MAX]),
                }
                for kind, paths in sorted(self.left.items())
                if paths
            },
            "remark": REMARK,
            "complete": not self.failed,
        }

    def lines(self) -> Iterator[str]:
        """Yield what a person is told at the end."""
        yield (
            f"{self.read} nodes read, {self.created} created, {self.changed} changed, "
            f"{self.equal} equal already, {self.deleted} deleted, {self.bytes} bytes"
        )
        for kind, paths in sorted(self.left.items()):
            if paths:
                some = ", ".join(sorted(paths)[:3])
                more = ", ..." if len(paths) > 3 else ""
                yield f"not carried: {len(paths)} {MEANINGS[kind]} ({some}{more})"
        yield REMARK
