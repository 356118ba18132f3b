"""One run: a cluster, clients and faults drawn from one seed; then peace, and the judgement."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from unittest import mock

from coordsvc.base import limits
from coordsvc.base.ids import Index, NodeId
from coordsvc.base.vocabulary import ops
from coordsvc.raft.node import RaftSettings
from coordsvc.replica import applying
from coordsvc.replica.compaction import CompactionSettings
from coordsvc.replica.replica import ReplicaSettings
from coordsvc.state.machine import StateMachine
from tests.sim.checkers.revisions import check_real_time
from tests.sim.client import ClientSettings, SimClient
from tests.sim.cluster import SimCluster
from tests.sim.faults import Swarm
from tests.sim.history import History
from tests.sim.links import Delays, Links
from tests.sim.node import NodeSettings
from tests.sim.states import difference
from tests.sim.verdicts import NoProgress, WrongResult
from tests.sim.workloads.burst import BurstWorkload
from tests.sim.workloads.claims import ClaimsWorkload
from tests.sim.workloads.client import Answer, Workload
from tests.sim.workloads.counter import CounterWorkload
from tests.sim.workloads.lock import LockWorkload
from tests.sim.workloads.mortal import MortalWorkload
from tests.sim.workloads.register import RegisterWorkload
from tests.sim.workloads.sequence import SequenceWorkload
from tests.sim.workloads.transfer import TransferWorkload
from tests.sim.workloads.tries import TryWorkload
from tests.sim.workloads.watch import WatchWorkload
from tests.sim.world import MS, SECOND, Micros, World

WORKLOADS: Final[dict[str, Callable[[History], Workload]]] = {
    "burst": BurstWorkload,
    "claims": ClaimsWorkload,
    "counter": CounterWorkload,
    "lock": LockWorkload,
    "mortal": MortalWorkload,
    "register": RegisterWorkload,
    "sequence": SequenceWorkload,
    "transfer": TransferWorkload,
    "try": TryWorkload,
    "watch": WatchWorkload,
}


@dataclass(frozen=True, slots=True)
class Tuning:
    """What is not left to the seed."""

    nodes: int = 0
    kinds: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    snapshot_every: int = 0
    lease_reads: bool = False
    """Serve reads under the leader's lease, which else one run in four does."""
    learners: int | None = None
    election_ms: int = 0
    detailed: bool = False
    """Note every message between servers."""


CHECKPOINT_EVERY: Final = 16
"""Entries between two digests that members compare; many more in a real cluster."""
LEADER_WITHIN: Final[Micros] = 15 * SECOND
"""After the healing. Bytes that were clogged are still on their way for some seconds."""
QUIET_WITHIN: Final[Micros] = 30 * SECOND
SETTLED_WITHIN: Final[Micros] = 30 * SECOND


@dataclass(slots=True)
class Report:
    """What a run did."""

    seed: int
    nodes: int = 0
    learners: int = 0
    workloads: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    operations: int = 0
    elections: int = 0
    snapshots: int = 0
    installed: int = 0
    expired: int = 0
    entries: int = 0
    virtual: Micros = 0
    events: int = 0
    trace_hash: str = ""
    fingerprint: str = ""
    """What happened, what clients were told and what is in the states, each as a digest."""


