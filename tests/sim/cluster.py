"""SimCluster: all servers and clients of a run, and what faults can do to them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from coordsvc.base.errors import CorruptData, DiskFailed, DiskFull
from coordsvc.base.ids import Index, NodeId
from coordsvc.raft.node import Role
from tests.sim.client import ClientSettings, SimClient
from tests.sim.clock import SimClock
from tests.sim.damage import Damage, flip_in_log, flip_in_snapshot, misdirect_in_log
from tests.sim.links import Fault, Links
from tests.sim.machine import Machine
from tests.sim.membership import Memberships
from tests.sim.network import SimNetwork
from tests.sim.node import START_AGAIN, NodeSettings, SimServer
from tests.sim.observer import Observer
from tests.sim.operator import Operator
from tests.sim.tampering import Tampering
from tests.sim.world import Micros, World


class SimCluster:
    """See `tests.sim.faults.Cluster`."""

    def __init__(
        self,
        world: World,
        links: Links,
        settings: NodeSettings,
        client_settings: Sequence[ClientSettings],
        *,
        drift_ppm_max: int,
    ) -> None:
        self.world = world
        self.links = links
        self.drift_ppm_max = drift_ppm_max
        self.settings = settings
        self.network = SimNetwork(links)
        self.tampering = Tampering(links)
        self.observer = Observer(world, drift_ppm_max=drift_ppm_max)
        self.nodes: list[NodeId] = list(settings.members)
        self.clients = [f"client-{number}" for number in range(len(client_settings))]
        for host in (*self.nodes, *self.clients):
            links.add_host(host)
        self.machines = {
            name: Machine(world, name, drift_ppm_max=drift_ppm_max) for name in self.nodes
        }
        self.servers: dict[NodeId, SimServer] = {}
        self._down: set[NodeId] = set()
        self.operator = Operator(self)
        self.memberships = Memberships(self)
        self._retired: set[NodeId] = set()
        for name in self.nodes:
            self._start(name)
        self.talking = [
            self.client(name, one) for name, one in zip(self.clients, client_settings, strict=True)
        ]
        self._by_name = {client.name: client for client in self.talking}

    def client(self, name: str, settings: ClientSettings) -> SimClient:
        """Return a client that begins to connect."""
        if name not in self.links.hosts:
            self.links.add_host(name)
        return SimClient(
            name,
            self.network,
            self.nodes,
            self.observer,
            settings,
            drift_ppm_max=self.drift_ppm_max,
        )

    # What is so.

    def leader(self) -> NodeId | None:
        """Return who leads in the latest term."""
        leading = [
            (server.replica.raft.term, name)
            for name, server in self.servers.items()
            if server.replica.raft.role is Role.LEADER
        ]
        return max(leading)[1] if leading else None

    def is_settled(self) -> bool:
        """Tell whether all servers run, follow one leader, and have applied the same."""
        return (
            len(self.servers) == len(self.nodes)
            and (self.observer.wrong_spread or len(set(self._standing())) == 1)
            and (self.observer.wrong_spread or not self.observer.wrong)
        )

    def has_no_mortals(self) -> bool:
        """Tell whether no node waits for its end any more, anywhere."""
        return all(server.replica.machine.next_due_ms() is None for server in self.servers.values())

    def _standing(self) -> list[tuple[NodeId | None, Index, Index, int]]:
        return [
            (
                server.replica.raft.leader or f"none at {name}",
                server.replica.applied,
                server.replica.raft.last_index,
                server.replica.machine.digest,
            )
            for name, server in self.servers.items()
        ]

    def standing(self) -> str:
        """Say where each server stands."""
        return "; ".join(
            f"{name}: {server.replica.raft.role.value} of {server.replica.raft.leader} in term "
            f"{server.replica.raft.term}, applied {server.replica.applied} of "
            f"{server.replica.raft.last_index}"
            for name, server in self.servers.items()
        )

    def clock_of(self, node: NodeId) -> SimClock:
        """Return the clock of a server's machine."""
        return self.machines[node].clock

    # Servers come and go.

    def _start(self, node: NodeId) -> None:
        self._down.discard(node)
        if node in self.servers or node in self._retired:
            return
        try:
            self.servers[node] = SimServer(
                self.machines[node],
                self.settings,
                self.network,
                self.tampering,
                self.observer,
                self._ended,
            )
            self.operator.started(node)
        except CorruptData as error:
            self.machines[node].end_process()
            if not self.operator.found_damaged(node):
                raise
            self.world.trace(node, f"does not start: {error}")
        except (DiskFull, DiskFailed) as error:
            self.world.trace(node, f"cannot start: {error}")
            self.machines[node].end_process()
            self._start_again(node)

    def _start_again(self, node: NodeId) -> None:
        self.world.after(START_AGAIN, lambda: None if node in self._down else self._start(node))

    def _ended(self, server: SimServer, why: str) -> None:
        self.world.trace(server.name, f"has ended: {why}")
        if self.servers.get(server.name) is server:
            del self.servers[server.name]
        if server.name not in self._down:
            self._start_again(server.name)

    def crash(self, node: NodeId, *, machine: bool) -> None:
        """End a server; it stays down until it is restarted."""
        self._down.add(node)
        server = self.servers.get(node)
        if server is not None:
            server.end(machine=machine, why="crash of the machine" if machine else "killed")

    def stop(self, node: NodeId) -> None:
        """Stop a server cleanly; it stays down until it is restarted."""
        self._down.add(node)
        server = self.servers.get(node)
        if server is not None:
            server.stop()

    def restart(self, node: NodeId) -> None:
        """Start a server that was crashed or stopped; one that still stops is killed."""
        server = self.servers.get(node)
        if server is not None and server.stopping:
            server.end(machine=False, why="killed while it stopped")
        self._start(node)

    def pause(self, node: NodeId) -> Fault:
        """Stop a server from running until healed."""
        server = self.servers.get(node)
        if server is None:
            return Fault(lambda: None)
        server.process.pause()
        return Fault(server.process.resume)

    def join(self, node: NodeId) -> None:
        """Start a new machine that waits to be added."""
        self.links.add_host(node)
        self.machines[node] = Machine(self.world, node, drift_ppm_max=self.drift_ppm_max)
        self.nodes.append(node)
        self._start(node)

    def retire(self, node: NodeId) -> None:
        """Switch a server off for good."""
        self._retired.add(node)
        self.observer.wrong.pop(node, None)
        self._down.add(node)
        self.nodes.remove(node)
        server = self.servers.get(node)
        if server is not None:
            server.end(machine=False, why="switched off for good")

    def change_members(self, chance: random.Random) -> None:
        """Ask some server to change the membership."""
        if not self.observer.wrong:
            self.memberships.change(chance)

    def condemn(self, node: NodeId) -> None:
        """Stop a server; it does not start before its disk is empty."""
        self.machines[node].condemned = True
        server = self.servers.get(node)
        if server is not None:
            server.end(machine=False, why="condemned")

    def start_anew(self, node: NodeId) -> None:
        """Start a server on its empty disk."""
        self._start(node)

    def pause_client(self, name: str) -> Fault:
        """Stop a client from running until healed."""
        process = self._by_name[name].process
        process.pause()
        return Fault(process.resume)

    # Disks.

    def damage_disk(self, node: NodeId, how: str) -> None:
        """Damage what is on a server's disk; its next start finds it. Only one at a time."""
        server = self.servers.get(node)
        if server is None or self.operator.is_busy or self.observer.wrong:
            return
        machine, damage = self.machines[node], None
        if how == "flip snapshot":
            damage = flip_in_snapshot(machine.snapshots, machine.chance)
        elif how == "flip log":
            damage = flip_in_log(machine.log, server.disk.wal, machine.salt, machine.chance)
        else:
            damage = misdirect_in_log(machine.log, server.disk.wal, machine.salt, machine.chance)
        if damage is not None:
            self._note_damage(node, damage)

    def _note_damage(self, node: NodeId, damage: Damage) -> None:
        self.world.trace("faults", f"damage on {node}: {damage}")
        self.operator.expect(node)
        self.machines[node].damage.append(damage)

    def plant_wrong_state(self, node: NodeId) -> None:
        """Let a server that does not lead have another state than the others."""
        server = self.servers.get(node)
        if server is None or server.stopping or self.operator.is_busy or self.observer.wrong:
            return
        if node == self.leader():
            return
        if self.operator.is_busy or self.memberships.asked:
            return  # two others must be able to tell who is wrong
        self.world.trace("faults", f"the state of {node} is wrong from now on")
        self.observer.plant(node, server.replica)

    def slow_disk(self, node: NodeId, extra: Micros) -> Fault:
        """Make every sync of a server take this much longer until healed."""
        machine = self.machines[node]
        machine.slower += extra

        def heal() -> None:
            machine.slower -= extra

        return Fault(heal)

    def fail_disk(self, node: NodeId) -> Fault:
        """Make syncs fail until healed; the server stops at the first and comes back later."""
        machine = self.machines[node]
        machine.log.fail_syncs = machine.snapshots.fail_syncs = True

        def heal() -> None:
            machine.log.fail_syncs = machine.snapshots.fail_syncs = False

        return Fault(heal)

    def fill_disk(self, node: NodeId, room: int) -> Fault:
        """Leave so many bytes of room until healed."""
        machine = self.machines[node]
        for files in (machine.log, machine.snapshots):
            files.capacity = files.capacity - files.free_bytes() + room

        def heal() -> None:
            machine.log.capacity = machine.snapshots.capacity = 2**40

        return Fault(heal)

    # Orders.

    def reset_connections(self, one: str, other: str) -> None:
        """Break all connections between two hosts."""
        self.network.reset_between(one, other)
        self.network.reset_between(other, one)

    def transfer_leadership(self, target: NodeId) -> None:
        """Ask whoever leads to hand over to `target`."""
        leader = self.leader()
        if leader is not None and leader != target:
            server = self.servers[leader]

            def hand_over() -> None:
                server.replica.hand_over(server.now_ms(), target)
                server.schedule()

            server.process.call(hand_over)

    def take_snapshot(self, node: NodeId) -> None:
        """Make a server snapshot its state now."""
        server = self.servers.get(node)
        if server is not None:

            def ask() -> None:
                server.replica.snapshots.compaction.ask()
                server.schedule()

            server.process.call(ask)
