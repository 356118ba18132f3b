"""RaftNode: one node's part in consensus, as its owner sees it.

The owner feeds it inputs (`step`, `propose`, `read`, `persisted`, `wake`, ...), each with the
time, and after a turn takes one `ready()`: everything that is to be written, sent and applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coordsvc.base.ids import Index, Millis, NodeId, Term
from coordsvc.base.ports import Chance, Logger
from coordsvc.raft import membership as rules
from coordsvc.raft.candidate import Candidate
from coordsvc.raft.core import Core, RaftSettings, RecoveredRaft, Role
from coordsvc.raft.follower import Follower
from coordsvc.raft.leader import Leader
from coordsvc.raft.membership import Refusal
from coordsvc.raft.messages import (
    AppendReply,
    AppendRequest,
    Entry,
    Heartbeat,
    HeartbeatReply,
    MemberInfo,
    Membership,
    Message,
    SnapshotMeta,
    SnapshotOffer,
    VoteReply,
    VoteRequest,
)
from coordsvc.raft.ready import Proposed, Ready

__all__ = ["PeerView", "RaftNode", "RaftSettings", "RecoveredRaft", "Refusal", "Role"]

_FROM_LEADER = (AppendRequest, Heartbeat, SnapshotOffer)


@dataclass(frozen=True, slots=True)
class PeerView:
    """What the leader knows of one follower, for status pages."""

    flow: str
    match: Index
    next: Index
    in_flight: int
    heard_ms: Millis


class RaftNode:
    """Raft without I/O: not thread-safe, not reentrant, deterministic for its inputs."""

    __slots__ = ("_core", "_follower", "_leader")

    def __init__(
        self,
        node: NodeId,
        settings: RaftSettings,
        recovered: RecoveredRaft,
        *,
        chance: Chance,
        log: Logger,
        now: Millis,
    ) -> None:
        assert 0 < settings.heartbeat_ms < settings.election_ms, settings
        core = Core(node, settings, recovered, chance=chance, log=log, now=now)
        self._core = core
        self._follower = Follower(core)
        self._leader = Leader(core)
        candidate = Candidate(core, self._follower.from_leader)
        core.start(
            {Role.FOLLOWER: self._follower, Role.CANDIDATE: candidate, Role.LEADER: self._leader}
        )

    # What can be seen.

    @property
    def role(self) -> Role:
        """Follower (or learner), candidate or leader."""
        return self._core.role

    @property
    def term(self) -> Term:
        """The current term."""
        return self._core.term

    @property
    def vote(self) -> NodeId | None:
        """Whom this node voted for in this term."""
        return self._core.vote

    @property
    def leader(self) -> NodeId | None:
        """Who leads this term, as far as is known here."""
        return self._core.leader

    @property
    def regime(self) -> tuple[NodeId | None, Term]:
        """Leader and term, as far as is known here."""
        core = self._core
        return core.leader, core.term

    @property
    def membership(self) -> Membership:
        """The membership in force; it may not be committed yet."""
        return self._core.membership

    @property
    def membership_index(self) -> Index:
        """Where in the log the membership in force stands; committed if `commit` is there."""
        return self._core.members.index

    @property
    def committed_membership(self) -> Membership:
        """The latest membership that is decided."""
        return self._core.members.at(self._core.commit)

    @property
    def commit(self) -> Index:
        """Everything up to here is decided."""
        return self._core.commit

    @property
    def first_index(self) -> Index:
        """The first entry that `entries` can give."""
        return self._core.log.base_index + 1

    @property
    def durable_index(self) -> Index:
        """The last entry of the log that is on this node's disk."""
        return self._core.log.durable

    @property
    def last_index(self) -> Index:
        """The last entry of the log, committed or not."""
        return self._core.log.last_index

    @property
    def last_stamp_ms(self) -> Millis:
        """The stamp of the last entry."""
        return self._core.log.last_stamp_ms

    @property
    def snapshot(self) -> SnapshotMeta:
        """The newest snapshot this node told us of."""
        return self._core.snapshot

    @property
    def uncommitted_bytes(self) -> int:
        """Bytes of data proposed or received that are not committed."""
        return self._core.log.bytes_between(self._core.commit, self._core.log.last_index)

    def bytes_behind(self, index: Index) -> int:
        """Return the bytes of data behind an entry; of the whole log, if it begins later."""
        log = self._core.log
        return log.bytes_between(max(index, log.base_index), log.last_index)

    @property
    def handing_over(self) -> bool:
        """Whether this leader is handing over and takes no proposals."""
        return self._core.role is Role.LEADER and self._leader.handover is not None

    @property
    def passive(self) -> bool:
        """Whether this node must not take part: it takes no message and does not campaign."""
        return self._core.passive

    @passive.setter
    def passive(self, passive: bool) -> None:
        self._core.passive = passive

    def entries(self, first: Index, last: Index) -> list[Entry]:
        """Return the entries `first` .. `last`, which must be in `first_index` .. `last_index`."""
        return self._core.log.slice(first, last)

    def term_at(self, index: Index) -> Term:
        """Return the term at an index in `first_index - 1` .. `last_index`."""
        return self._core.log.term_at(index)

    def snapshot_meta(self, index: Index) -> SnapshotMeta:
        """Describe a snapshot of the state after applying `index`, which is in the log."""
        core = self._core
        assert index <= core.commit, (index, core.commit)
        return SnapshotMeta(
            index, core.log.term_at(index), core.members.at(index), core.log.stamp_at(index)
        )

    def peers(self) -> dict[NodeId, PeerView]:
        """Return what this leader knows of each follower; nothing if it does not lead."""
        return {
            peer: PeerView(p.flow.value, p.match, p.next, len(p.window), p.heard_ms)
            for peer, p in self._leader.followers.items()
        }

    def leader_lease_until(self) -> Millis:
        """Return until when reads may be served at `commit` without a round: 0 if never."""
        return self._leader.lease_until() if self._core.role is Role.LEADER else 0

    # Messages.

    def step(self, sender: NodeId, message: Message, now: Millis) -> None:
        """Take a message in. What is stale, unknown or impossible changes nothing."""
        core = self._core
        core.now = now
        if core.passive:
            return
        if type(message) is VoteRequest:
            self._follower.answer_vote(sender, message)
            return
        if message.term != core.term and not self._settle_term(sender, message):
            return
        handler = core.actor.handlers.get(type(message))
        if handler is not None:
            handler(sender, message)

    def _settle_term(self, sender: NodeId, message: Message) -> bool:
        """Bring the terms of message and node together; False: the message is done with."""
        core = self._core
        if type(message) is VoteReply and message.pre and message.granted:
            return message.term == core.term + 1
        if message.term < core.term:
            if isinstance(message, _FROM_LEADER):
                self._answer_old_leader(sender, message)
            return False
        known = sender in rules.members_of(core.membership)
        if not known and not isinstance(message, _FROM_LEADER):
            return False  # A node that was removed must not end our leader's term.
        core.follow(message.term, sender if isinstance(message, _FROM_LEADER) else None)
        return True

    def _answer_old_leader(self, sender: NodeId, message: Message) -> None:
        """Tell a leader of an older term that it is over.

        Silence could keep us apart for ever, as votes are refused for the sake of that leader.
        """
        core = self._core
        if isinstance(message, Heartbeat):
            core.out.send_now.append((sender, HeartbeatReply(core.term, 0)))
        else:
            core.out.send_after_sync.append((sender, AppendReply(core.term, False, 0)))

    # What the owner wants.

    def propose(self, commands: Sequence[bytes], stamp_ms: Millis, now: Millis) -> Proposed | None:
        """Append a batch of commands, all stamped with the later of `stamp_ms` and the last stamp.

        None: this node does not lead, or is handing over; nothing was appended.
        """
        core = self._core
        core.now = now
        if core.role is not Role.LEADER or not commands:
            return None
        return self._leader.propose(commands, stamp_ms)

    def propose_membership(
        self,
        *,
        voters: Sequence[NodeId],
        learners: Sequence[NodeId],
        infos: Sequence[MemberInfo] | None = None,
        stamp_ms: Millis,
        now: Millis,
    ) -> Proposed | Refusal:
        """Begin to change who votes and who learns, or say why not.

        A change of voters passes through a joint membership, which the leader leaves by itself
        when it is committed: watch `membership` until `voters_old` is empty. Without `infos`
        what is known of the members stays.
        """
        self._core.now = now
        if self._core.role is not Role.LEADER:
            return Refusal.NOT_LEADER
        return self._leader.propose_membership(voters, learners, infos, stamp_ms)

    def read(self, token: int, now: Millis) -> None:
        """Ask for a linearizable read; it comes back in `Ready.reads` or `Ready.reads_failed`."""
        core = self._core
        core.now = now
        if core.role is Role.LEADER:
            self._leader.read(token)
        else:
            core.out.reads_failed.append(token)

    def transfer_to(self, node: NodeId, now: Millis) -> bool:
        """Hand leadership to a voter; given up after an election timeout. False: impossible."""
        self._core.now = now
        return self._core.role is Role.LEADER and self._leader.transfer_to(node)

    def hasten(self, peer: NodeId, now: Millis) -> None:
        """Tell this follower of commits at once, for a while: its clients wait for answers."""
        self._core.now = now
        self._leader.hasten(peer)

    # What happened.

    def persisted(self, index: Index, term: Term, now: Millis) -> None:
        """Note that the write that ended with (index, term), and all before it, are on disk."""
        core = self._core
        core.now = now
        core.log.persisted(index, term)
        if core.role is Role.LEADER:
            self._leader.persisted()

    def snapshot_sent(self, peer: NodeId, index: Index, ok: bool, now: Millis) -> None:
        """Note that a snapshot up to `index` was delivered to `peer`, or could not be."""
        self._core.now = now
        self._leader.snapshot_sent(peer, index, ok=ok)

    def restored(self, meta: SnapshotMeta, now: Millis) -> bool:
        """Note that a snapshot from the leader is on disk.

        True: it took the place of the whole log; the state must be taken from it, and the log
        on disk begins again behind it. False: the log has that entry already and was kept.
        """
        self._core.now = now
        return self._follower.restored(meta)

    def compact(self, meta: SnapshotMeta, through: Index | None = None) -> None:
        """Forget the entries up to `through`, as our own snapshot `meta` is on disk.

        By default all that it covers are forgotten.
        """
        core = self._core
        through = meta.index if through is None else through
        assert through <= meta.index <= core.commit, (through, meta.index, core.commit)
        if meta.index > core.snapshot.index:
            core.snapshot = meta
        core.log.compact(through)
        core.members.compact(core.log.base_index)

    def link_lost(self, peer: NodeId, now: Millis) -> None:
        """Note that the connection to `peer` closed."""
        core = self._core
        core.now = now
        if core.role is Role.LEADER:
            self._leader.link_lost(peer)
        elif core.role is Role.FOLLOWER:
            self._follower.link_lost(peer)

    def link_made(self, peer: NodeId, now: Millis) -> None:
        """Note that a connection to `peer` is open."""
        core = self._core
        core.now = now
        if core.role is Role.LEADER:
            self._leader.link_made(peer)
        else:
            self._follower.link_made()

    def trim(self, through: Index, *, entries: int, size: int) -> None:
        """Forget entries that nobody here needs: a restart reads them from disk.

        They are applied up to `through`, durable, and, if this node leads, everybody has them.
        So many of the latest are kept, for a follower that loses its memory or its leader. Who
        needs earlier ones gets a snapshot, and if the newest does not reach `first_index`, the
        owner has to take one first.
        """
        core = self._core
        through = min(through, core.log.durable)
        if core.role is Role.LEADER:
            through = min([through, *(p.match for p in self._leader.followers.values())])
        if through > core.log.base_index:
            core.log.compact(core.log.base_to_keep(through, entries=entries, size=size))
            core.members.compact(core.log.base_index)

    # Time and results.

    def wake(self, now: Millis) -> None:
        """Do what is due. Harmless when nothing is."""
        self._core.now = now
        self._core.actor.wake()

    def deadline(self) -> Millis:
        """Return when `wake` is to be called next; changes with every other call."""
        return self._core.actor.deadline()

    def take_replies(self) -> list[tuple[NodeId, Message]]:
        """Return what may leave before the next Ready, which then is without it."""
        out = self._core.out
        replies = out.send_now
        if replies:
            out.send_now = []
        return replies

    @property
    def is_quiet(self) -> bool:
        """Whether `ready` has nothing to return, and the deadline is no earlier than before it.

        It costs less than to ask for a Ready. A candidate's deadline moves with what it hears.
        """
        core = self._core
        if core.role is Role.LEADER:
            return core.is_quiet and self._leader.is_quiet
        return core.role is Role.FOLLOWER and core.is_quiet

    def ready(self) -> Ready:
        """Return everything that came of the inputs since the last call."""
        if self._core.role is Role.LEADER:
            self._leader.flush()
        return self._core.take_ready()
