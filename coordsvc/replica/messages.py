"""What replicas say to one another beside Raft: errands of clients, snapshots, their health."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from coordsvc.base.ids import Index, Millis, NodeId, SessionId, Term
from coordsvc.raft import messages as raft
from coordsvc.raft.messages import MemberInfo, SnapshotMeta


@dataclass(slots=True, init=False)
class Forward:
    """Commands of the sender's clients, for the leader to propose in this order.

    Never answered: the sender sees its commands come back through the log. `touched` are the
    sessions heard from since the last message that carried any. `term` is the one in which the
    receiver leads, for the sender. In another term it takes nothing: the sender will send again
    everything that is pending, and part of that must not be there before the rest.
    """

    term: Term
    touched: list[SessionId]
    commands: list[bytes]

    def __init__(self, term: Term, touched: list[SessionId], commands: list[bytes]) -> None:
        self.term = term
        self.touched = touched
        self.commands = commands


@dataclass(slots=True, init=False)
class ReadIndexRequest:
    """Ask the leader from which index on a read is linearizable (thesis 6.4).

    `touched` are at least the sessions whose reads wait for the answer.
    """

    token: int
    touched: list[SessionId]

    def __init__(self, token: int, touched: list[SessionId]) -> None:
        self.token = token
        self.touched = touched


@dataclass(slots=True, init=False)
class ReadIndexReply:
    """Answer to ReadIndexRequest, after a quorum confirmed the leader.

    `lapsed` are those of the touched sessions whose expiry is already on its way into the log:
    no answer may renew their lease.
    """

    token: int
    index: Index
    lapsed: list[SessionId]

    def __init__(self, token: int, index: Index, lapsed: list[SessionId]) -> None:
        self.token = token
        self.index = index
        self.lapsed = lapsed


@dataclass(frozen=True, slots=True)
class SnapshotChunk:
    """A piece of a snapshot file. Pieces go one at a time: the next one follows the SnapshotAck."""

    term: Term
    meta: SnapshotMeta
    offset: int
    total: int
    data: bytes


@dataclass(frozen=True, slots=True)
class SnapshotAck:
    """`offset` bytes of the snapshot at `index` are here; send what follows, or stop if all are."""

    index: Index
    offset: int


@dataclass(frozen=True, slots=True)
class DiskAlarm:
    """The sender has little room left on its disk (`full`), or has enough again."""

    full: bool


@dataclass(frozen=True, slots=True)
class DigestQuery:
    """The leader asks for the digest of the state at `index`."""

    index: Index


@dataclass(frozen=True, slots=True)
class DigestReply:
    """Answer to DigestQuery: the digest, 0 if it is not known."""

    index: Index
    digest: int


@dataclass(frozen=True, slots=True)
class Rebuild:
    """The leader tells: a majority has `digest` at `index`, and the receiver does not."""

    index: Index
    digest: int


@dataclass(frozen=True, slots=True)
class RebuildRequest:
    """The sender's state is wrong: send a snapshot of at least `applied`, where it stopped."""

    applied: Index


@dataclass(frozen=True, slots=True)
class MembersRequest:
    """Ask the leader to change the membership, as in `replica.changes.MembersChange`.

    It is answered by a MembersReply with the same token, `patience_ms` later at the latest.
    """

    token: int
    patience_ms: Millis
    expected: Index
    add: list[MemberInfo]
    promote: list[NodeId]
    remove: list[NodeId]


@dataclass(frozen=True, slots=True)
class MembersReply:
    """Answer to MembersRequest: `fault` is the value of a Fault, empty if the change is made."""

    token: int
    fault: str
    text: str
    revision: Index


@dataclass(frozen=True, slots=True)
class Dismissal:
    """The sender closes the link: the receiver is no member, or not the member it says it is.

    `index` is that of the membership by which it is so.
    """

    index: Index
    text: str


@dataclass(frozen=True, slots=True)
class Versions:
    """Which versions of the state machine the sender's program has; sent first on each link."""

    oldest: int
    newest: int


MembersMessage: TypeAlias = MembersRequest | MembersReply | Dismissal
HealthMessage: TypeAlias = (
    DiskAlarm | DigestQuery | DigestReply | Rebuild | RebuildRequest | Versions
)
PeerMessage: TypeAlias = (
    raft.Message
    | Forward
    | ReadIndexRequest
    | ReadIndexReply
    | SnapshotChunk
    | SnapshotAck
    | HealthMessage
    | MembersMessage
)
