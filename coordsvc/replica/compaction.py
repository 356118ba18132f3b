"""When to take a snapshot and what of the log to drop behind it."""

from __future__ import annotations

from coordsvc.base import limits
from coordsvc.base.ids import Index, Millis
from coordsvc.base.record import record


@record
class CompactionSettings:
    """A snapshot is due after so many entries or bytes of log, whichever comes first."""

    entries: int = limits.SNAPSHOT_EVERY_ENTRIES
    bytes: int = limits.SNAPSHOT_EVERY_BYTES
    entries_kept: int = limits.LOG_ENTRIES_KEPT_BEHIND
    retry_ms: Millis = 10_000


class Compaction:
    """Counts what has been logged since the last snapshot."""

    __slots__ = ("_asked", "_bytes", "_not_before", "_settings", "failures", "last", "running")

    def __init__(self, settings: CompactionSettings, last: Index) -> None:
        self._settings = settings
        self._asked = False
        self._bytes = 0
        self._not_before: Millis = 0
        self.last = last
        """Index of the latest snapshot."""
        self.running = False
        self.failures = 0
        """How many could not be written."""

    @property
    def entries_kept(self) -> int:
        """How many entries stay behind, for followers a little late."""
        return self._settings.entries_kept

    def ask(self) -> None:
        """Have a snapshot started, if there is anything that the latest one does not hold."""
        self._asked = True

    def logged(self, size: int) -> None:
        """Take note of bytes appended to the log."""
        self._bytes += size

    def is_due(self, applied: Index, now: Millis) -> bool:
        """Tell whether a snapshot of the state at `applied` should be started."""
        if self.running or now < self._not_before or applied <= self.last:
            return False
        return (
            self._asked
            or applied - self.last >= self._settings.entries
            or self._bytes >= self._settings.bytes
        )

    def started(self) -> None:
        """A snapshot is being written."""
        self.running = True
        self._asked = False
        self._bytes = 0

    def installed(self, index: Index) -> None:
        """Another replica's snapshot is in place. One of our own may still be being written."""
        self.last = max(self.last, index)

    def taken(self, index: Index) -> Index:
        """The snapshot is durable; return the index up to which the log may be dropped."""
        self.running = False
        self.last = max(self.last, index)
        return max(0, index - self._settings.entries_kept)

    def failed(self, now: Millis) -> None:
        """It could not be written; try again later, not at once."""
        self.running = False
        self.failures += 1
        self._not_before = now + self._settings.retry_ms
