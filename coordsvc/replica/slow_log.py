"""SlowLog: whether a leader's disk is so slow that another should lead.

Every write waits for the leader's log before the next batch is proposed, so a slow disk slows the
whole cluster down. Heartbeats do not wait for disks, so nobody else finds out. Another would lead
better only where a quorum has no need of this disk: where what is committed is ahead of it. One
faster member is not enough; it could commit nothing in its own term.
"""

from __future__ import annotations

from typing import Final

from coordsvc.base.ids import Millis

WAITS_MS: Final = 50
"""A log that has been at one write for so long is slow at the moment."""
SLOW_MS: Final = 1_000
"""Leadership is handed over when it was slow for so much longer than it was not."""
REST_MS: Final = 30_000
"""Until it may be handed over again: where all disks are slow it must not go round."""
LOOK_MS_MAX: Final = 100
"""What one look counts at most: a process that stood still says nothing of its disk."""


class SlowLog:
    """Weighs how often the log was found slow while a quorum was ahead of it."""

    __slots__ = ("_looked_at", "_not_before", "_weight_ms")

    def __init__(self, now: Millis) -> None:
        self._looked_at = now
        self._not_before = now
        self._weight_ms: Millis = 0

    def look(self, now: Millis, *, waits_ms: Millis, is_overtaken: bool) -> bool:
        """Look at the leader's log; tell whether leadership should be handed over now.

        `waits_ms` is for how long it has been at its oldest write, 0 if it is idle;
        `is_overtaken` whether entries are committed that are not on its disk.
        """
        passed = min(now - self._looked_at, LOOK_MS_MAX)
        self._looked_at = now
        if waits_ms >= WAITS_MS and is_overtaken:
            self._weight_ms += passed
        else:
            self._weight_ms = max(0, self._weight_ms - passed)
        if self._weight_ms < SLOW_MS or now < self._not_before:
            return False
        self._weight_ms = 0
        self._not_before = now + REST_MS
        return True
