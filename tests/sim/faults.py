"""Swarm: the seed decides what breaks, how often and for how long; in the end all is healed.

Each run draws a few kinds of fault out of all and a rate for each. Runs with few kinds get
deeper into what these can do than runs that always mix everything (Groce et al., "Swarm
testing", 2012).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol, TypeAlias

from coordsvc.base.ids import NodeId
from tests.sim.clock import SimClock
from tests.sim.links import Direction, Fault, Links, between
from tests.sim.tampering import Tampering
from tests.sim.world import MS, SECOND, Micros, World


class Cluster(Protocol):
    """What faults need of the simulated servers."""

    links: Links
    tampering: Tampering
    drift_ppm_max: int
    """The bound on clock drift that the servers are configured with."""

    @property
    def nodes(self) -> Sequence[NodeId]:
        """The servers, whether they run or not; each is a host of that name."""

    @property
    def clients(self) -> Sequence[str]:
        """The hosts of the clients."""

    def leader(self) -> NodeId | None:
        """Return who leads, as far as anybody knows."""

    def crash(self, node: NodeId, *, machine: bool) -> None:
        """End a server that runs. With `machine`, what was not synced is lost, any part of it,
        and its connections fall silent; else only the process ends."""

    def restart(self, node: NodeId) -> None:
        """Start a server that was crashed, from what is on its disk."""

    def pause(self, node: NodeId) -> Fault:
        """Stop a server from running until healed."""

    def slow_disk(self, node: NodeId, extra: Micros) -> Fault:
        """Make every sync of a server take this much longer until healed."""

    def reset_connections(self, one: str, other: str) -> None:
        """Break all connections between two hosts."""

    def clock_of(self, node: NodeId) -> SimClock:
        """Return the clock of a server's machine."""

    def transfer_leadership(self, target: NodeId) -> None:
        """Ask whoever leads to hand over to `target`."""

    def take_snapshot(self, node: NodeId) -> None:
        """Make a server snapshot its state now."""

    def stop(self, node: NodeId) -> None:
        """End a server cleanly; `restart` starts it again."""

    def fail_disk(self, node: NodeId) -> Fault:
        """Make syncs fail until healed: the server stops at the first."""

    def fill_disk(self, node: NodeId, room: int) -> Fault:
        """Leave so many bytes of room on a server's disk until healed."""

    def damage_disk(self, node: NodeId, how: str) -> None:
        """Damage what is on a server's disk, if no other damage waits to be found."""

    def plant_wrong_state(self, node: NodeId) -> None:
        """Let a server have another state than the others, if all are equal now."""

    def pause_client(self, name: str) -> Fault:
        """Stop a client from running until healed."""

    def change_members(self, chance: random.Random) -> None:
        """Ask some server to add, promote, remove or replace a member."""


Inject: TypeAlias = Callable[["Swarm"], Fault]

PERIOD: Final[tuple[Micros, Micros]] = (200 * MS, 10 * SECOND)
"""The mean time between two faults of one kind lies between these; drawn once per run."""

DURATION: Final[tuple[Micros, Micros]] = (10 * MS, 15 * SECOND)


class Swarm:
    """The faults of one run.

    A crashed server is restarted like any fault is healed. At any time, as many servers may be
    down or paused as the run allows: in most runs a minority, in some all of them.
    """

    def __init__(self, world: World, cluster: Cluster) -> None:
        self.world = world
        self.cluster = cluster
        self.chance: random.Random = world.stream("faults")
        kinds = sorted(KINDS if len(cluster.nodes) > 1 else KINDS.keys() - NEED_PEERS)
        self.kinds: list[str] = self.chance.sample(kinds, self.chance.randint(1, 5))
        self.struck: Counter[str] = Counter()
        """How often each kind struck."""
        nodes = len(cluster.nodes)
        self._stopped_max = nodes if self.chance.randrange(4) == 0 else (nodes - 1) // 2
        self._stopped: set[NodeId] = set()
        self.paused_clients: set[str] = set()
        self.period = PERIOD
        self._active: dict[Fault, None] = {}
        self._over = False

    def start(self) -> None:
        """Let things go wrong from now on."""
        self.world.trace("faults", f"in play: {', '.join(self.kinds)}")
        for kind in self.kinds:
            # Even on a scale of ratios, so that rare and frequent are equally likely.
            least, most = self.period
            period = round(least * (most / least) ** self.chance.random())
            self._schedule(kind, period)

    def heal(self) -> None:
        """End all faults and begin none any more."""
        self._over = True
        self.world.trace("faults", "over")
        for fault in list(self._active):
            self._end(fault)
        assert not self._stopped, "healing starts every server again"

    def draw_node(self) -> NodeId:
        """Return a server; the leader often, since its faults matter most."""
        leader = self.cluster.leader()
        if leader is not None and self.chance.randrange(3) == 0:
            return leader
        return self.chance.choice(self.cluster.nodes)

    def draw_groups(self) -> tuple[list[str], list[str]]:
        """Return all servers divided in two, neither side empty, and the clients with them."""
        nodes = self.chance.sample(self.cluster.nodes, len(self.cluster.nodes))
        at = self.chance.randint(1, len(nodes) - 1)
        sides: tuple[list[str], list[str]] = (nodes[:at], nodes[at:])
        for client in self.cluster.clients:
            sides[self.chance.randrange(2)].append(client)
        return sides

    def may_stop(self, node: NodeId) -> bool:
        """Tell whether a server runs and may be stopped, with those that are stopped already."""
        return node not in self._stopped and len(self._stopped) < self._stopped_max

    def stopped(self, node: NodeId, heal: Callable[[], None]) -> Fault:
        """Count a server as stopped until the returned fault is healed."""
        assert self.may_stop(node)
        self._stopped.add(node)

        def healed() -> None:
            self._stopped.discard(node)
            heal()

        return Fault(healed)

    def _schedule(self, kind: str, period: Micros) -> None:
        wait = round(self.chance.expovariate(1 / period))
        self.world.after(wait, lambda: self._strike(kind, period))

    def _strike(self, kind: str, period: Micros) -> None:
        if self._over:
            return
        self.struck[kind] += 1
        fault = KINDS[kind](self)
        self._active[fault] = None
        self.world.after(self.chance.randint(*DURATION), lambda: self._end(fault))
        self._schedule(kind, period)

    def _end(self, fault: Fault) -> None:
        self._active.pop(fault, None)
        fault.heal()