class Run:
    """Everything of one seed."""

    def __init__(self, seed: int, tuning: Tuning | None = None) -> None:
        self._tuning = tuning = tuning or Tuning()
        self.world = World(seed, detailed=tuning.detailed)
        self.report = Report(seed)
        chance = self._chance = self.world.stream("run")
        nodes = chance.choice((1, 3, 3, 3, 3, 3, 3, 5))
        self.report.nodes = tuning.nodes or nodes
        learners = chance.choice((0, 0, 1)) if self.report.nodes > 1 else 0
        self.report.learners = learners if tuning.learners is None else tuning.learners
        election_ms = chance.choice((300, 600, 1_000))
        election_ms = tuning.election_ms or election_ms
        self._drift_ppm_max = chance.choice((0, 200, 20_000))
        delays = Delays(
            usual=chance.choice((300, MS, 5 * MS)), rare_max=chance.choice((5, 50)) * MS
        )
        self.cluster = SimCluster(
            self.world,
            Links(self.world, delays=delays),
            self._node_settings(election_ms),
            [self._client_settings(election_ms) for _ in range(chance.randint(2, 4))],
            drift_ppm_max=self._drift_ppm_max,
        )
        self.history = History(self.world)
        drawn = chance.sample(sorted(WORKLOADS), chance.randint(1, 3))
        self.report.workloads = list(tuning.workloads) or drawn
        self.workloads = [WORKLOADS[name](self.history) for name in self.report.workloads]
        self.swarm = Swarm(self.world, self.cluster)
        if tuning.kinds:
            self.swarm.kinds = list(tuning.kinds)

    def _node_settings(self, election_ms: int) -> NodeSettings:
        chance = self._chance
        members = self.report.nodes + self.report.learners
        lease_reads = chance.randrange(4) == 0 or self._tuning.lease_reads
        snapshot_every = chance.choice((5, 20, 60, 200))
        drift_percent = max(1, -(-2 * self._drift_ppm_max // 10_000))
        return NodeSettings(
            tuple(f"n{number}" for number in range(1, members + 1)),
            ReplicaSettings(
                RaftSettings(
                    heartbeat_ms=election_ms // chance.choice((5, 10)),
                    election_ms=election_ms,
                    lease_reads=lease_reads,
                    lease_drift_percent=drift_percent,
                ),
                CompactionSettings(
                    entries=self._tuning.snapshot_every or snapshot_every,
                    entries_kept=chance.choice((0, 5, 50)),
                    retry_ms=1_000,
                    # Snapshots are what is tested: many, in most runs whatever the tree's size.
                    entries_per_node=int(snapshot_every == 20),
                ),
                lease_reads,
                disk_reserve_bytes=chance.choice((1, 8, 64)) * limits.KIB,
            ),
            learners=tuple(f"n{number}" for number in range(self.report.nodes + 1, members + 1)),
            session_timeout_ms_min=500,
            session_timeout_ms_max=60_000,
            segment_bytes=chance.choice((4, 16, 64)) * limits.KIB,
            outbox_bytes_max=chance.choice((4, 64, 8_192)) * limits.KIB,
        )

    def _client_settings(self, election_ms: int) -> ClientSettings:
        chance = self._chance
        return ClientSettings(
            session_timeout_ms=chance.choice((2, 4, 8)) * election_ms,
            prefer_leader=chance.randrange(3) != 0,
            answer_within_ms=chance.choice((0, 2_000, 6_000)),
        )

    def execute(self) -> Report:
        """Run to the end.

        Raises:
            RunFailed: with what is wrong.

        """
        with self.small_limits():
            self.begin()
            self.world.run_for(self._chance.randint(3, 10) * SECOND)
            self.end()
        return self.finish()

    def begin(self) -> None:
        """Let the cluster come up, and load and faults begin."""
        self.world.run_for(2 * SECOND)
        for workload in self.workloads:
            workload.start(self.cluster.talking)
        self.swarm.start()

    def end(self) -> None:
        """End the faults, wait until all works again, and judge."""
        self.swarm.heal()
        self._settle_members()
        self._liveness()
        self._judge()

    @contextmanager
    def small_limits(self) -> Iterator[None]:
        """Make rare what is big: pieces of snapshots, the history of events."""
        chunk = self._chance.choice((1, 4, 256)) * limits.KIB
        events = self._chance.choice((20, 200, 1_000))
        with (
            mock.patch.object(limits, "SNAPSHOT_CHUNK_BYTES", chunk),
            mock.patch.object(limits, "HISTORY_EVENTS_MAX", events),
            mock.patch.object(applying, "CHECKPOINT_EVERY", CHECKPOINT_EVERY),
        ):
            yield

    def finish(self) -> Report:
        """Return what was done so far."""
        report, observer = self.report, self.cluster.observer
        report.faults = self.swarm.struck
        report.operations = len(self.history.operations)
        report.elections = observer.elections
        report.snapshots = observer.snapshots_taken
        report.installed = observer.snapshots_installed
        report.expired = observer.expired
        report.entries = observer.first_applied
        report.virtual = self.world.now
        report.events = self.world.events_run
        report.trace_hash = self.world.trace_hash()
        report.fingerprint = f"{report.trace_hash} {self._history_hash()} {self._states_hash()}"
        return report

    def _history_hash(self) -> str:
        return _hash_of(self.history.operations)

    def _states_hash(self) -> str:
        machines = {name: each.replica.machine for name, each in self.cluster.servers.items()}
        return _hash_of((name, m.revision, m.time_ms, m.digest) for name, m in machines.items())

    def _settle_members(self) -> None:
        """Let what was begun with the members come to its end."""
        memberships = self.cluster.memberships
        memberships.settle()
        self.world.run_until(
            lambda: memberships.settled, within=SETTLED_WITHIN, what="steady membership"
        )

    def _liveness(self) -> None:
        """With all faults healed, everybody works again."""
        cluster, run_until = self.cluster, self.world.run_until
        run_until(lambda: cluster.leader() is not None, within=LEADER_WITHIN, what="leader")
        self.world.run_for(SECOND)
        for workload in self.workloads:
            workload.stop()
        self._wait_for_quiet("end of what was begun")
        reader = cluster.client("reader", ClientSettings(4_000, True, 0))
        for workload in self.workloads:
            workload.conclude(reader)
        self._wait_for_quiet("answer to the last reads")
        cluster.operator.watch_disputes()
        if cluster.observer.wrong:
            self._write_until_compared(reader)
        run_until(cluster.is_settled, within=SETTLED_WITHIN, what="agreement")
        for workload in self.workloads:
            if isinstance(workload, WatchWorkload):
                run_until(workload.is_caught_up, within=QUIET_WITHIN, what="last event")
        mortal = any(isinstance(workload, MortalWorkload) for workload in self.workloads)
        if mortal and not cluster.observer.wrong_spread:  # else some may apply nothing more
            run_until(cluster.has_no_mortals, within=QUIET_WITHIN, what="end of what is to go")

    def _write_until_compared(self, client: SimClient) -> None:
        """Fill the log up to where members compare their states: one of them is wrong."""
        written = 0

        def write(_: Answer) -> None:
            nonlocal written
            written += 1
            if self.cluster.observer.wrong and written < 1_000:
                args = ("/filling", b"%d" % written, False, [])
                client.after(20 * MS, lambda: client.submit(ops.PUT, args, write))

        write(Answer(0))

    def _wait_for_quiet(self, what: str) -> None:
        try:
            self.world.run_until(
                lambda: all(workload.is_quiet() for workload in self.workloads),
                within=QUIET_WITHIN,
                what=what,
            )
        except NoProgress as stuck:
            waiting = [str(o) for o in self.history.operations if o.completed_at > self.world.now]
            raise NoProgress(
                f"{stuck}\n  {self.cluster.standing()}\n  " + "\n  ".join(waiting[-10:])
            ) from None

    def _judge(self) -> None:
        for workload in self.workloads:
            workload.check()
        check_real_time(self.history.operations)
        self.cluster.observer.watches.finish(0)
        self._compare_states()

    def _compare_states(self) -> None:
        """Check that those who have applied the same have the same state, down to the last bit."""
        observer = self.cluster.observer
        known: dict[Index, tuple[NodeId, StateMachine]] = {}
        for name, server in self.cluster.servers.items():
            machine = server.replica.machine
            other, same = known.setdefault(machine.revision, (name, machine))
            text = difference(machine, same)
            if text and not observer.wrong_spread:
                raise WrongResult(f"the states of {name} and {other} differ: {text}")


def _hash_of(things: Iterable[object]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for thing in things:
        digest.update(repr(thing).encode())
    return digest.hexdigest()
