"""A follower: accepts entries and snapshots, gives its vote, campaigns when its leader is gone."""

from __future__ import annotations

from coordsvc.base.ids import Index, Millis, NodeId
from coordsvc.raft.core import LINK_LOST_DELAY_MS_MAX, NEVER, Core, Handlers, Role, handles
from coordsvc.raft.messages import (
    AppendReply,
    AppendRequest,
    Heartbeat,
    HeartbeatReply,
    SnapshotMeta,
    SnapshotOffer,
    TimeoutNow,
    VoteReply,
    VoteRequest,
)


class Follower:
    """The passive role, and what every role does when another node leads or wants to."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.from_leader: Handlers = {
            **handles(AppendRequest, self.receive_append),
            **handles(Heartbeat, self.receive_heartbeat),
            **handles(SnapshotOffer, self.receive_offer),
        }
        """What only the leader of a term says; a candidate that hears it gives up."""
        self.handlers: Handlers = {
            **self.from_leader,
            **handles(TimeoutNow, self.receive_timeout_now),
        }

    def enter(self) -> None:
        """Wait for a leader."""
        self._core.reset_election_timer()

    def depart(self) -> None:
        """Nothing to lay down."""

    def deadline(self) -> Millis:
        """Return when patience ends; never for one that has no vote."""
        core = self._core
        return core.election_deadline if core.may_campaign() else NEVER

    def wake(self) -> None:
        """Campaign if the leader was silent for too long."""
        if self._core.now >= self.deadline():
            self._core.become(Role.CANDIDATE)

    def link_lost(self, peer: NodeId) -> None:
        """Doubt a leader whose link closed: ask soon whether the others lost it too."""
        core = self._core
        if peer == core.leader and not core.settings.lease_reads:
            core.sticky_until = core.now
            delay = core.chance.randrange(0, LINK_LOST_DELAY_MS_MAX + 1)
            core.election_deadline = min(core.election_deadline, core.now + delay)

    def link_made(self) -> None:
        """Have an election soon where nobody leads: after a start, or when a partition heals.

        A leader that lives makes itself known over its new link before that.
        """
        core = self._core
        if core.leader is None:
            pause = core.settings.heartbeat_ms
            soon = core.now + core.chance.randrange(pause // 10, pause)
            if core.settings.lease_reads:
                soon = max(soon, core.sticky_until)  # our own vote is one that a lease counts on
            core.election_deadline = min(core.election_deadline, soon)

    # Votes.

    def answer_vote(self, sender: NodeId, request: VoteRequest) -> None:
        """Answer a request for a vote, or for the prospect of one, in any role.

        Also from a node that is not in the membership known here: that may be out of date
        (thesis 4.1). A live leader is stood by, unless it asked for the election itself.
        """
        core = self._core
        if core.leader_lives() and not request.transfer and request.term >= core.term:
            if request.pre:
                core.out.send_now.append((sender, VoteReply(core.term, True, False)))
            return
        if request.pre:
            granted = self._would_vote(sender, request)
            if granted:
                core.hold_back()
            term = request.term if granted else core.term
            core.out.send_now.append((sender, VoteReply(term, True, granted)))
            return
        if request.term > core.term:
            core.follow(request.term, None)
        granted = self._would_vote(sender, request)
        if granted:
            core.vote_for(sender)
            core.reset_election_timer()
        core.out.send_after_sync.append((sender, VoteReply(core.term, False, granted)))

    def _would_vote(self, sender: NodeId, request: VoteRequest) -> bool:
        core = self._core
        if request.term < core.term:
            return False
        if request.term == core.term and (core.leader or core.vote or sender) != sender:
            return False
        return (request.last_term, request.last_index) >= (core.log.last_term, core.log.last_index)

    # What a leader says.

    def receive_append(self, sender: NodeId, request: AppendRequest) -> None:
        """Append if the base matches; say so when it is on disk."""
        core = self._core
        if not self._recognise(sender):
            return
        base, entries = request.base_index, request.entries
        if entries and entries[-1][0] > request.term:
            core.logger.error("raft.append_from_the_future", sender=sender, term=request.term)
            return
        last = base + len(entries)
        if base < core.commit:  # What is committed is the same everywhere.
            entries = entries[core.commit - base :]
            base = core.commit
            last = max(last, base)
        elif not core.log.has(base, request.base_term):
            self._reject(sender, base, request)
            return
        core.accept(base, entries)
        self._acknowledge(sender, last)
        core.commit_to(min(request.commit, last))

    def _reject(self, sender: NodeId, base: Index, request: AppendRequest) -> None:
        core = self._core
        hint_index, hint_term = core.log.latest_agreement(base, request.base_term)
        reply = AppendReply(core.term, False, base, hint_index, hint_term)
        core.out.send_after_sync.append((sender, reply))

    def _acknowledge(self, sender: NodeId, last: Index) -> None:
        """Acknowledge up to `last`; one acknowledgement stands for all those before it.

        But not for those of an earlier term: what they spoke of may be gone since.
        """
        core, pending = self._core, self._core.out.send_after_sync
        if pending:
            receiver, before = pending[-1]
            same = receiver == sender and before.term == core.term
            if same and type(before) is AppendReply and before.accepted:
                last = max(last, before.index)
                pending.pop()
        pending.append((sender, AppendReply(core.term, True, last)))

    def receive_heartbeat(self, sender: NodeId, heartbeat: Heartbeat) -> None:
        """Stay patient. A heartbeat never names a commit that is not known to be here."""
        core = self._core
        if not self._recognise(sender):
            return
        if heartbeat.commit <= core.log.last_index:
            core.commit_to(heartbeat.commit)
        if heartbeat.round:
            core.out.send_now.append((sender, HeartbeatReply(core.term, heartbeat.round)))

    def receive_offer(self, sender: NodeId, offer: SnapshotOffer) -> None:
        """Stay patient: a snapshot is to follow. Say so if it would bring nothing new."""
        core = self._core
        if self._recognise(sender) and offer.meta.index <= core.commit:
            self._acknowledge(sender, core.commit)

    def receive_timeout_now(self, sender: NodeId, _: TimeoutNow) -> None:
        """Campaign at once, because the leader hands over (thesis 3.10)."""
        core = self._core
        if sender == core.leader and core.may_campaign():
            core.transferring = True
            core.become(Role.CANDIDATE)

    def restored(self, meta: SnapshotMeta) -> bool:
        """Take over a snapshot that is on disk; tell whether it took the log's place."""
        core = self._core
        replaced = False
        if meta.index > core.commit:
            replaced = not core.log.has(meta.index, meta.term)
            if replaced:
                core.log.reset(meta.index, meta.term, meta.stamp_ms)
                core.members.reset(meta.index, meta.membership)
            core.snapshot = meta
            core.commit_to(meta.index)
        if core.leader is not None and core.leader != core.me:
            self._acknowledge(core.leader, core.commit)
        return replaced

    def _recognise(self, sender: NodeId) -> bool:
        """Take `sender` for the leader of this term; False if there is another."""
        core = self._core
        if core.leader not in {None, sender}:
            core.logger.error("raft.two_leaders", term=core.term, one=core.leader, two=sender)
            return False
        if core.leader is None:
            core.follow(core.term, sender)
        core.leader_spoke()
        return True
