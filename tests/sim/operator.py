"""Operator: who follows the written procedures, and nothing but these.

A server whose disk is damaged does not start. It gets an empty disk once all others have
everything that it can have acknowledged (docs/operations.md): all are up, follow one leader, have
on disk whatever is committed, and the leader no longer hears what the damaged one had said.
"""

from __future__ import annotations

from typing import Final, Protocol

from coordsvc.base.ids import Index, NodeId
from tests.sim.node import Machine, SimServer
from tests.sim.observer import Observer
from tests.sim.world import MS, SECOND, Micros, World

LOOK: Final[Micros] = 200 * MS
DISPUTE: Final[Micros] = 2 * SECOND


class Servers(Protocol):
    """What the operator sees of a cluster."""

    world: World
    nodes: list[NodeId]
    servers: dict[NodeId, SimServer]
    machines: dict[NodeId, Machine]
    observer: Observer

    def leader(self) -> NodeId | None:
        """Return who leads."""

    def condemn(self, node: NodeId) -> None:
        """Stop a server; it does not start before its disk is empty."""

    def start_anew(self, node: NodeId) -> None:
        """Start a server on its empty disk."""


class Operator:
    """At any time at most one server is being rebuilt."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._damaged: NodeId | None = None
        self._waiting = False
        self._until: Index = 0
        """The damaged one is whole again when it has applied so much; 0: it waits for its disk."""
        self._disputed = False
        self.rebuilt = 0
        """How many servers were rebuilt."""

    @property
    def is_busy(self) -> bool:
        """Whether another damage must wait."""
        return self._damaged is not None

    def expect(self, node: NodeId) -> None:
        """Something on this server's disk is damaged; it may or may not ever be read."""
        assert self._damaged is None
        self._damaged = node
        self._until = 0

    def found_damaged(self, node: NodeId) -> bool:
        """A server does not start for damage; tell whether it is one that may be damaged."""
        if node != self._damaged:
            return False
        if not self._waiting:
            self._waiting = True
            self._servers.world.after(LOOK, self._try_to_rebuild)
        return True

    def started(self, node: NodeId) -> None:
        """A server has started, so what was damaged is gone, or the disk is new."""
        if node == self._damaged and not self._until:
            self._damaged = None

    def watch_disputes(self) -> None:
        """From now on: where no majority tells who is wrong, rebuild the one that is.

        A real operator finds out from backups; ours asks who planted it.
        """
        servers = self._servers
        leader = servers.leader()
        disputed = leader is not None and servers.servers[leader].replica.health.disputed
        wrong = list(servers.observer.wrong)
        if disputed and self._disputed and len(wrong) == 1 and not self.is_busy:
            servers.world.trace("operator", f"{wrong[0]} is wrong and is to be rebuilt")
            self.expect(wrong[0])
            servers.condemn(wrong[0])
        self._disputed = disputed
        servers.world.after(DISPUTE, self.watch_disputes)

    def _try_to_rebuild(self) -> None:
        servers, node = self._servers, self._damaged
        assert node is not None
        committed = self._all_have(node)
        if committed is None:
            servers.world.after(LOOK, self._try_to_rebuild)
            return
        self._waiting = False
        servers.world.trace("operator", f"{node} starts again with an empty disk")
        servers.machines[node].wipe()
        self._until = max(1, committed)
        servers.start_anew(node)
        self._wait_until_whole()

    def _all_have(self, node: NodeId) -> Index | None:
        """Return what is committed if every other server has it on disk; None if not."""
        servers = self._servers
        leader = servers.leader()
        others = [name for name in servers.nodes if name != node]
        if leader is None or any(name not in servers.servers for name in others):
            return None
        running = [servers.servers[name] for name in others]
        led = servers.servers[leader].replica.raft
        if leader == node or node in servers.servers[leader].links.links:
            return None
        for each in running:
            raft = each.replica.raft
            fit = (raft.leader, raft.term) == (leader, led.term) and not each.stopping
            if not fit or raft._core.log.durable < led.commit:
                return None
        return led.commit

    def _wait_until_whole(self) -> None:
        servers, node = self._servers, self._damaged
        assert node is not None
        server = servers.servers.get(node)
        if server is not None and server.replica.applied >= self._until:
            servers.world.trace("operator", f"{node} is whole again")
            self._damaged, self._until = None, 0
            self.rebuilt += 1
            return
        servers.world.after(LOOK, self._wait_until_whole)
