"""What is counted while serving: plain numbers, read when somebody asks for metrics.

A Prometheus counter costs six times an integer; nothing here does more than add.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from coordsvc.base.ids import Millis

BOUNDS_S: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
)  # fmt: skip
"""Upper bounds of the histograms' buckets, in seconds."""


class Histogram:
    """Counts of durations by bucket."""

    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.total_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.total_s += seconds

    @property
    def count(self) -> int:
        """How many were observed."""
        return sum(self.counts)


class Counters:
    """Everything one server counts."""

    __slots__ = (
        "bytes_in", "bytes_out", "client_connections", "client_connections_total", "loop_lag",
        "snapshot_bytes", "snapshot_seconds", "snapshots_taken", "sync_seconds",
    )  # fmt: skip

    def __init__(self) -> None:
        self.sync_seconds = Histogram()
        self.snapshot_seconds = Histogram()
        self.snapshots_taken = 0
        self.snapshot_bytes = 0
        self.client_connections = 0
        self.client_connections_total = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.loop_lag = Histogram()

    def synced(self, seconds: float) -> None:
        """One sync of the log took so long."""
        self.sync_seconds.observe(seconds)

    def snapshot_taken(self, seconds: float, size: int) -> None:
        """One snapshot is durable."""
        self.snapshot_seconds.observe(seconds)
        self.snapshots_taken += 1
        self.snapshot_bytes = size

    def loop_late(self, late_ms: Millis) -> None:
        """The event loop ran a timer so late."""
        self.loop_lag.observe(late_ms / 1000)
