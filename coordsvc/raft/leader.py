"""The leader: replicates, commits, confirms reads, changes the membership, hands over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from coordsvc.base.ids import Index, Millis, NodeId
from coordsvc.raft import membership as rules
from coordsvc.raft.core import NEVER, Core, Handlers, handles
from coordsvc.raft.membership import Refusal
from coordsvc.raft.messages import (
    NOOP,
    AppendReply,
    AppendRequest,
    Entry,
    Heartbeat,
    HeartbeatReply,
    MemberInfo,
    Membership,
    Message,
    SnapshotOffer,
    TimeoutNow,
)
from coordsvc.raft.progress import Flow, Progress
from coordsvc.raft.quorum import Verdict
from coordsvc.raft.reads import ReadRounds
from coordsvc.raft.ready import Proposed

DOUBT_SHARE: Final = 10
"""Who was asked to confirm reads has such a share of the time between heartbeats to answer."""
PROMPT_MS: Final = 1_000
"""How long after a hint that clients of a follower wait it is told of each commit at once."""


Lane: TypeAlias = list[tuple[NodeId, Message]]
"""Where messages go: out now, or out after the sync."""
_Made: TypeAlias = tuple[AppendRequest, Index, int]
"""A request, the last index in it, and its bytes."""


@dataclass(frozen=True, slots=True)
class Handover:
    """Leadership is being handed to `target`; given up at `until`."""

    target: NodeId
    until: Millis


class Leader:
    """The active role. Inputs change what it knows; `flush` sends what follows from it."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.followers: dict[NodeId, Progress] = {}
        self.handover: Handover | None = None
        self._asked_to_run = False
        """A TimeoutNow left in this term: somebody may be elected against our lease."""
        self._term_index: Index = 0
        """Where this term begins in the log; entries before it do not commit by counting."""
        self._term_durable = False
        """That we entered this term is on disk. It always is if others voted for us."""
        self._heartbeat_at: Millis = 0
        self._news_at: Millis = 0
        """When to tell those who do not know it of the commit; 0: everybody knows."""
        self._reads = ReadRounds()
        self._confirmers: list[NodeId] = []
        """Whom rounds of reads ask: enough for a quorum. Empty: to be chosen."""
        self._doubt_at: Millis = NEVER
        """When to ask everybody, if a round that asked only these is still not confirmed."""
        self.handlers: Handlers = {
            **handles(AppendReply, self.receive_append_reply),
            **handles(HeartbeatReply, self.receive_heartbeat_reply),
        }

    # The role.

    def enter(self) -> None:
        """Begin the term with an entry of it, so that what came before can commit (3.6.2)."""
        core = self._core
        core.leader = core.me
        self.followers = {}
        self.handover = None
        self._asked_to_run = False
        self._reads = ReadRounds()
        self._doubt_at = NEVER
        self._term_durable = core.members.quorum.verdict({core.me: True}) is not Verdict.WON
        self._settle_followers()
        self._term_index = core.append(Entry(core.term, NOOP, core.log.last_stamp_ms, b""))
        self._beat()

    def depart(self) -> None:
        """Give up what only a leader can promise; votes are free again."""
        core = self._core
        core.out.reads_failed += self._reads.abandon()
        core.sticky_until = core.now
        self.followers = {}
        self.handover = None

    def deadline(self) -> Millis:
        """Return when the next heartbeat is due, or the handover is over."""
        due = min(self._heartbeat_at, self._doubt_at)
        if self.handover:
            due = min(due, self.handover.until)
        return min(due, self._news_at) if self._news_at else due

    def wake(self) -> None:
        """Send heartbeats; step down if no quorum answered for long (thesis 6.2)."""
        core = self._core
        if self.handover and core.now >= self.handover.until:
            core.logger.warning("raft.handover_failed", target=self.handover.target)
            self.handover = None
        if core.now < min(self._heartbeat_at, self._doubt_at):
            return
        if self._quorum_heard_ms() + core.settings.election_ms <= core.now:
            core.logger.warning("raft.quorum_lost", term=core.term)
            core.follow(core.term, None)
            return
        self._beat()

    def _quorum_heard_ms(self) -> Millis:
        heard = {peer: progress.heard_ms for peer, progress in self.followers.items()}
        heard[self._core.me] = self._core.now
        return self._core.members.quorum.reached(heard)

    # Proposals.

    def propose(self, commands: Sequence[bytes], stamp_ms: Millis) -> Proposed | None:
        """Append a batch of commands; None while leadership is being handed over."""
        if self.handover is not None:
            return None
        core = self._core
        stamp = max(stamp_ms, core.log.last_stamp_ms)
        first = core.log.append_commands(core.term, stamp, commands)
        return Proposed(core.term, first, len(commands))

    def propose_membership(
        self,
        voters: Sequence[NodeId],
        learners: Sequence[NodeId],
        infos: Sequence[MemberInfo] | None,
        stamp_ms: Millis,
    ) -> Proposed | Refusal:
        """Begin to change who votes and who learns; ends by itself (thesis 4.3)."""
        core = self._core
        if self.handover is not None:
            return Refusal.HANDING_OVER
        if core.commit < self._term_index:
            return Refusal.TERM_UNCOMMITTED
        if core.members.index > core.commit or core.membership.voters_old:
            return Refusal.CHANGE_PENDING
        if not voters:
            return Refusal.NO_VOTERS
        step = rules.step_towards(core.membership, voters, learners, infos)
        if step == core.membership:
            return Refusal.UNCHANGED
        index = self._append_membership(step, stamp_ms)
        return Proposed(core.term, index, 1)

    def _append_membership(self, membership: Membership, stamp_ms: Millis) -> Index:
        core = self._core
        stamp = max(stamp_ms, core.log.last_stamp_ms)
        index = core.append(rules.entry_of(membership, core.term, stamp))
        self._settle_followers()
        core.logger.info("raft.membership", index=index, membership=membership)
        return index

    def _settle_followers(self) -> None:
        """Follow the membership in force: know everybody in it, forget everybody else."""
        core, known = self._core, self.followers
        self.followers = {
            peer: known.get(peer) or Progress(core.log.last_index + 1, core.now)
            for peer in rules.members_of(core.membership)
            if peer != core.me
        }
        self._confirmers = []

    # Answers.

    def receive_append_reply(self, sender: NodeId, reply: AppendReply) -> None:
        """Note how far a follower is; commit what that allows."""
        core, progress = self._core, self.followers.get(sender)
        if progress is None or reply.index > core.log.last_index:
            return
        progress.heard_ms = core.now
        if not reply.accepted:
            agreed, _ = core.log.latest_agreement(reply.hint_index, reply.hint_term)
            if progress.rejected(reply.index, agreed):
                core.logger.debug("raft.back_to", peer=sender, next=progress.next)
            return
        if progress.flow is Flow.SNAPSHOT and reply.index >= core.log.base_index:
            progress.snapshot_sent(reply.index, ok=True)
        if progress.accepted(reply.index):
            self.maybe_commit(reply.index)
            if self.handover and sender == self.handover.target:
                self._maybe_finish_handover(self.handover, progress)

    def receive_heartbeat_reply(self, sender: NodeId, reply: HeartbeatReply) -> None:
        """Note that the follower lives; confirm reads; find out about appends that got lost."""
        core, progress = self._core, self.followers.get(sender)
        if progress is None or reply.round > self._reads.round:
            return
        progress.heard_ms = core.now
        if reply.round > progress.round:
            progress.round = reply.round
            if sender not in self._confirmers:
                self._confirmers = []  # it may have become the better one to ask
            self._confirm_reads()
        if core.now - progress.sent_ms >= core.settings.heartbeat_ms:
            progress.ask_again(core.log.last_index)

    def persisted(self) -> None:
        """Our own log grew on disk: only now does it count (thesis 10.2.1)."""
        if self._core.log.durable >= self._term_index:
            self._term_durable = True
        self.maybe_commit(self._core.log.durable)

    def maybe_commit(self, news: Index) -> None:
        """Commit what a quorum has, if the entry is of this term (3.6.2, figure 8)."""
        core = self._core
        if news <= core.commit or news < self._term_index:
            return
        matches = {peer: progress.match for peer, progress in self.followers.items()}
        matches[core.me] = core.log.durable
        index = core.members.quorum.reached(matches)
        if index > core.commit and index >= self._term_index:
            core.commit_to(index)
            self._news_at = self._news_at or core.now + core.settings.commit_news_ms
            if core.members.index <= index:
                self._maybe_go_on_changing()

    def _maybe_go_on_changing(self) -> None:
        """Leave a joint membership that is committed; retire, if a committed one is without us."""
        core, membership = self._core, self._core.membership
        if membership.voters_old:
            self._append_membership(rules.leave(membership), core.log.last_stamp_ms)
        elif core.me not in membership.voters:
            self._retire()

    def _retire(self) -> None:
        """Stop leading a cluster that we no longer vote in; let the best successor run."""
        core, followers = self._core, self.followers
        heard_after = core.now - core.settings.election_ms
        successor = max(
            core.membership.voters,
            key=lambda peer: (followers[peer].heard_ms > heard_after, followers[peer].match),
        )
        self._lane().append((successor, TimeoutNow(core.term)))
        core.logger.info("raft.retired", successor=successor)
        core.follow(core.term, None)

    # Handing over.

    def transfer_to(self, target: NodeId) -> bool:
        """Hand leadership to `target` once it has the whole log; False if it cannot lead."""
        core = self._core
        if self.handover or target not in self.followers or target not in core.membership.voters:
            return False
        self.handover = Handover(target, core.now + core.settings.election_ms)
        self._maybe_finish_handover(self.handover, self.followers[target])
        return True

    def _maybe_finish_handover(self, handover: Handover, progress: Progress) -> None:
        core = self._core
        if progress.match == core.log.last_index:
            self._asked_to_run = True
            self._lane().append((handover.target, TimeoutNow(core.term)))

    # Reads.

    def read(self, token: int) -> None:
        """Let a read wait for the next round."""
        self._reads.add(token)

    def _confirm_reads(self) -> None:
        core = self._core
        rounds = {peer: progress.round for peer, progress in self.followers.items()}
        rounds[core.me] = self._reads.round
        core.out.reads += self._reads.confirm(core.members.quorum.reached(rounds))
        if not self._reads.is_flying:
            self._doubt_at = NEVER

    def lease_until(self) -> Millis:
        """Return until when no other can be elected; 0 if that cannot be proved.

        It holds if clocks keep to the configured drift (thesis 6.4.1).
        """
        core, confirmed_ms = self._core, self._reads.confirmed_ms
        if not core.settings.lease_reads or self._asked_to_run or confirmed_ms is None:
            return 0
        if core.commit < self._term_index:
            return 0
        sure = 100 - core.settings.lease_drift_percent
        return confirmed_ms + core.settings.election_ms * sure // 100

    def hasten(self, peer: NodeId) -> None:
        """Tell this follower of commits at once, for a while."""
        progress = self.followers.get(peer)
        if progress is not None:
            progress.prompt_until_ms = self._core.now + PROMPT_MS

    # Links and snapshots.

    def link_lost(self, peer: NodeId) -> None:
        """Take what was on its way for lost; wait until the link is back."""
        progress = self.followers.get(peer)
        if progress is not None:
            progress.probe()
            progress.paused = True
        if peer in self._confirmers:
            self._confirmers = []
            self._heartbeat_at = self._core.now  # reads may wait for its answer: ask everybody

    def link_made(self, peer: NodeId) -> None:
        """Make ourselves known at once, and ask where the logs agree."""
        progress = self.followers.get(peer)
        if progress is not None:
            progress.probe()
            self._send_heartbeat(peer, progress)

    def snapshot_sent(self, peer: NodeId, index: Index, *, ok: bool) -> None:
        """Go on with a follower whose snapshot arrived, or failed to."""
        progress = self.followers.get(peer)
        if progress is not None and progress.flow is Flow.SNAPSHOT:
            progress.snapshot_sent(index, ok=ok)

    # Sending.

    def _lane(self) -> Lane:
        out = self._core.out
        return out.send_now if self._term_durable else out.send_after_sync

    def _beat(self) -> None:
        """Send a heartbeat to everybody: the sign of life, and a round for the reads."""
        core = self._core
        self._heartbeat_at = core.now + core.settings.heartbeat_ms
        self._doubt_at = NEVER
        ready_to_read = core.commit >= self._term_index
        self._reads.start(core.commit if ready_to_read else None, core.now)
        for peer, progress in self.followers.items():
            self._send_heartbeat(peer, progress)
        self._confirm_reads()

    def _ask_quorum(self) -> None:
        """Start a round for the reads with no more followers than it takes.

        That saves the others, and us, two messages for each round. If one does not answer soon,
        everybody is asked.
        """
        core = self._core
        self._reads.start(core.commit, core.now)
        self._doubt_at = core.now + core.settings.heartbeat_ms // DOUBT_SHARE
        self._confirmers = self._confirmers or self._choose_confirmers()
        for peer in self._confirmers:
            self._send_heartbeat(peer, self.followers[peer])
        if not self._confirmers:  # this node is a quorum
            self._confirm_reads()

    def _choose_confirmers(self) -> list[NodeId]:
        """Return enough followers for a quorum; those first who answered last."""
        core, chosen = self._core, list[NodeId]()
        votes = {core.me: True}

        def rank(peer: NodeId) -> tuple[bool, int]:
            progress = self.followers[peer]
            return progress.flow is not Flow.REPLICATE, -progress.round

        for peer in sorted(self.followers, key=rank):
            if core.members.quorum.verdict(votes) is Verdict.WON:
                break
            if rules.is_voter(core.membership, peer):
                votes[peer] = True
                chosen.append(peer)
        return chosen

    def _send_heartbeat(self, peer: NodeId, progress: Progress, *, silent: bool = False) -> None:
        core = self._core
        commit = min(core.commit, progress.match)
        progress.commit_told = max(progress.commit_told, commit)
        heartbeat = Heartbeat(core.term, commit, 0 if silent else self._reads.round)
        self._lane().append((peer, heartbeat))

    @property
    def is_quiet(self) -> bool:
        """Whether `flush` would send nothing."""
        core = self._core
        if self._reads.wants_round() and core.commit >= self._term_index:
            return False
        last, commit, now = core.log.last_index, core.commit, core.now
        news_due = now >= self._news_at
        for progress in self.followers.values():
            if (
                progress.next <= last or progress.nudged or progress.flow is Flow.PROBE
            ) and self._wants_append(progress, last):
                return False
            told = progress.commit_told
            news = told < commit and told < progress.match
            if news and (news_due or now < progress.prompt_until_ms):
                return False
        return True

    def flush(self) -> None:
        """Send what is due to each follower: at most one append, or the news of a commit."""
        core = self._core
        if self._reads.wants_round() and core.commit >= self._term_index:
            self._ask_quorum()
        made: dict[Index, _Made] = {}
        last = core.log.last_index
        news_due = core.now >= self._news_at
        untold = False
        for peer, progress in self.followers.items():
            if (progress.next <= last or progress.nudged or progress.flow is Flow.PROBE) and (
                self._wants_append(progress, last)
            ):
                self._send_append(peer, progress, made)
            elif progress.commit_told < core.commit and progress.commit_told < progress.match:
                if news_due or core.now < progress.prompt_until_ms:
                    self._send_heartbeat(peer, progress, silent=True)
                else:
                    untold = True
        if not untold:
            self._news_at = 0

    def _wants_append(self, progress: Progress, last: Index) -> bool:
        if progress.flow is Flow.REPLICATE:
            return progress.nudged or (progress.next <= last and progress.has_room())
        return progress.flow is Flow.PROBE and not progress.paused

    def _send_append(self, peer: NodeId, progress: Progress, made: dict[Index, _Made]) -> None:
        """Send what follows `progress.next`.

        Through `made`, followers that are equally far share one request, which is then encoded
        once.
        """
        core, log = self._core, self._core.log
        first = progress.next
        base = first - 1
        if base < log.base_index:
            self._offer_snapshot(peer, progress)
            return
        if progress.nudged or first > log.last_index:
            request = AppendRequest(core.term, base, log.term_at(base), core.commit, [])
            last, size = base, 0
        elif first in made:
            request, last, size = made[first]
        else:
            last, size = log.fitting(first)
            entries = log.slice(first, last)
            request = AppendRequest(core.term, base, log.term_at(base), core.commit, entries)
            made[first] = request, last, size
            if last < log.last_index:
                core.out.more = True
        progress.commit_told = max(progress.commit_told, min(core.commit, last))
        progress.sent(last, size, core.now)
        self._lane().append((peer, request))

    def _offer_snapshot(self, peer: NodeId, progress: Progress) -> None:
        core = self._core
        progress.await_snapshot()
        self._lane().append((peer, SnapshotOffer(core.term, core.snapshot)))
        core.out.snapshot_to.append(peer)
        core.logger.info("raft.snapshot_due", peer=peer, next=progress.next)
