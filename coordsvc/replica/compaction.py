"""When to take a snapshot and what of the log to drop behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from coordsvc.base import limits
from coordsvc.base.ids import Index, Millis

ENTRIES_PER_NODE: Final = 2


@dataclass(frozen=True, slots=True)
class CompactionSettings:
    """A snapshot is due after so many entries or bytes of log, whichever comes first.

    To take one costs as much as the tree is large. So that this stays a small share of what a
    write costs, the log may grow longer beside a large tree: to `entries_per_node` times as many
    entries as there are nodes, and to more bytes in the same measure.

    In quiet it is due earlier, so that the next start has little to apply: after
    `quiet_entries`, and no fewer than a `1 / QUIET_SHARE` of the nodes it would hold.
    """

    entries: int = limits.SNAPSHOT_EVERY_ENTRIES
    bytes: int = limits.SNAPSHOT_EVERY_BYTES
    entries_kept: int = limits.LOG_ENTRIES_KEPT_BEHIND
    retry_ms: Millis = 10_000
    quiet_entries: int = limits.SNAPSHOT_QUIET_ENTRIES
    entries_per_node: int = ENTRIES_PER_NODE


QUIET_SHARE: Final = 2
QUIET_MS: Final = 1_000
QUIET_ENTRIES_MAX: Final = 100
"""It is quiet when no more than this is applied in QUIET_MS."""


class Compaction:
    """Counts what has been logged since the last snapshot."""

    __slots__ = (
        "_bytes", "_is_quiet", "_look_at", "_not_before", "_seen", "_settings", "asked",
        "failures", "full_at", "last", "running",
    )  # fmt: skip

    def __init__(self, settings: CompactionSettings, last: Index) -> None:
        self._settings = settings
        self.asked = False
        """A snapshot is wanted, if there is anything that the latest one does not hold."""
        self._bytes = 0
        self._not_before: Millis = 0
        self._look_at: Millis = 0
        self._seen = last  # what was applied at the last look
        self._is_quiet = False
        self.last = last
        """Index of the latest snapshot."""
        self.full_at = last + settings.entries
        """Where another is due at the earliest, if its bytes or quiet do not make it due before."""
        self.running = False
        self.failures = 0
        """How many could not be written."""

    @property
    def entries_kept(self) -> int:
        """How many entries stay behind, for followers a little late."""
        return self._settings.entries_kept

    def ask(self) -> None:
        """Have a snapshot started, if there is anything that the latest one does not hold."""
        self.asked = True

    def logged(self, size: int) -> None:
        """Take note of bytes appended to the log."""
        self._bytes += size

    def is_due(self, applied: Index, now: Millis, nodes: int) -> bool:
        """Tell whether a snapshot of the state at `applied`, with so many nodes, should start."""
        if now >= self._look_at:
            self._is_quiet = applied - self._seen <= QUIET_ENTRIES_MAX and self._look_at > 0
            self._seen, self._look_at = applied, now + QUIET_MS
        if self.running or now < self._not_before or applied <= self.last:
            return False
        new = applied - self.last
        return (
            self.asked
            or self._is_full(new, nodes)
            or (
                self._is_quiet
                and new >= max(self._settings.quiet_entries, nodes // QUIET_SHARE)
                and applied - self._seen <= QUIET_ENTRIES_MAX  # not when much begins to happen
            )
        )

    def _is_full(self, new: Index, nodes: int) -> bool:
        settings = self._settings
        entries = max(settings.entries, nodes * settings.entries_per_node)
        return new >= entries or self._bytes * settings.entries >= settings.bytes * entries

    def started(self) -> None:
        """A snapshot is being written."""
        self.running = True
        self.asked = False
        self._bytes = 0

    def installed(self, index: Index) -> None:
        """Another replica's snapshot is in place. One of our own may still be being written."""
        self._reached(index)

    def taken(self, index: Index) -> Index:
        """The snapshot is durable; return the index up to which the log may be dropped."""
        self.running = False
        self._reached(index)
        return max(0, index - self._settings.entries_kept)

    def _reached(self, index: Index) -> None:
        self.last = max(self.last, index)
        self.full_at = self.last + self._settings.entries

    def failed(self, now: Millis) -> None:
        """It could not be written; try again later, not at once."""
        self.running = False
        self.failures += 1
        self._not_before = now + self._settings.retry_ms
