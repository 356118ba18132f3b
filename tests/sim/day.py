"""A day: light load, a fault now and then, and nothing may pile up.

Runs of some seconds cannot show a list that grows by one entry with each fault. So a day is
simulated, with everything that the seed can draw in play, and each hour every server is looked
into: what it keeps must stay within bounds that do not depend on how long it has run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from unittest import mock

from coordsvc.base import limits
from coordsvc.replica import replica as replica_module
from tests.sim.faults import KINDS, NEED_PEERS
from tests.sim.node import SimServer
from tests.sim.run import Run, Tuning
from tests.sim.verdicts import WrongResult
from tests.sim.world import SECOND, Micros

HOUR: Final[Micros] = 3_600 * SECOND
PERIOD: Final[tuple[Micros, Micros]] = (600 * SECOND, 3_600 * SECOND)
"""Between two faults of one kind."""
PAUSE_MAX: Final[Micros] = 20 * SECOND
"""Between two requests of one client."""
HOUSEKEEPING_MS: Final = 500
"""Ten times the usual, or the day would go into looking whether something is to be done."""
TUNING: Final = Tuning(
    nodes=3,
    kinds=tuple(sorted(KINDS)),
    workloads=("claims", "counter", "lock", "mortal", "register", "watch"),
    election_ms=3_000,
)
CLIENTS_MAX: Final = 8
"""Sessions and connections at a time: four clients, and what they have left behind."""


@dataclass(slots=True)
class Sample:
    """What one server keeps, by name, and how much of each it may."""

    sizes: dict[str, int] = field(default_factory=dict)
    bounds: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, size: int, most: int) -> None:
        """Note one size and its bound."""
        self.sizes[name] = size
        self.bounds[name] = most

    def excess(self) -> list[str]:
        """Return what is larger than it may be, in words."""
        return [
            f"{name}: {size} of at most {self.bounds[name]}"
            for name, size in self.sizes.items()
            if size > self.bounds[name]
        ]


def look_into(server: SimServer) -> Sample:
    """Measure what a server keeps."""
    replica, machine = server.replica, server.replica.machine
    compaction = server.settings.replica.compaction
    kept = compaction.entries_kept
    sample = Sample()
    log_most = 4 * (compaction.entries + kept) + 400
    sample.add(
        "entries of the log", replica.raft.last_index - replica.raft.first_index + 1, log_most
    )
    sample.add("segments", server.disk.wal.segments, 12)
    sample.add("snapshots", len(server.machine.snapshots.names()), limits.SNAPSHOTS_KEPT + 2)
    sample.add("events kept", len(machine.history.events), limits.HISTORY_EVENTS_MAX)
    sample.add("sessions", len(machine.sessions.by_id), CLIENTS_MAX)
    for session in machine.sessions.by_id.values():
        sample.add(f"answers of session {session.id}", len(session.replies.kept), 64)
    sample.add("nodes", len(machine.tree.nodes), 64)
    sample.add("locks", len(machine.locks.by_path), 8)
    sample.add("deadlines", len(machine.expiry.ttls._heap), 2 * 16 + 64)
    sample.add("watches", len(replica.watches), 8 * CLIENTS_MAX)
    sample.add("connections", len(replica.desk.connected), 2 * CLIENTS_MAX)
    sample.add("pending", replica.desk.pending_count(), 4 * CLIENTS_MAX)
    sample.add("pending bytes", replica.desk.pending_bytes, 64 * limits.KIB)
    sample.add("rounds of reads", len(replica._confirmations._asked), 64)
    sample.add("clocks of sessions", len(replica.liveness._heap), 4 * CLIENTS_MAX)
    return sample


class Day:
    """One run of many hours."""

    def __init__(self, seed: int, hours: int = 24) -> None:
        self.run = Run(seed, TUNING)
        self.hours = hours
        self.samples: list[Sample] = []
        swarm = self.run.swarm
        peers = len(self.run.cluster.nodes) > 1
        swarm.kinds = sorted(KINDS if peers else KINDS.keys() - NEED_PEERS)
        swarm.period = PERIOD
        for workload in self.run.workloads:
            workload.slow_down(PAUSE_MAX)

    def execute(self) -> None:
        """Run to the end of the day.

        Raises:
            RunFailed: with what is wrong.

        """
        run = self.run
        with (
            run.small_limits(),
            mock.patch.object(replica_module, "HOUSEKEEPING_MS", HOUSEKEEPING_MS),
        ):
            run.begin()
            for hour in range(self.hours):
                run.world.run_for(HOUR)
                self._look(hour, list(run.cluster.servers.values()))
            run.end()

    def _look(self, hour: int, servers: Sequence[SimServer]) -> None:
        for server in servers:
            sample = look_into(server)
            self.samples.append(sample)
            excess = sample.excess()
            if excess:
                raise WrongResult(f"{server.name} after {hour + 1} h keeps {'; '.join(excess)}")

    def largest(self) -> dict[str, int]:
        """Return the most that any server kept of each thing at any look."""
        largest: dict[str, int] = {}
        for sample in self.samples:
            for name, size in sample.sizes.items():
                kind = name.partition(" of session")[0]
                largest[kind] = max(largest.get(kind, 0), size)
        return largest
