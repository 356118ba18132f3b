"""Changes of the membership: who asks, when they are proposed, and what became of them.

Any member takes an order and passes it to the leader. There an order waits for the one before
it, and for a committed entry of the leader's term. It is refused if the members that are up and
caught up would not be a majority of the new voters. A learner that is to vote is promoted by
itself; and each member is the authority on its own addresses and the number of its data folder,
which it tells in its greeting and the leader puts into the membership.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from coordsvc.base.ids import Index, Millis, NodeId, Term
from coordsvc.base.ports import Logger
from coordsvc.raft.membership import Refusal, is_voter, members_of
from coordsvc.raft.messages import MemberInfo, Membership
from coordsvc.raft.node import RaftNode, Role
from coordsvc.replica.catching_up import CatchingUp
from coordsvc.replica.changes import (
    ANY_REVISION,
    Fault,
    MembersChange,
    MembersOutcome,
    RefusedChange,
    Target,
    check_fitness,
    target_of,
)
from coordsvc.replica.effects import Effects
from coordsvc.replica.gate import Gate, Greeting
from coordsvc.replica.messages import Dismissal, MembersMessage, MembersReply, MembersRequest

MembersAnswer: TypeAlias = Callable[[MembersOutcome], None]

PATIENCE_MS: Final = 6_000
"""What cannot be proposed, or is not committed, in this time is answered so."""
ANSWER_MS: Final = 1_000
"""How much longer a follower waits for the leader's answer."""
_MAY_PASS: Final = frozenset({Fault.NOT_CAUGHT_UP, Fault.QUORUM_AT_RISK})
"""What may be so only because somebody has not been heard from since the order came."""


@dataclass(frozen=True, slots=True)
class MemberView:
    """One member as the membership has it."""

    info: MemberInfo
    votes: bool
    """Whether it votes now; in the old group or the new one while a change is under way."""
    leaves: bool
    """Whether it is on its way out of the voters."""


@dataclass(frozen=True, slots=True)
class MembersView:
    """The membership in force."""

    revision: Index
    """Where in the log it stands; 0 for the one that the cluster began with."""
    committed: bool
    members: tuple[MemberView, ...]


@dataclass(slots=True)
class _Waiting:
    """Somebody here who asked for a change."""

    change: MembersChange
    answer: MembersAnswer
    until: Millis
    passed_on: bool = False


@dataclass(slots=True)
class _Order:
    """A change that the leader is asked for, by a member that is to be answered."""

    asker: NodeId
    token: int
    change: MembersChange
    since: Millis
    """Who is up must show it after this."""
    until: Millis
    index: Index = 0
    """Where it was proposed; 0: not yet."""
    term: Term = 0
    waits_for: str = "the leader has not come to it"


