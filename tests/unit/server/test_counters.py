"""Plain counts."""

from __future__ import annotations

from coordsvc.server.counters import BOUNDS_S, Counters, Histogram


def test_a_histogram_counts_each_duration_in_the_bucket_that_bounds_it():
    histogram = Histogram()
    for seconds in (0.0, BOUNDS_S[0], 0.0002, 99.0):
        histogram.observe(seconds)
    assert histogram.counts[:2] == [2, 1]
    assert histogram.counts[-1] == 1
    assert histogram.count == 4
    assert histogram.total_s == 99.0003


def test_what_happens_is_counted():
    counters = Counters()
    counters.synced(0.001)
    counters.snapshot_taken(2.0, 1_000)
    counters.loop_late(30)
    assert counters.sync_seconds.count == 1
    assert (counters.snapshots_taken, counters.snapshot_bytes) == (1, 1_000)
    assert counters.snapshot_seconds.total_s == 2.0
    assert counters.loop_lag.total_s == 0.03
