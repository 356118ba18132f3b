"""The seed decides what breaks; all of it happens sometime, and all of it is healed."""

from __future__ import annotations

import random
from collections import Counter

from tests.sim.clock import SimClock
from tests.sim.faults import KINDS, Swarm
from tests.sim.links import Fault, Links
from tests.sim.tampering import Tampering
from tests.sim.world import SECOND, Micros, World


class Servers:
    """Servers that only remember what was done to them."""

    drift_ppm_max = 500

    def __init__(self, world: World) -> None:
        self.links = Links(world)
        self.tampering = Tampering(self.links)
        self.paused_clients: set[str] = set()
        self.nodes = ["n1", "n2", "n3"]
        self.clients = ["c1", "c2"]
        for host in (*self.nodes, *self.clients):
            self.links.add_host(host)
        self.clocks = {node: SimClock(world) for node in self.nodes}
        self.down: set[str] = set()
        self.paused: set[str] = set()
        self.slow: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.stopped_most = 0

    def leader(self) -> str | None:
        return "n1" if "n1" not in self.down else None

    def crash(self, node: str, *, machine: bool) -> None:
        assert node not in self.down
        assert node not in self.paused
        self.down.add(node)
        self._note("machine" if machine else "crash")

    def restart(self, node: str) -> None:
        self.down.remove(node)

    def pause(self, node: str) -> Fault:
        assert node not in self.down
        self.paused.add(node)
        self._note("pause")
        return Fault(lambda: self.paused.remove(node))

    def change_members(self, chance: random.Random) -> None:
        self._note("members")

    def stop(self, node: str) -> None:
        assert node not in self.down
        self.down.add(node)
        self._note("stop")

    def fail_disk(self, node: str) -> Fault:
        self._note("fail")
        return Fault(lambda: None)

    def fill_disk(self, node: str, room: int) -> Fault:
        self._note("fill")
        return Fault(lambda: None)

    def slow_disk(self, node: str, extra: Micros) -> Fault:
        self.slow[node] += extra
        self._note("slow")
        return Fault(lambda: self.slow.subtract({node: extra}))

    def reset_connections(self, one: str, other: str) -> None:
        assert one != other
        self._note("reset")

    def clock_of(self, node: str) -> SimClock:
        return self.clocks[node]

    def transfer_leadership(self, target: str) -> None:
        self._note("transfer")

    def take_snapshot(self, node: str) -> None:
        self._note("snapshot")

    def damage_disk(self, node: str, how: str) -> None:
        self._note("damage")

    def plant_wrong_state(self, node: str) -> None:
        self._note("plant")

    def pause_client(self, name: str) -> Fault:
        assert name not in self.paused_clients
        self.paused_clients.add(name)
        self._note("pause client")
        return Fault(lambda: self.paused_clients.remove(name))

    def _note(self, what: str) -> None:
        self.done[what] += 1
        self.stopped_most = max(self.stopped_most, len(self.down | self.paused))


def run(seed: int) -> tuple[World, Servers, Swarm]:
    world = World(seed)
    servers = Servers(world)
    swarm = Swarm(world, servers)
    swarm.start()
    world.run_for(60 * SECOND)
    swarm.heal()
    return world, servers, swarm


def test_everything_is_healed_in_the_end_and_stays_so() -> None:
    for seed in range(40):
        world, servers, swarm = run(seed)
        injected = swarm.struck.total()
        for _ in range(2):
            assert not servers.down
            assert not servers.paused
            assert not servers.paused_clients
            assert not servers.tampering.is_at_work
            assert not any(servers.slow.values())
            assert all(clock.drift_ppm == 0 for clock in servers.clocks.values())
            hosts = servers.links.hosts
            assert all(servers.links.is_open((a, b)) for a in hosts for b in hosts)
            world.run_for(60 * SECOND)
        assert swarm.struck.total() == injected > 0


def test_every_kind_is_in_play_in_some_run() -> None:
    kinds: set[str] = set()
    done: Counter[str] = Counter()
    for seed in range(80):
        _, servers, swarm = run(seed)
        kinds.update(swarm.kinds)
        done += servers.done
        assert len(swarm.kinds) <= 5
    assert kinds == set(KINDS)
    servers_hear = (
        "crash damage fail fill machine members pause plant reset slow snapshot stop transfer"
    )
    assert set(done) == {*servers_hear.split(), "pause client"}


def test_most_runs_keep_a_majority_and_some_stop_everything() -> None:
    most = Counter(run(seed)[1].stopped_most for seed in range(80))
    assert most[1] > most[2] + most[3]
    assert most[3] > 0


def test_the_same_seed_breaks_the_same() -> None:
    assert run(3)[0].trace_text() == run(3)[0].trace_text()
    assert run(3)[0].trace_text() != run(4)[0].trace_text()