class Members:
    """One replica's part in changing the membership."""

    __slots__ = (
        "_catching_up", "_election_ms", "_heard", "_leader", "_log", "_node", "_orders", "_raft",
        "_seen", "_token", "_waiting", "gate",
    )  # fmt: skip

    def __init__(
        self,
        node: NodeId,
        own: MemberInfo | None,
        raft: RaftNode,
        *,
        election_ms: Millis,
        log: Logger,
    ) -> None:
        self._node = node
        self._raft = raft
        self._election_ms = election_ms
        self._log = log
        self._leader: NodeId | None = None
        self._heard: dict[NodeId, MemberInfo] = {} if own is None else {node: own}
        """What this replica, and those a link stands to, say of themselves."""
        self._orders: deque[_Order] = deque()
        """The leader's: the first may be under way."""
        self._waiting: dict[int, _Waiting] = {}
        self._seen: tuple[Index, Millis] = (0, 0)
        """The leader's: the membership it saw last, and when it first did."""
        self._token = 0
        self._catching_up = CatchingUp(election_ms)
        self.gate = Gate(own or MemberInfo(node), raft, log)

    # ------------------------------------------------------------------ what can be seen

    def view(self) -> MembersView:
        """Return the membership in force, with what is known of each member."""
        raft = self._raft
        membership, index = raft.membership, raft.membership_index
        members = [
            MemberView(
                self._info_of(name),
                is_voter(membership, name),
                name in membership.voters_old and name not in membership.voters,
            )
            for name in members_of(membership)
        ]
        return MembersView(index, index <= raft.commit, tuple(members))

    def _info_of(self, name: NodeId) -> MemberInfo:
        """Return what the membership holds; until it does, what the member says itself."""
        info = self._raft.membership.info_of(name)
        heard = self._heard.get(name)
        return info if heard is None or info.peer else _told(info, heard)

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits here for a change."""
        return bool(self._orders or self._waiting)

    # ------------------------------------------------------------------ inputs

    def change(self, change: MembersChange, answer: MembersAnswer, now: Millis) -> None:
        """Have the membership changed; `answer` is called once, within seconds."""
        self._token += 1
        self._waiting[self._token] = _Waiting(change, answer, now + PATIENCE_MS)

    def link_made(self, peer: NodeId, greeting: Greeting | None) -> None:
        """A member greeted us: remember where it says it is."""
        if greeting is not None:
            self._heard[peer] = greeting.info
            self.gate.met(greeting)

    def link_lost(self, peer: NodeId) -> None:
        """Forget what it said: it may come back another."""
        self._heard.pop(peer, None)
        self._catching_up.forget(peer)

    def receive(self, peer: NodeId, message: MembersMessage, now: Millis, effects: Effects) -> None:
        """Take a message of another member."""
        match message:
            case MembersRequest():
                change = MembersChange(
                    tuple(message.add),
                    tuple(message.promote),
                    tuple(message.remove),
                    message.expected,
                )
                order = _Order(peer, message.token, change, now, now + message.patience_ms)
                if self._raft.role is Role.LEADER:
                    self._orders.append(order)
                else:
                    self._finish(order, Fault.NO_QUORUM, f"{self._node} does not lead", effects)
            case MembersReply():
                fault = Fault(message.fault) if message.fault else None
                self._answer(message.token, MembersOutcome(fault, message.text, message.revision))
            case Dismissal():
                self.gate.dismissed(peer, message)

    # ------------------------------------------------------------------ the turn

    def settle(self, effects: Effects) -> None:
        """The membership changed, or is committed now: tell who waits for that."""
        effects.members_changed = True
        order = self._orders[0] if self._orders else None
        if order is not None and self._is_made(order):
            self._orders.popleft()
            self._finish(order, None, "", effects)

    def _is_made(self, order: _Order) -> bool:
        raft = self._raft
        return (
            0 < order.index <= raft.membership_index <= raft.commit
            and not raft.membership.voters_old
            and order.index >= raft.first_index
            and raft.term_at(order.index) == order.term
        )

    def follow(self, leader: NodeId | None, effects: Effects) -> None:
        """Somebody else leads, or nobody does: what was under way may or may not happen."""
        self.settle(effects)
        for order in self._orders:
            fault = Fault.OUTCOME_UNKNOWN if order.index else Fault.NO_QUORUM
            self._finish(order, fault, "the leader has changed", effects)
        self._orders.clear()
        self._catching_up.clear()
        for token, waiting in list(self._waiting.items()):
            if waiting.passed_on:
                text = "the leader has changed: look at the members before you ask again"
                self._fail(token, Fault.OUTCOME_UNKNOWN, text)
        self._leader = leader

    def tick(self, now: Millis, wall_ms: Millis, effects: Effects) -> None:
        """Go on with everything; to be called often."""
        leading = self._raft.role is Role.LEADER
        for token, waiting in list(self._waiting.items()):
            if not waiting.passed_on and (leading or self._leader is not None):
                waiting.passed_on = True
                self._pass_on(token, waiting, now, effects, leading=leading)
            elif not waiting.passed_on and self.gate.standing:
                self._fail(token, Fault.NO_QUORUM, self.gate.standing)
            elif now > waiting.until + ANSWER_MS * waiting.passed_on:
                fault = Fault.OUTCOME_UNKNOWN if waiting.passed_on else Fault.NO_QUORUM
                self._fail(token, fault, "no leader answered in time")
        if leading:
            self._lead(now, wall_ms, effects)

    def _pass_on(
        self, token: int, waiting: _Waiting, now: Millis, effects: Effects, *, leading: bool
    ) -> None:
        change = waiting.change
        if leading:
            self._orders.append(_Order(self._node, token, change, now, waiting.until))
        elif self._leader is not None:
            request = MembersRequest(
                token,
                max(1, waiting.until - now),
                change.expected,
                list(change.add),
                list(change.promote),
                list(change.remove),
            )
            effects.send.append((self._leader, request))

    # ------------------------------------------------------------------ leading

    def _lead(self, now: Millis, wall_ms: Millis, effects: Effects) -> None:
        for order in [order for order in self._orders if now > order.until]:
            self._orders.remove(order)
            fault = Fault.OUTCOME_UNKNOWN if order.index else Fault.TIMED_OUT
            self._finish(order, fault, order.waits_for, effects)
        if self._raft.membership_index != self._seen[0]:
            self._seen = (self._raft.membership_index, now)
        if not self._orders:
            self._keep_up(now, wall_ms)
        elif not self._orders[0].index:
            self._try(self._orders[0], now, wall_ms, effects)

    def _try(self, order: _Order, now: Millis, wall_ms: Millis, effects: Effects) -> None:
        raft = self._raft
        if raft.membership.voters_old or raft.membership_index > raft.commit:
            order.waits_for = Refusal.CHANGE_PENDING.value
            return
        try:
            target = self._checked(order.change, heard_after=order.since)
        except RefusedChange as refused:
            if refused.fault in _MAY_PASS and now < order.since + self._election_ms:
                order.waits_for = refused.text
                return
            self._orders.popleft()
            self._finish(order, refused.fault, refused.text, effects)
            return
        proposed = self._propose(target, now, wall_ms)
        if not isinstance(proposed, Refusal):
            order.index, order.term = proposed, raft.term
            order.waits_for = "no majority has taken it yet: it may still be made"
        elif proposed is Refusal.UNCHANGED:
            self._orders.popleft()
            self._finish(order, None, proposed.value, effects)
        else:
            order.waits_for = proposed.value

    def _checked(self, change: MembersChange, *, heard_after: Millis) -> Target:
        """Return what a change leads to. RefusedChange: it must not be made."""
        raft = self._raft
        index = raft.membership_index
        if change.expected not in (ANY_REVISION, index):
            raise RefusedChange(
                Fault.BAD_VERSION, f"the membership is at revision {index}, not {change.expected}"
            )
        target = target_of(self._up_to_date(), change)
        check_fitness(target, raft, self._node, heard_after=heard_after)
        return target

    def _propose(self, target: Target, now: Millis, wall_ms: Millis) -> Index | Refusal:
        proposed = self._raft.propose_membership(
            voters=target.voters,
            learners=target.learners,
            infos=target.infos,
            stamp_ms=wall_ms,
            now=now,
        )
        return proposed if isinstance(proposed, Refusal) else proposed.first

    def _keep_up(self, now: Millis, wall_ms: Millis) -> None:
        """With nothing else to do: promote who has caught up; note where members are."""
        raft = self._raft
        membership = raft.membership
        if membership.voters_old or raft.membership_index > raft.commit:
            return
        news = self._up_to_date()
        if news != membership:
            self._propose(Target(news.voters, news.learners, news.infos), now, wall_ms)
            return
        ready = self._ready_learner(now)
        if ready is None:
            return
        try:
            lately = now - self._election_ms // 2
            target = self._checked(MembersChange(promote=(ready,)), heard_after=lately)
        except RefusedChange as refused:
            self._log.debug("not promoted", learner=ready, reason=refused.text)
        else:
            self._log.info("promoting", learner=ready, voters=", ".join(target.voters))
            self._propose(target, now, wall_ms)

    def _up_to_date(self) -> Membership:
        """Return the membership in force with what its members say of themselves."""
        current = self._raft.membership
        infos = [_told(current.info_of(name), self._lately(name)) for name in members_of(current)]
        known = tuple(info for info in infos if info != MemberInfo(info.name))
        return replace(current, infos=known)

    def _lately(self, name: NodeId) -> MemberInfo | None:
        """Return what a member says of itself, if it was heard since the membership is as it is.

        The link of one that has just been taken in afresh may be left over from before.
        """
        view = self._raft.peers().get(name)
        lives = name == self._node or (view is not None and view.heard_ms > self._seen[1])
        return self._heard.get(name) if lives else None

    def _ready_learner(self, now: Millis) -> NodeId | None:
        """Return a learner that is to vote and has caught up; its folder must be known."""
        raft = self._raft
        peers = raft.peers()
        for name in raft.membership.learners:
            info, view = raft.membership.info_of(name), peers.get(name)
            if not info.joins or not info.identity or name not in self._heard or view is None:
                continue
            if self._catching_up.has_caught_up(
                name, match=view.match, last=raft.last_index, now=now
            ):
                return name
        return None

    # ------------------------------------------------------------------ answers

    def _finish(self, order: _Order, fault: Fault | None, text: str, effects: Effects) -> None:
        revision = self._raft.membership_index
        if order.asker == self._node:
            self._answer(order.token, MembersOutcome(fault, text, revision))
        else:
            reply = MembersReply(order.token, "" if fault is None else fault.value, text, revision)
            effects.send.append((order.asker, reply))

    def _fail(self, token: int, fault: Fault, text: str) -> None:
        self._answer(token, MembersOutcome(fault, text, self._raft.membership_index))

    def _answer(self, token: int, outcome: MembersOutcome) -> None:
        waiting = self._waiting.pop(token, None)
        if waiting is not None:
            waiting.answer(outcome)


def _told(info: MemberInfo, heard: MemberInfo | None) -> MemberInfo:
    """Return what the membership should hold of a member, by what it says of itself."""
    if heard is None or info.identity not in (0, heard.identity):
        return info
    return replace(
        info,
        identity=heard.identity,
        peer=heard.peer or info.peer,
        client=heard.client or info.client,
        http=heard.http or info.http,
    )
