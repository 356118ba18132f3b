"""The state that all roles share: term, vote, log, members, outbox; how roles change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol, TypeAlias, TypeVar, cast

from coordsvc.base.ids import Index, Millis, NodeId, Term
from coordsvc.base.ports import Chance, Logger
from coordsvc.raft import membership as rules
from coordsvc.raft.log import RaftLog
from coordsvc.raft.membership import Members
from coordsvc.raft.messages import COMMAND, Entry, HardState, Membership, Message, SnapshotMeta
from coordsvc.raft.ready import NOTHING, Ready

NEVER: Final[Millis] = 2**62
LINK_LOST_DELAY_MS_MAX: Final = 150  # spread, so that not all followers campaign at once

M = TypeVar("M")
Handler: TypeAlias = Callable[[NodeId, Message], None]
Handlers: TypeAlias = dict[type[Message], Handler]


def handles(kind: type[M], method: Callable[[NodeId, M], None]) -> Handlers:
    """Return the row of a dispatch table that sends messages of `kind` to `method`."""
    return {cast("type[Message]", kind): cast("Handler", method)}


class Role(Enum):
    """What a node is in its term. A learner is a follower that never campaigns."""

    FOLLOWER = "follower"
    CANDIDATE = "candidate"
    LEADER = "leader"


@dataclass(frozen=True, slots=True)
class RaftSettings:
    """How patient a node is. The same on all nodes of a cluster."""

    heartbeat_ms: Millis = 100
    election_ms: Millis = 1_000
    """A follower waits between one and two of these for a sign of its leader."""
    commit_news_ms: Millis = 0
    """A commit that no append carries to a follower is told so much later. Under load the next
    append comes first, which saves a message to each follower for every batch."""
    lease_reads: bool = False
    """Trust clocks to drift no more than `lease_drift_percent` apart. Followers then keep to a
    leader for `election_ms` even when its link breaks or they restart, or a lease would lie."""
    lease_drift_percent: int = 10


@dataclass(frozen=True, slots=True)
class RecoveredRaft:
    """What was found on disk: the newest snapshot and the entries after it.

    On a fresh node the snapshot has index 0 and the membership of the bootstrap (an empty one
    on a node that is to be added to a running cluster).
    """

    hard_state: HardState
    snapshot: SnapshotMeta
    entries: list[Entry]


class Actor(Protocol):
    """One role's behaviour. There is one object per role; it is used again and again."""

    handlers: Handlers
    """What it does with each message of its own term. Others are ignored."""

    def enter(self) -> None:
        """Take the role up."""

    def depart(self) -> None:
        """Lay the role down."""

    def wake(self) -> None:
        """Do what is due at `core.now`."""

    def deadline(self) -> Millis:
        """Return when to wake it next."""