def _crash(swarm: Swarm, *, machine: bool) -> Fault:
    node = swarm.draw_node()
    if not swarm.may_stop(node):
        return _at_once()
    swarm.world.trace("faults", f"crash {node}{' with its machine' if machine else ''}")
    swarm.cluster.crash(node, machine=machine)
    return swarm.stopped(node, lambda: swarm.cluster.restart(node))


def _stop(swarm: Swarm) -> Fault:
    node = swarm.draw_node()
    if not swarm.may_stop(node):
        return _at_once()
    swarm.world.trace("faults", f"stop {node}")
    swarm.cluster.stop(node)
    return swarm.stopped(node, lambda: swarm.cluster.restart(node))


def _fail_disk(swarm: Swarm) -> Fault:
    node = swarm.draw_node()
    if not swarm.may_stop(node):
        return _at_once()
    swarm.world.trace("faults", f"disk of {node} fails")
    return swarm.stopped(node, swarm.cluster.fail_disk(node).heal)


def _fill_disk(swarm: Swarm) -> Fault:
    node = swarm.draw_node()
    room = swarm.chance.randint(0, 16 * 1024)
    swarm.world.trace("faults", f"disk of {node} has room for {room} bytes")
    return swarm.cluster.fill_disk(node, room)


def _pause(swarm: Swarm) -> Fault:
    node = swarm.draw_node()
    if not swarm.may_stop(node):
        return _at_once()
    swarm.world.trace("faults", f"pause {node}")
    return swarm.stopped(node, swarm.cluster.pause(node).heal)


def _partition(swarm: Swarm) -> Fault:
    return swarm.cluster.links.partition(swarm.draw_groups())


def _partition_one_way(swarm: Swarm) -> Fault:
    deaf, mute = swarm.draw_groups()
    return swarm.cluster.links.cut([(source, target) for source in mute for target in deaf])


def _partition_with_bridge(swarm: Swarm) -> Fault:
    """Cut two groups from each other that a server between them can both reach."""
    one, other = swarm.draw_groups()
    bridge = swarm.draw_node()
    sides = [[host for host in side if host != bridge] for side in (one, other)]
    return swarm.cluster.links.partition(sides)


def _cut_pair(swarm: Swarm) -> Fault:
    return swarm.cluster.links.cut_pair(*swarm.chance.sample(swarm.cluster.nodes, 2))


def _isolate(swarm: Swarm) -> Fault:
    return swarm.cluster.links.isolate(swarm.draw_node())


def _isolate_client(swarm: Swarm) -> Fault:
    return swarm.cluster.links.isolate(swarm.chance.choice(swarm.cluster.clients))


def _flap(swarm: Swarm) -> Fault:
    node = swarm.draw_node()
    others = [other for other in swarm.cluster.nodes if other != node]
    return swarm.cluster.links.flap(between([node], others), chance=swarm.chance)


def _clog(swarm: Swarm) -> Fault:
    node = swarm.draw_node()
    others = [other for other in swarm.cluster.links.hosts if other != node]
    directions: list[Direction] = swarm.chance.sample(between([node], others), len(others))
    return swarm.cluster.links.clog(directions, swarm.chance.randint(MS, 3 * SECOND))


def _reset(swarm: Swarm) -> Fault:
    node = swarm.draw_node()
    others = [other for other in swarm.cluster.links.hosts if other != node]
    swarm.cluster.reset_connections(node, swarm.chance.choice(others))
    return _at_once()


