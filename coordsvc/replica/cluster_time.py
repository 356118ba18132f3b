"""Cluster time: what a leader stamps entries with.

It follows the leader's wall clock, never goes back, and never stands still: ahead of a wall clock
that was set back (or that of a new leader, behind the one before) it goes on at half the pace of
the monotonic clock until that has caught up. If it stood, what waits for a time (a lock's delay,
a node's TTL) would wait for as long as a clock had once been wrong.
"""

from __future__ import annotations

from coordsvc.base.ids import Millis


class ClusterTime:
    """The time of one replica, should it lead."""

    __slots__ = ("_halves", "_read_at")

    def __init__(self, now: Millis) -> None:
        self._halves = 0  # of milliseconds since 1970
        self._read_at = now

    def read(self, now: Millis, wall_ms: Millis, applied_ms: Millis) -> Millis:
        """Return the time in ms since 1970.

        `now` is the monotonic clock; `applied_ms` the largest stamp among applied entries.
        """
        passed = now - self._read_at
        self._read_at = now
        self._halves = max(2 * wall_ms, self._halves + passed, 2 * applied_ms)
        return self._halves // 2
