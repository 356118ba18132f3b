"""Memberships: members that are added, promoted, removed and replaced while other faults strike.

A change is asked of any server that runs. Its outcome may stay unknown; what became of it is seen
in the membership. Who was removed goes on running, as a machine would that nobody has switched
off yet, and must not disturb the others. In the end the operator looks who the members are,
starts those that do not run, and switches the others off.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

from coordsvc.base.ids import NodeId
from coordsvc.raft.messages import MemberInfo, Membership
from coordsvc.replica.changes import MembersChange, MembersOutcome, replacement_of
from tests.sim.machine import Machine
from tests.sim.node import SimServer, info_of
from tests.sim.world import MS, Micros, World

LOOK: Final[Micros] = 100 * MS
MEMBERS_MAX: Final = 6
VOTERS_MIN: Final = 3
"""Fewer could not do without one that is down, and runs keep a minority of servers down."""


class Servers(Protocol):
    """What a membership generator needs of a cluster."""

    world: World
    nodes: list[NodeId]
    servers: dict[NodeId, SimServer]
    machines: dict[NodeId, Machine]

    def leader(self) -> NodeId | None:
        """Return who leads."""

    def join(self, node: NodeId) -> None:
        """Start a new machine that waits to be added."""

    def retire(self, node: NodeId) -> None:
        """Switch a server off for good."""


class Memberships:
    """Everything that happens to the membership of one run."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._stays = servers.world.stream("members").choice(servers.nodes)
        """Clients are told of the first servers only, so one of these is never removed."""
        self._made = len(servers.nodes)
        self._open = 0
        self.settled = False
        self.asked: Counter[str] = Counter()
        """Kinds of change that were asked for."""
        self.outcomes: Counter[str] = Counter()
        """How they went: `made`, or the fault."""

    # Changes.

    def change(self, chance: random.Random) -> None:
        """Ask some server for some change."""
        servers = self._servers
        running = [name for name in servers.nodes if name in servers.servers]
        if not running:
            return
        at = servers.servers[chance.choice(running)]
        membership = at.replica.raft.membership
        kinds = [
            *(self._add, self._add_learner, self._remove, self._replace, self._promote),
            self._exchange,
        ]
        drawn = chance.choice(kinds)(membership, chance)
        if drawn is None:
            return
        kind, change = drawn
        if (
            kind in ("remove", "exchange") or chance.randrange(3) == 0
        ):  # two removals may be one too many
            expected = at.replica.members.view().revision
            change = MembersChange(change.add, change.promote, change.remove, expected)
        self.asked[kind] += 1
        self.ask(at, change, kind)

    def ask(self, at: SimServer, change: MembersChange, kind: str) -> None:
        """Ask this server for a change; its end is counted, unless the server ends first."""
        names = [info.name for info in change.add]
        text = f"{kind}: add {names} promote {change.promote} remove {change.remove} at {at.name}"
        self._servers.world.trace("members", text)

        def answer(outcome: MembersOutcome) -> None:
            said = "made" if outcome.fault is None else outcome.fault.value
            self.outcomes[said] += 1
            self._servers.world.trace("members", f"{kind} of {names or change}: {said}")

        def do() -> None:
            at.replica.change_members(change, answer)
            at.schedule()

        at.process.call(do)

    def _new(self, **more: bool) -> MemberInfo:
        """Start a new machine, and say how it is to be added."""
        self._made += 1
        name = f"n{self._made}"
        self._servers.join(name)
        return info_of(name, **more)

    def _has_room(self, membership: Membership) -> bool:
        return len(self._servers.nodes) < MEMBERS_MAX and bool(membership.voters)

    def _add(self, membership: Membership, _: random.Random) -> tuple[str, MembersChange] | None:
        if not self._has_room(membership):
            return None
        return "add", MembersChange(add=(self._new(joins=True),))

    def _add_learner(
        self, membership: Membership, _: random.Random
    ) -> tuple[str, MembersChange] | None:
        if not self._has_room(membership):
            return None
        return "add learner", MembersChange(add=(self._new(),))

    def _promote(
        self, membership: Membership, chance: random.Random
    ) -> tuple[str, MembersChange] | None:
        if not membership.learners:
            return None
        return "promote", MembersChange(promote=(chance.choice(membership.learners),))

    def _remove(
        self, membership: Membership, chance: random.Random
    ) -> tuple[str, MembersChange] | None:
        name = self._draw(membership, chance)
        spare = len(membership.voters) > VOTERS_MIN or name in membership.learners
        return ("remove", MembersChange(remove=(name,))) if name and spare else None

    def _exchange(
        self, membership: Membership, chance: random.Random
    ) -> tuple[str, MembersChange] | None:
        """Let learners vote in the place of as many voters, all in one."""
        may = [name for name in membership.voters if name != self._stays]
        count = min(len(may), len(membership.learners), 2)
        come, go = chance.sample(membership.learners, count), chance.sample(may, count)
        return ("exchange", MembersChange((), tuple(come), tuple(go))) if count else None

    def _replace(
        self, membership: Membership, chance: random.Random
    ) -> tuple[str, MembersChange] | None:
        name = self._draw(membership, chance)
        if name is None or not self._has_room(membership):
            return None
        return "replace", replacement_of(membership, name, self._new(joins=True))

    def _draw(self, membership: Membership, chance: random.Random) -> NodeId | None:
        """Return a member that may go."""
        names = (*membership.voters, *membership.learners)
        may = [name for name in names if name != self._stays]
        leader = self._servers.leader()
        if leader in may and chance.randrange(3) == 0:
            return leader
        return chance.choice(may) if may else None

    # The end.

    def settle(self) -> None:
        """From now on look whether the membership is what it will stay, and act on it."""
        membership = self._decided()
        if membership is None or not self._is_steady(membership):
            self._servers.world.after(LOOK, self.settle)
            return
        members = [*membership.voters, *membership.learners]
        for name in list(self._servers.nodes):
            if name not in members:
                self._servers.retire(name)
        self.settled = True
        self._servers.world.trace("members", f"settled: {' '.join(members)}")

    def _decided(self) -> Membership | None:
        """Return the leader's membership if it is decided and no change is under way."""
        leader = self._servers.leader()
        if leader is None:
            return None
        replica = self._servers.servers[leader].replica
        view = replica.members.view()
        membership = replica.raft.membership
        asked = any(each.replica.members.is_busy for each in self._servers.servers.values())
        waits = asked or not view.committed or membership.voters_old
        return None if waits else membership

    def _is_steady(self, membership: Membership) -> bool:
        """Tell whether everybody runs who should, as the member it is, and all learners vote
        that are to."""
        if any(info.joins for info in membership.infos):
            return False
        for info in membership.infos:
            server = self._servers.servers.get(info.name)
            if server is None or info.identity != self._servers.machines[info.name].number:
                return False
        return True


def take_in_afresh(
    servers: Servers, node: NodeId, ask: Callable[[SimServer, MembersChange], None]
) -> bool:
    """Have a member whose disk is new taken in again; tell whether that is over.

    It is, when the membership knows the new disk; or when the member is none any more.
    """
    leader = servers.leader()
    if leader is None or leader == node:
        return False
    led = servers.servers[leader]
    membership = led.replica.raft.committed_membership
    names = (*membership.voters, *membership.voters_old, *membership.learners)
    if node not in names:
        return True
    identity = membership.info_of(node).identity
    if identity == servers.machines[node].number:
        return node in membership.voters or not membership.info_of(node).joins
    if identity and not led.replica.members.is_busy:
        change = replacement_of(membership, node, None)
        revision = led.replica.raft.membership_index
        ask(led, MembersChange(change.add, change.promote, change.remove, revision))
    return False
