"""Entry, HardState, Membership, and what replicas say to one another.

Who sent a message is known from the link it came by, so no message names its sender.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from coordsvc.base.ids import Index, Millis, NodeId, Term

COMMAND: Final = 0
NOOP: Final = 1
MEMBERSHIP: Final = 2
"""Names only, as in `raft.membership.encode`."""
MEMBERSHIP_WITH_INFOS: Final = 3
RAFTS_OWN: Final = frozenset({NOOP, MEMBERSHIP, MEMBERSHIP_WITH_INFOS})
"""Kinds of entries that the state machine has no part in."""


class Entry(NamedTuple):
    """One slot of the log. Its index follows from its position; its data is opaque to Raft.

    A tuple, because MessagePack encodes it in C as it is.
    """

    term: Term
    kind: int
    stamp_ms: Millis
    data: bytes


@dataclass(frozen=True, slots=True)
class HardState:
    """What must be on disk before any vote or reply of that term leaves (thesis 3.8)."""

    term: Term
    vote: NodeId | None


@dataclass(frozen=True, slots=True)
class MemberInfo:
    """What the group knows of a member beside its name. Raft carries it and looks at none of it.

    Addresses are `host:port`; the empty string while they are not known.
    """

    name: NodeId
    identity: int = 0
    """The number of the member's data folder; 0 until it was heard of. A member that comes with
    another number has lost what it promised."""
    peer: str = ""
    client: str = ""
    http: str = ""
    joins: bool = False
    """A learner that is to vote once it has caught up."""
    replaces: NodeId = ""
    """The voter that goes when this learner begins to vote."""


@dataclass(frozen=True, slots=True)
class Membership:
    """Who votes, who learns, and where they are.

    While a change is under way (joint consensus, thesis 4.3) both `voters` and `voters_old`
    must agree; otherwise `voters_old` is empty. `infos` are sorted by name; there may be none
    of a member.
    """

    voters: tuple[NodeId, ...]
    voters_old: tuple[NodeId, ...] = ()
    learners: tuple[NodeId, ...] = ()
    infos: tuple[MemberInfo, ...] = ()

    def info_of(self, node: NodeId) -> MemberInfo:
        """Return what is known of `node`: at least its name."""
        return next((info for info in self.infos if info.name == node), MemberInfo(node))


@dataclass(frozen=True, slots=True)
class SnapshotMeta:
    """What a snapshot of the state stands for: everything up to and including `index`.

    `term`, `membership` and `stamp_ms` are those of that entry; the stamp is kept so that the
    time in later entries does not go back.
    """

    index: Index
    term: Term
    membership: Membership
    stamp_ms: Millis = 0


@dataclass(frozen=True, slots=True)
class VoteRequest:
    """Ask for a vote; with `pre`, only whether it would be given (thesis 9.6).

    In a pre-vote `term` is the term the sender *would* start. `transfer` marks an election that
    the leader itself asked for: a live leader is then no reason to refuse.
    """

    term: Term
    pre: bool
    last_index: Index
    last_term: Term
    transfer: bool = False


@dataclass(frozen=True, slots=True)
class VoteReply:
    """Answer to VoteRequest. A granted pre-vote echoes the asked-for term."""

    term: Term
    pre: bool
    granted: bool


@dataclass(slots=True, init=False)
class AppendRequest:
    """Append `entries` behind the entry at `base_index`, which must have `base_term`."""

    term: Term
    base_index: Index
    base_term: Term
    commit: Index
    entries: list[Entry]
    packed: bytes = field(compare=False, repr=False)
    """The entries as they came over the wire, so that the log need not encode them again."""

    def __init__(  # noqa: PLR0917 - one for each field
        self,
        term: Term,
        base_index: Index,
        base_term: Term,
        commit: Index,
        entries: list[Entry],
        packed: bytes = b"",
    ) -> None:
        self.term = term
        self.base_index = base_index
        self.base_term = base_term
        self.commit = commit
        self.entries = entries
        self.packed = packed


@dataclass(slots=True, init=False)
class AppendReply:
    """Answer to AppendRequest, sent only when the entries are on disk.

    Accepted: `index` is the last index known to match. Rejected: `index` is the base that was
    refused, and (`hint_index`, `hint_term`) the latest place where the logs may still agree.
    """

    term: Term
    accepted: bool
    index: Index
    hint_index: Index
    hint_term: Term

    def __init__(
        self, term: Term, accepted: bool, index: Index, hint_index: Index = 0, hint_term: Term = 0
    ) -> None:
        self.term = term
        self.accepted = accepted
        self.index = index
        self.hint_index = hint_index
        self.hint_term = hint_term


@dataclass(slots=True, init=False)
class Heartbeat:
    """The leader lives. Never waits behind disk.

    `round` numbers the leader's read rounds; round 0 only brings the commit index and wants no
    answer.
    """

    term: Term
    commit: Index
    round: int

    def __init__(self, term: Term, commit: Index, round: int) -> None:  # noqa: A002 - the field
        self.term = term
        self.commit = commit
        self.round = round


@dataclass(slots=True, init=False)
class HeartbeatReply:
    """Answer to Heartbeat; echoes the round, which proves the leader led when it asked."""

    term: Term
    round: int

    def __init__(self, term: Term, round: int) -> None:  # noqa: A002 - the field
        self.term = term
        self.round = round


@dataclass(frozen=True, slots=True)
class TimeoutNow:
    """Leadership is handed over: start an election at once (thesis 3.10)."""

    term: Term


@dataclass(frozen=True, slots=True)
class SnapshotOffer:
    """The leader's log no longer reaches back far enough; a snapshot follows in chunks.

    Raft only decides *that* a snapshot is due. The chunks are the replica's business.
    """

    term: Term
    meta: SnapshotMeta


Message: TypeAlias = (
    VoteRequest
    | VoteReply
    | AppendRequest
    | AppendReply
    | Heartbeat
    | HeartbeatReply
    | TimeoutNow
    | SnapshotOffer
)

MOST_OFTEN: Final = (AppendRequest, AppendReply, Heartbeat, HeartbeatReply)
"""What replicas say to one another most of the time."""
