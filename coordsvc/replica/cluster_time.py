"""Cluster time: what a leader stamps entries with.

Lock delays and times to live are counted in it, so it must go on as true time does. A wall clock
does not: it is set, by an hour or a year, and differs from member to member. So cluster time goes
on by the monotonic clock from the latest stamp that another leader made, never goes back, and is
only drawn towards the wall clock, slowly.
"""

from __future__ import annotations

from coordsvc.base.ids import Millis

DRAWN_PER_MILLE = 50
"""Of the time that passes: so much faster or slower than true time it goes after a jump."""


class ClusterTime:
    """The time of one replica, should it lead."""

    __slots__ = ("_applied_ms", "_ms", "_read_at")

    def __init__(self, now: Millis) -> None:
        self._ms: Millis = -1
        """-1: not known. A replica that has just started has nothing but the wall clock."""
        self._read_at = now
        self._applied_ms: Millis = 0

    def read(self, now: Millis, wall_ms: Millis, applied_ms: Millis, leads: bool) -> Millis:
        """Return the time in ms since 1970.

        `now` is the monotonic clock; `applied_ms` the largest stamp among applied entries, which
        tells the time to those who have not made it: `leads` says who has.
        """
        passed = now - self._read_at
        self._read_at = now
        if self._ms < 0:
            self._ms = wall_ms
        elif applied_ms != self._applied_ms and not leads:
            self._ms = applied_ms
        else:
            drawn = passed * DRAWN_PER_MILLE // 1_000
            gap = wall_ms - self._ms - passed
            self._ms += passed + max(-drawn, min(drawn, gap))
        self._applied_ms = applied_ms
        self._ms = max(self._ms, applied_ms)
        return self._ms