def _messages(swarm: Swarm, *, what: str) -> Fault:
    """Lose, repeat or delay messages between one server and the others, or all of them."""
    nodes = swarm.cluster.nodes
    some = nodes if swarm.chance.randrange(2) else [swarm.draw_node()]
    directions = [pair for pair in between(some, nodes) if pair[0] != pair[1]]
    percent = swarm.chance.choice((2, 10, 40))
    swarm.world.trace("faults", f"{what} {percent} % of messages of {' '.join(some)}")
    tampering = swarm.cluster.tampering
    do = {"lose": tampering.lose, "repeat": tampering.repeat, "delay": tampering.delay}[what]
    return do(directions, percent)


def _damage(swarm: Swarm, *, how: str) -> Fault:
    """Damage a disk, and have the server start again to find out."""
    node = swarm.draw_node()
    if not swarm.may_stop(node):
        return _at_once()
    swarm.cluster.damage_disk(node, how)
    swarm.cluster.crash(node, machine=swarm.chance.randrange(2) == 0)
    return swarm.stopped(node, lambda: swarm.cluster.restart(node))


def _wrong_state(swarm: Swarm) -> Fault:
    swarm.cluster.plant_wrong_state(swarm.draw_node())
    return _at_once()


def _pause_client(swarm: Swarm) -> Fault:
    name = swarm.chance.choice(swarm.cluster.clients)
    if name in swarm.paused_clients:
        return _at_once()
    swarm.world.trace("faults", f"pause {name}")
    swarm.paused_clients.add(name)
    fault = swarm.cluster.pause_client(name)

    def heal() -> None:
        swarm.paused_clients.discard(name)
        fault.heal()

    return Fault(heal)


def _slow_disk(swarm: Swarm) -> Fault:
    node = swarm.draw_node()
    extra = swarm.chance.randint(MS, 2 * SECOND)
    swarm.world.trace("faults", f"disk of {node} slower by {extra // MS} ms")
    return swarm.cluster.slow_disk(node, extra)


def _drift(swarm: Swarm) -> Fault:
    """Change the rate of a clock, within the bound that the service is promised."""
    node = swarm.draw_node()
    clock = swarm.cluster.clock_of(node)
    clock.set_drift(swarm.chance.randint(-swarm.cluster.drift_ppm_max, swarm.cluster.drift_ppm_max))
    swarm.world.trace("faults", f"clock of {node} drifts by {clock.drift_ppm} ppm")
    return Fault(lambda: clock.set_drift(0))


def _jump(swarm: Swarm) -> Fault:
    """Set a calendar wrong by up to an hour, either way."""
    node = swarm.draw_node()
    by = swarm.chance.randint(-3_600 * SECOND, 3_600 * SECOND)
    swarm.world.trace("faults", f"calendar of {node} jumps by {by // MS} ms")
    clock = swarm.cluster.clock_of(node)
    clock.jump_wall(by)
    return Fault(lambda: clock.jump_wall(-by))


def _transfer(swarm: Swarm) -> Fault:
    target = swarm.chance.choice(swarm.cluster.nodes)
    swarm.world.trace("faults", f"transfer leadership to {target}")
    swarm.cluster.transfer_leadership(target)
    return _at_once()


def _snapshot(swarm: Swarm) -> Fault:
    swarm.cluster.take_snapshot(swarm.draw_node())
    return _at_once()


def _members(swarm: Swarm) -> Fault:
    swarm.cluster.change_members(swarm.chance)
    return _at_once()


def _at_once() -> Fault:
    """Return the fault that is over when it has happened."""
    return Fault(lambda: None)


KINDS: Final[dict[str, Inject]] = {
    "bridge": _partition_with_bridge,
    "clog": _clog,
    "crash": partial(_crash, machine=False),
    "crash machine": partial(_crash, machine=True),
    "cut pair": _cut_pair,
    "delay messages": partial(_messages, what="delay"),
    "disk fails": _fail_disk,
    "disk full": _fill_disk,
    "drift": _drift,
    "flap": _flap,
    "flip log": partial(_damage, how="flip log"),
    "flip snapshot": partial(_damage, how="flip snapshot"),
    "isolate": _isolate,
    "isolate client": _isolate_client,
    "jump": _jump,
    "lose messages": partial(_messages, what="lose"),
    "members": _members,
    "misdirect": partial(_damage, how="misdirect"),
    "one-way": _partition_one_way,
    "partition": _partition,
    "pause": _pause,
    "pause client": _pause_client,
    "repeat messages": partial(_messages, what="repeat"),
    "reset": _reset,
    "slow disk": _slow_disk,
    "snapshot": _snapshot,
    "stop": _stop,
    "transfer": _transfer,
    "wrong state": _wrong_state,
}

NEED_PEERS: Final = frozenset(
    {
        "bridge",
        "cut pair",
        "delay messages",
        "flap",
        "flip log",
        "flip snapshot",
        "lose messages",
        "misdirect",
        "one-way",
        "partition",
        "repeat messages",
        "transfer",
        "wrong state",
    }
)
"""Kinds that make no sense with a single server."""
