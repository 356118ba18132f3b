"""What a caller gets: nodes, events, locks. Immutable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol, TypeAlias, cast

from coordsvc_client.wire import ops

Data: TypeAlias = bytes | bytearray | memoryview | str
"""What is stored in a node; text is encoded as UTF-8."""
Seconds: TypeAlias = float | timedelta
Consistency: TypeAlias = Literal["linearizable", "sequential", "stale"]

CONSISTENCIES: dict[str, int] = {
    "linearizable": ops.LINEARIZABLE,
    "sequential": ops.SEQUENTIAL,
    "stale": ops.STALE,
}


def bytes_of(data: Data | None) -> bytes | None:
    """Return data as bytes; None stays None.

    Raises:
        TypeError: it is something else. `bytes` would make zeros of a number.

    """
    if data is None or type(data) is bytes:
        return data
    if isinstance(data, str):
        return data.encode()
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"data is text or bytes, not {type(data).__name__}")
    return bytes(data)


def ms_of(seconds: Seconds) -> int:
    """Return a span of time in milliseconds, rounded to the nearest."""
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    return round(seconds * 1000)


class Fence(Protocol):
    """Something that holds a lock: its path and its fencing token."""

    @property
    def path(self) -> str:
        """The path of the lock."""
        ...

    @property
    def token(self) -> int:
        """The fencing token."""
        ...


Guard: TypeAlias = Fence | Sequence[Fence] | None
"""Locks that must still be held for a write to be done."""


class Stat(NamedTuple):
    """The numbers of a node; revisions are comparable over the whole cluster."""

    czxid: int
    """Revision that created the node."""
    mzxid: int
    """Revision that last set its data."""
    pzxid: int
    """Revision that last created or deleted a direct child."""
    ctime: int
    """Milliseconds since 1970, by the leader's clock."""
    mtime: int
    version: int
    """How often the data was set since the creation."""
    cversion: int
    aversion: int
    owner: int
    """Session of an ephemeral node, else 0."""
    data_length: int
    num_children: int
    kind: int
    """0 persistent, 1 ephemeral, 2 container, 3 TTL."""
    ttl_ms: int


def stat_of(value: object) -> Stat:
    """Return the stat in a reply; elements of later protocol versions are left out."""
    numbers = cast("list[int]", value)
    return Stat._make(numbers[:13])


@dataclass(frozen=True, slots=True)
class Node:
    """A node as it was at some revision."""

    path: str
    data: bytes
    stat: Stat

    @property
    def text(self) -> str:
        """The data as UTF-8 text."""
        return self.data.decode()

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def version(self) -> int:
        """How often the data was set since the creation."""
        return self.stat.version

    @property
    def mzxid(self) -> int:
        """Revision that last set the data."""
        return self.stat.mzxid

    @property
    def czxid(self) -> int:
        """Revision that created the node."""
        return self.stat.czxid

    @property
    def owner(self) -> int:
        """Session of an ephemeral node, else 0."""
        return self.stat.owner


class EventKind(StrEnum):
    """What a watch tells."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"
    RESYNC = "resync"
    """The history was cut: read again. What follows are the changes after `revision`."""


EVENT_KINDS: dict[int, EventKind] = {
    0: EventKind.RESYNC,
    ops.CREATED: EventKind.CREATED,
    ops.CHANGED: EventKind.CHANGED,
    ops.DELETED: EventKind.DELETED,
}


@dataclass(frozen=True, slots=True)
class Event:
    """A change; of a deleted node, `stat` and `data` are those it had last."""

    kind: EventKind
    path: str
    revision: int
    """When it happened. Pass it as `since=` to go on after it."""
    stat: Stat | None = None
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class LockClaim:
    """Somebody who holds a lock or waits for it."""

    request: int
    session: int
    client_name: str
    shared: bool
    token: int
    """0 while waiting."""
    since: int
    """Milliseconds since 1970 of the grant, or of the request while waiting."""
    note: str


@dataclass(frozen=True, slots=True)
class LockInfo:
    """Who holds a lock and who waits, in the order they will be served."""

    path: str
    holders: tuple[LockClaim, ...]
    queue: tuple[LockClaim, ...]
    free_at: int
    """Milliseconds since 1970 until which a lock-delay keeps the lock closed, else 0."""
    holding: int = 0
    """How many hold it; of very many, `holders` are the first."""
    waiting: int = 0
    """How many wait; of very many, `queue` are the first."""


def lock_of(value: object, path: str) -> LockInfo:
    """Return the lock in a reply, under the path that the caller knows it by."""
    fields = cast("list[object]", value)
    holders, queue = _claims_of(fields[1]), _claims_of(fields[2])
    counts = cast("list[int]", fields[4:6]) or [len(holders), len(queue)]  # none: an older server
    return LockInfo(path, holders, queue, cast("int", fields[3]), *counts)


def _claims_of(value: object) -> tuple[LockClaim, ...]:
    return tuple(_claim_of(claim) for claim in cast("list[object]", value))


def _claim_of(value: object) -> LockClaim:
    match value:
        case [int(request), int(session), str(name), shared, int(token), int(since), str(note), *_]:
            return LockClaim(request, session, name, bool(shared), token, since, note)
        case _:
            raise ValueError(f"not a claim on a lock: {value!r}")
