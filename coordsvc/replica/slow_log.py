"""SlowLog: whether a leader's disk is so slow that another should lead.

Every write waits for the leader's log before the next batch is proposed, so a slow disk slows the
whole cluster down. Heartbeats do not wait for disks, so nobody else finds out. Another would lead
better only where a quorum has no need of this disk: where what is committed is ahead of it and goes
on without it. One faster member is not enough; it could commit nothing in its own term. Nor is it
enough that others were ahead: where their disks stand still too (all full, say), whoever would be
elected could not even have its first entry committed, and no read would be answered either.
"""

from __future__ import annotations

from typing import Final

from coordsvc.base.ids import Index, Millis

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

    __slots__ = ("_commit", "_looked_at", "_not_before", "_weight_ms")

    def __init__(self, now: Millis) -> None:
        self._looked_at = now
        self._not_before = now
        self._weight_ms: Millis = 0
        self._commit: Index = 0
        """The commit index at the last look."""

    def look(
        self, now: Millis, *, waits_ms: Millis, durable: Index, commit: Index, last: Index
    ) -> bool:
        """Look at the leader's log; tell whether leadership should be handed over now.

        Args:
            now: milliseconds of the monotonic clock.
            waits_ms: for how long the log has been at its oldest write, 0 if it is idle.
            durable: the last entry on this disk.
            commit: the last entry that is committed.
            last: the last entry that was proposed.

        """
        goes_on = commit == last or commit > self._commit
        self._commit = commit
        passed = min(now - self._looked_at, LOOK_MS_MAX)
        self._looked_at = now
        if waits_ms >= WAITS_MS and commit > durable and goes_on:
            self._weight_ms += passed
        else:
            self._weight_ms = max(0, self._weight_ms - passed)
        if self._weight_ms < SLOW_MS or now < self._not_before:
            return False
        self._weight_ms = 0
        self._not_before = now + REST_MS
        return True
