"""Operator: who follows the written procedures, and nothing but these.

A server whose disk is damaged does not start. It gets an empty disk, and the others are told to
take it in afresh (docs/operations.md): it learns first and votes when it has caught up.
"""

from __future__ import annotations

from typing import Final, Protocol

from coordsvc.base.ids import NodeId
from coordsvc.replica.changes import MembersChange
from tests.sim.machine import Machine
from tests.sim.membership import Memberships, take_in_afresh
from tests.sim.node import SimServer
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
    memberships: Memberships

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
        """Whether it waits for its new disk."""
        self._is_anew = False
        """Whether it has one, and waits to be taken in."""
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
        self._is_anew = False

    def found_damaged(self, node: NodeId) -> bool:
        """A server does not start for damage; tell whether it is one that may be damaged."""
        if node != self._damaged:
            return False
        if not self._waiting:
            self._waiting = True
            self._servers.world.after(LOOK, self._rebuild)
        return True

    def started(self, node: NodeId) -> None:
        """A server has started, so what was damaged is gone, or the disk is new."""
        if node == self._damaged and not self._is_anew:
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

    def _rebuild(self) -> None:
        servers, node = self._servers, self._damaged
        assert node is not None
        servers.world.trace("operator", f"{node} starts again with an empty disk")
        self._waiting = False
        self._is_anew = True
        servers.machines[node].wipe()
        servers.start_anew(node)
        self._wait_until_whole()

    def _wait_until_whole(self) -> None:
        servers, node = self._servers, self._damaged
        assert node is not None

        def ask(leader: SimServer, change: MembersChange) -> None:
            servers.memberships.ask(leader, change, "take in afresh")

        if take_in_afresh(servers, node, ask):
            servers.world.trace("operator", f"{node} is whole again")
            self._damaged, self._is_anew = None, False
            self.rebuilt += 1
            return
        servers.world.after(LOOK, self._wait_until_whole)
