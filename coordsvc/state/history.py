"""History: recent changes by revision, so that a watch resumes without a gap."""

from __future__ import annotations

from bisect import bisect_right

from coordsvc.base import limits
from coordsvc.base.ids import Index
from coordsvc.state.events import Event


def _revision_of(event: Event) -> Index:
    return event.revision


class History:
    """The latest events in order, bounded by their number and by the bytes of their data."""

    def __init__(self) -> None:
        self.compacted: Index = 0
        """The revision of the latest event that was dropped."""
        self.events: list[Event] = []
        self._bytes = 0

    def append(self, event: Event) -> None:
        """Add the next event; drop the oldest ones beyond the bounds."""
        events, data = self.events, event.data
        events.append(event)
        if data is not None:
            self._bytes += len(data)
        if len(events) > limits.HISTORY_EVENTS_MAX or self._bytes > limits.HISTORY_BYTES_MAX:
            self._drop()

    def forget(self, revision: Index) -> None:
        """Drop everything: what changed up to `revision` is not known here."""
        self.events.clear()
        self._bytes = 0
        self.compacted = revision

    def since(self, revision: Index) -> list[Event] | None:
        """Return the events after `revision`; None if some of them are no longer here."""
        if revision < self.compacted:
            return None
        return self.events[bisect_right(self.events, revision, key=_revision_of) :]

    def _drop(self) -> None:
        """Drop an eighth more than needed: cutting the head of a list is not free."""
        count_max = limits.HISTORY_EVENTS_MAX * 7 // 8
        bytes_max = limits.HISTORY_BYTES_MAX * 7 // 8
        events, left = self.events, self._bytes
        count = max(0, len(events) - count_max)
        for event in events[:count]:
            left -= len(event.data or b"")
        while left > bytes_max:
            left -= len(events[count].data or b"")
            count += 1
        self._bytes = left
        self.compacted = events[count - 1].revision
        del events[:count]
