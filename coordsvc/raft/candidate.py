"""A candidate: asks whether it would be elected, and if so, for votes (thesis 3.4, 9.6)."""

from __future__ import annotations

from coordsvc.base.ids import Millis, NodeId
from coordsvc.raft import membership as rules
from coordsvc.raft.core import Core, Handlers, Role, handles
from coordsvc.raft.messages import VoteReply, VoteRequest
from coordsvc.raft.quorum import Verdict


class Candidate:
    """Campaigns: first a pre-vote that changes nothing, then the vote in a new term."""

    def __init__(self, core: Core, from_leader: Handlers) -> None:
        self._core = core
        self._pre = True
        self._votes: dict[NodeId, bool] = {}
        self.handlers: Handlers = {**from_leader, **handles(VoteReply, self.receive_reply)}

    def enter(self) -> None:
        """Begin a campaign. One that the leader asked for needs no pre-vote."""
        core = self._core
        core.leader = None
        if core.transferring:
            self._ask_for_votes()
        else:
            self._pre = True
            self._ask(VoteRequest(core.term + 1, True, core.log.last_index, core.log.last_term))

    def depart(self) -> None:
        """Forget that the campaign was asked for."""
        self._core.transferring = False

    def deadline(self) -> Millis:
        """Return when to try again; chance keeps split votes from repeating."""
        return self._core.election_deadline

    def wake(self) -> None:
        """Try again, if nobody has won; or stop, if the right to vote is gone."""
        core = self._core
        if core.now < core.election_deadline:
            return
        core.become(Role.CANDIDATE if core.may_campaign() else Role.FOLLOWER)

    def receive_reply(self, sender: NodeId, reply: VoteReply) -> None:
        """Count a vote of this campaign."""
        asked_for = self._core.term + (1 if self._pre and reply.granted else 0)
        if reply.pre == self._pre and reply.term == asked_for:
            self._votes.setdefault(sender, reply.granted)
            self._decide()
            if not reply.pre and not reply.granted:
                self._core.retry_soon()

    def _ask_for_votes(self) -> None:
        core = self._core
        transfer = core.transferring
        self._pre = False
        core.enter_term(core.term + 1, vote=core.me)
        self._ask(VoteRequest(core.term, False, core.log.last_index, core.log.last_term, transfer))

    def _ask(self, request: VoteRequest) -> None:
        """Vote for ourselves and ask the others.

        Our own vote is a promise as well, so the request for a real one leaves when ours is on
        disk.
        """
        core = self._core
        self._votes = {core.me: True}
        core.reset_election_timer()
        lane = core.out.send_now if self._pre else core.out.send_after_sync
        for peer in rules.members_of(core.membership):
            if peer != core.me and rules.is_voter(core.membership, peer):
                lane.append((peer, request))
        self._decide()

    def _decide(self) -> None:
        core = self._core
        verdict = core.members.quorum.verdict(self._votes)
        if verdict is Verdict.LOST:
            core.become(Role.FOLLOWER)
        elif verdict is Verdict.WON and self._pre:
            self._ask_for_votes()
        elif verdict is Verdict.WON:
            core.become(Role.LEADER)
