"""Metrics: what a server counts, under the names that monitoring knows.

The stems are etcd's where etcd has the same thing, so that its boards and alerts carry over;
base units, and `_total` for what only grows. Nothing is computed before somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Final, TypeAlias

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from coordsvc import __version__
from coordsvc.base.vocabulary import codes, ops
from coordsvc.server.counters import BOUNDS_S, Histogram
from coordsvc.server.server import Server

PREFIX: Final = "coordsvc_"
Number: TypeAlias = Callable[[Server], float]

GAUGES: Final[tuple[tuple[str, str, Number], ...]] = (
    (
        "raft_has_leader",
        "Whether a leader is known here.",
        lambda s: s.replica.raft.leader is not None,
    ),
    ("raft_is_leader", "Whether this node leads.", lambda s: s.replica.leading),
    ("raft_term", "The term this node is in.", lambda s: s.replica.raft.term),
    ("raft_commit_index", "The last entry decided.", lambda s: s.replica.raft.commit),
    ("raft_applied_index", "The last entry applied: the revision.", lambda s: s.replica.applied),
    ("raft_last_index", "The last entry of the log.", lambda s: s.replica.raft.last_index),
    (
        "raft_proposals_pending",
        "Commands of this node's clients that wait to be applied.",
        lambda s: s.replica.desk.pending_count(),
    ),
    (
        "raft_uncommitted_bytes",
        "Bytes in the log that are not decided yet.",
        lambda s: s.replica.raft.uncommitted_bytes,
    ),
    (
        "raft_quorum_size",
        "How many members must agree.",
        lambda s: len(s.replica.raft.membership.voters) // 2 + 1,
    ),
    ("raft_members", "Members that vote.", lambda s: len(s.replica.raft.membership.voters)),
    (
        "raft_is_learner",
        "Whether this node is a member without a vote.",
        lambda s: s.replica.node in s.replica.raft.membership.learners,
    ),
    (
        "raft_learners",
        "Members that do not vote (yet).",
        lambda s: len(s.replica.raft.membership.learners),
    ),
    ("wal_bytes", "What the log takes on disk.", lambda s: s.wal.bytes_on_disk),
    (
        "wal_busy_seconds",
        "For how long the disk has been at the present batch.",
        lambda s: s.driver.log_busy_s,
    ),
    ("snapshot_bytes", "What the snapshots take on disk.", lambda s: s.store.bytes_on_disk),
    (
        "snapshot_index",
        "The revision of the latest snapshot.",
        lambda s: s.replica.raft.snapshot.index,
    ),
    (
        "disk_alarm",
        "Whether this node has too little room on its disk.",
        lambda s: s.replica.health.room.alarm,
    ),
    (
        "state_diverged",
        "Whether this node's state is known to be wrong, or it sees members disagree.",
        lambda s: s.replica.health.differs or s.replica.health.disputed,
    ),
    ("sessions", "Live sessions.", lambda s: len(s.replica.machine.sessions.by_id)),
    ("watches", "Watches of this node's clients.", lambda s: len(s.replica.watches)),
    ("nodes", "Nodes of the tree.", lambda s: len(s.replica.machine.tree)),
    (
        "ephemerals",
        "Ephemeral nodes.",
        lambda s: sum(len(each.ephemerals) for each in s.replica.machine.sessions.by_id.values()),
    ),
    (
        "locks_held",
        "Locks that somebody holds.",
        lambda s: sum(bool(lock.holders) for lock in s.replica.machine.locks.by_path.values()),
    ),
    (
        "lock_waiters",
        "Claims that wait for a lock.",
        lambda s: sum(len(lock.queue) for lock in s.replica.machine.locks.by_path.values()),
    ),
    ("client_connections", "Open client connections.", lambda s: s.counters.client_connections),
)

COUNTERS: Final[tuple[tuple[str, str, Number], ...]] = (
    ("raft_leader_changes", "New leaders seen.", lambda s: s.replica.leader_changes),
    (
        "sessions_expired",
        "Sessions this node has declared lapsed while it led.",
        lambda s: s.replica.liveness.lapsed_total,
    ),
    (
        "snapshot_failures",
        "Snapshots that could not be written.",
        lambda s: s.replica.snapshots.compaction.failures,
    ),
    (
        "client_connections_accepted",
        "Client connections accepted.",
        lambda s: s.counters.client_connections_total,
    ),
    ("client_received_bytes", "Bytes received from clients.", lambda s: s.counters.bytes_in),
    ("client_sent_bytes", "Bytes sent to clients.", lambda s: s.counters.bytes_out),
)

HISTOGRAMS: Final[tuple[tuple[str, str, Callable[[Server], Histogram]], ...]] = (
    (
        "wal_fsync_duration_seconds",
        "How long a sync of the log takes.",
        lambda s: s.counters.sync_seconds,
    ),
    (
        "snapshot_duration_seconds",
        "How long a snapshot takes to write.",
        lambda s: s.counters.snapshot_seconds,
    ),
    ("loop_lag_seconds", "How late timers fire.", lambda s: s.counters.loop_lag),
)


class ServerCollector(Collector):
    """Reads one server's numbers when Prometheus asks."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def collect(self) -> Iterable[Metric]:
        """Yield all metrics."""
        server = self._server
        for name, text, number in GAUGES:
            yield GaugeMetricFamily(PREFIX + name, text, value=float(number(server)))
        for name, text, number in COUNTERS:
            yield CounterMetricFamily(PREFIX + name, text, value=float(number(server)))
        for name, text, histogram in HISTOGRAMS:
            yield _histogram(PREFIX + name, text, histogram(server))
        yield from self._requests()
        yield from self._peers()
        build = {"version": __version__, "node": server.settings.node}
        yield InfoMetricFamily(
            PREFIX + "build",
            "Which program this is.",
            value=build | {"cluster": server.settings.cluster},
        )

    def _requests(self) -> Iterator[Metric]:
        hall = self._server.hall
        taken = CounterMetricFamily(
            PREFIX + "requests", "Requests taken from clients.", labels=("op", "proto")
        )
        for op in sorted(ops.MUTATIONS | ops.READS):
            taken.add_metric((ops.NAMES[op], "native"), float(hall.requests[op]))
        yield taken
        failed = CounterMetricFamily(
            PREFIX + "requests_failed",
            "Requests not carried out as asked, by result code.",
            labels=("code", "proto"),
        )
        for code, count in sorted(hall.failures.items()):
            failed.add_metric((codes.NAMES[code], "native"), float(count))
        yield failed

    def describe(self) -> Iterable[Metric]:
        """Return nothing: names are not checked by asking for all the numbers."""
        return ()

    def _peers(self) -> Iterator[Metric]:
        server = self._server
        round_trip = GaugeMetricFamily(
            PREFIX + "raft_peer_rtt_seconds", "A round trip to a peer.", labels=["peer"]
        )
        lag = GaugeMetricFamily(
            PREFIX + "raft_peer_lag_entries",
            "Decided entries that a peer has not confirmed; on the leader.",
            labels=["peer"],
        )
        for peer in server.book.others():
            seconds = server.links.round_trip_s(peer)
            if seconds is not None:
                round_trip.add_metric([peer], seconds)
        raft = server.replica.raft
        for peer, view in raft.peers().items() if server.replica.leading else ():
            lag.add_metric([peer], max(0, raft.commit - view.match))
        yield round_trip
        yield lag


def _histogram(name: str, text: str, histogram: Histogram) -> HistogramMetricFamily:
    bounds = [*map(str, BOUNDS_S), "+Inf"]
    buckets = list(zip(bounds, accumulate(map(float, histogram.counts)), strict=True))
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=histogram.total_s)