class Core:
    """One node's Raft state. Roles change it; RaftNode is its face.

    Invariants: base <= commit <= last of the log; term never falls; vote changes only from None
    within a term; commit never falls.
    """

    __slots__ = (
        "_actors",
        "_patience_ms",
        "_shown_leadership",
        "_shown_membership",
        "actor",
        "chance",
        "commit",
        "election_deadline",
        "leader",
        "log",
        "logger",
        "me",
        "members",
        "now",
        "out",
        "passive",
        "role",
        "settings",
        "snapshot",
        "sticky_until",
        "term",
        "transferring",
        "vote",
    )

    def __init__(
        self,
        me: NodeId,
        settings: RaftSettings,
        recovered: RecoveredRaft,
        *,
        chance: Chance,
        log: Logger,
        now: Millis,
    ) -> None:
        snapshot = recovered.snapshot
        self.me = me
        self.settings = settings
        self.chance = chance
        self.logger = log
        self.now = now
        """The time of the latest input."""
        self.term: Term = recovered.hard_state.term
        self.vote: NodeId | None = recovered.hard_state.vote
        self.leader: NodeId | None = None
        self.snapshot = snapshot
        """The newest snapshot on this disk."""
        self.log = RaftLog(snapshot.index, snapshot.term, snapshot.stamp_ms, recovered.entries)
        self.commit: Index = snapshot.index
        self.members = Members(snapshot.index, snapshot.membership)
        self._note_memberships(snapshot.index + 1, recovered.entries)
        self.out = Ready()
        self.role = Role.FOLLOWER
        self._shown_leadership: tuple[NodeId | None, Term, Role] = (None, self.term, self.role)
        self._shown_membership = self.members.current
        self.passive = False
        """The owner knows that this node must not take part: it neither hears nor campaigns."""
        self.transferring = False
        """The leader asked us to campaign; it must not be a reason against us."""
        remembers = settings.lease_reads and self.term > 0
        self.sticky_until: Millis = now + settings.election_ms if remembers else now
        """Until then votes are refused, because a leader lives (thesis 4.2.3)."""
        self.election_deadline: Millis = NEVER
        self._patience_ms: Millis = settings.election_ms
        """How long this follower waits for a sign of its leader: until the next election."""

    @property
    def membership(self) -> Membership:
        """The membership in force."""
        return self.members.current

    def start(self, actors: dict[Role, Actor]) -> None:
        """Begin as a follower. A sole voter has nobody to wait for."""
        self._actors = actors
        self.actor = actors[Role.FOLLOWER]
        self.actor.enter()
        if rules.is_sole_voter(self.membership, self.me):
            self.election_deadline = self.now

    # Time.

    def reset_election_timer(self) -> None:
        """Be patient again, for a time that differs from the others' (thesis 3.4)."""
        patience = self.settings.election_ms
        self._patience_ms = self.chance.randrange(patience, 2 * patience)
        self.election_deadline = self.now + self._patience_ms

    def retry_soon(self) -> None:
        """Be less patient after a vote was refused.

        Either somebody else wins, and we hear of it at once, or the vote is split, and waiting
        long only keeps the cluster without a leader.
        """
        patience = self.settings.election_ms
        soon = self.now + self.chance.randrange(patience // 10, patience // 2)
        self.election_deadline = min(self.election_deadline, soon)

    def hold_back(self) -> None:
        """Let another campaign that is about to ask for votes go first: two at once split them."""
        pause = self.settings.heartbeat_ms
        self.election_deadline = max(self.election_deadline, self.now + pause)

    def leader_spoke(self) -> None:
        """Note a sign of the leader's life. The dice are thrown anew when it matters."""
        self.sticky_until = self.now + self.settings.election_ms
        self.election_deadline = self.now + self._patience_ms

    def leader_lives(self) -> bool:
        """Tell whether to refuse votes for the sake of a leader (thesis 4.2.3, 9.6)."""
        return self.role is Role.LEADER or self.now < self.sticky_until

    # Roles and terms.

    def may_campaign(self) -> bool:
        """Tell whether this node may stand for election.

        So may one that the newest membership leaves out, until that is known to be committed:
        its log may be the only one that can finish the change (thesis 4.2.2).
        """
        members = self.members
        return not self.passive and (
            rules.is_voter(members.current, self.me)
            or (members.index > self.commit and rules.is_voter(members.at(self.commit), self.me))
        )

    def follow(self, term: Term, leader: NodeId | None) -> None:
        """Be a follower in `term`, which is this or a later one."""
        self.enter_term(term)
        self.leader = leader
        if self.role is not Role.FOLLOWER:
            self.become(Role.FOLLOWER)

    def enter_term(self, term: Term, vote: NodeId | None = None) -> None:
        """Go on to `term`, if it is later than ours; with a vote for ourselves or none."""
        assert term >= self.term, (term, self.term)
        if term > self.term:
            self.term = term
            self.vote = vote
            self._promise()

    def vote_for(self, candidate: NodeId) -> None:
        """Give this term's one vote."""
        assert self.vote in {None, candidate}, (self.vote, candidate)
        self.vote = candidate
        self._promise()

    def become(self, role: Role) -> None:
        """Change the role; also from candidate to candidate, for the next round."""
        self.actor.depart()
        self.role = role
        self.actor = self._actors[role]
        self.actor.enter()
        self.logger.debug("raft.role", role=role.value, term=self.term, leader=self.leader)

    def _promise(self) -> None:
        self.out.hard_state = HardState(self.term, self.vote)

    # Log, commit and membership.

    def append(self, entry: Entry) -> Index:
        """Append one entry as the leader; return its index."""
        self.log.append([entry])
        self._note_memberships(self.log.last_index, [entry])
        return self.log.last_index

    def accept(self, base: Index, entries: list[Entry]) -> None:
        """Append what the leader sent behind `base`, which matches.

        A suffix of ours that contradicts it goes; nothing else does (thesis 3.5).
        """
        log = self.log
        known = log.first_conflict(base, entries) if base < log.last_index else 0
        if known == len(entries):
            return
        first = base + known + 1
        if first <= log.last_index:
            assert first > self.commit, f"{first} is committed: {self.commit}"
            log.truncate(first)
            self.members.truncate(first)
        fresh = entries[known:] if known else entries
        log.append(fresh)
        self._note_memberships(first, fresh)

    def _note_memberships(self, first: Index, entries: list[Entry]) -> None:
        for offset, entry in enumerate(entries):
            if entry[1] != COMMAND and rules.is_membership(entry):
                self.members.append(first + offset, rules.decode(entry[3]))

    def commit_to(self, index: Index) -> None:
        """Commit up to `index`, if that is news."""
        if index > self.commit:
            assert index <= self.log.last_index, (index, self.log.last_index)
            if self.commit < self.members.index <= index:
                self.out.membership_changed = True
            self.commit = index
            self.out.commit = index

    # Outbox.

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to take."""
        out = self.out
        return (
            not (out.commit or out.send_now or out.send_after_sync or out.reads)
            and not (out.hard_state or out.reads_failed or out.snapshot_to)
            and not out.membership_changed
            and self.log.handed == self.log.last_index
            and self.members.current is self._shown_membership
            and (self.leader, self.term, self.role) == self._shown_leadership
        )

    def take_ready(self) -> Ready:
        """Return what is to be done, and begin anew."""
        out, log = self.out, self.log
        if log.handed < log.last_index:
            out.first_index, out.entries = log.hand_over()
        leadership = (self.leader, self.term, self.role)
        if leadership != self._shown_leadership:
            self._shown_leadership = leadership
            out.leadership_changed = True
        if self.members.current is not self._shown_membership:
            self._shown_membership = self.members.current
            out.membership_changed = True
        if not out:
            return NOTHING
        self.out = Ready()
        return out
