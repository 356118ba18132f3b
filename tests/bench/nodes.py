"""Three real nodes for a benchmark, and the proof that they sync what they promise."""

from __future__ import annotations

import http.client
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from coordsvc.cli.localcluster import HOST, STOPPED
from tests.bench import proc
from tests.integration.cluster import Cluster

SYNC_COUNT = "coordsvc_wal_fsync_duration_seconds_count"
SYNC_SUM = "coordsvc_wal_fsync_duration_seconds_sum"
SYNC_S_MIN = 10e-6
"""No disk syncs faster: a shorter mean is a sync that does nothing."""


class NotDurableError(Exception):
    """Writes were acknowledged without having been synced: the figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Syncs:
    """How many syncs of the log all nodes have done, and how long they took."""

    count: int
    seconds: float


class Nodes(Cluster):
    """Nodes on free ports with data in folders of their own."""

    def __init__(self, folder: Path, *, nodes: int = 3, options: tuple[str, ...] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        disk = proc.disk_of(folder)
        if not disk.keeps:
            raise NotDurableError(f"{folder} is on {disk.system}: give --folder on a disk")
        super().__init__(folder, nodes=nodes, options=("--log-level", "warning", *options))

    def pid(self, name: str) -> int:
        """Return the process of a node."""
        return self.nodes[name].pid

    def roles(self) -> dict[str, int]:
        """Return the processes by what they are now: leader, follower 1, follower 2."""
        leader = self.leader()
        followers = [name for name in self.nodes if name != leader]
        names = {"leader": leader} | {f"follower {i}": n for i, n in enumerate(followers, 1)}
        return {role: self.pid(name) for role, name in names.items()}

    def address_of(self, name: str) -> str:
        """Return where clients reach a node."""
        return self.nodes[name].plan.client_address

    def door(self, which: str) -> str:
        """Return where clients reach the leader, or a follower."""
        leader = self.leader()
        if which == "leader":
            return self.address_of(leader)
        return self.address_of(next(name for name in self.nodes if name != leader))

    @property
    def addresses(self) -> list[str]:
        """Return where clients reach each node."""
        return [plan.client_address for plan in self.plans]

    def metric(self, name: str, metric: str) -> float:
        """Return one number of one node's metrics."""
        connection = http.client.HTTPConnection(HOST, self.nodes[name].plan.http_port, timeout=10)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        for line in text.splitlines():
            if line.startswith(metric + " "):
                return float(line.split()[-1])
        raise NotDurableError(f"{name} does not tell {metric}: cannot see that it syncs")

    def syncs(self) -> Syncs:
        """Return what all nodes have synced so far."""
        return Syncs(
            sum(int(self.metric(name, SYNC_COUNT)) for name in self.nodes),
            sum(self.metric(name, SYNC_SUM) for name in self.nodes),
        )

    def kill_all(self) -> None:
        """End every node at once, as a loss of power would."""
        for node in self.nodes.values():
            node.send(signal.SIGKILL)
        for node in self.nodes.values():
            node.wait(time.monotonic() + 10)
            node.state = STOPPED

    def start_all(self) -> None:
        """Start every node again, without waiting."""
        for node in self.nodes.values():
            node.start()


def require_synced(before: Syncs, after: Syncs, *, writes: int, outstanding: int) -> None:
    """Refuse figures of writes that cannot have been durable.

    Each write has to be synced by two of three nodes before its answer, and no sync before the
    answers can cover more than all that are outstanding.

    Raises:
        NotDurableError: there were fewer syncs than that takes, or they took no time.

    """
    count = after.count - before.count
    if count * outstanding < 2 * writes:
        raise NotDurableError(
            f"{writes} writes, {outstanding} at a time, were answered after {count} syncs:"
            f" at least {2 * writes // outstanding} were needed"
        )
    if count and (after.seconds - before.seconds) / count < SYNC_S_MIN:
        raise NotDurableError(f"{count} syncs took {after.seconds - before.seconds:.6f} s")
