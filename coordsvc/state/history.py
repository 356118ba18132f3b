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
        self._events: list[Event] = []
        self._start = 0  # where the kept ones begin; dropped ones are cut off in bulk
        self._bytes = 0

    def append(self, event: Event) -> None:
        """Add the next event; drop the oldest ones beyond the bounds."""
        self._events.append(event)
        if event.data is not None:
            self._bytes += len(event.data)
        if (
            len(self._events) - self._start > limits.HISTORY_EVENTS_MAX
            or self._bytes > limits.HISTORY_BYTES_MAX
        ):
            self._drop()

    def since(self, revision: Index) -> list[Event] | None:
        """Return the events after `revision`; None if some of them are no longer here."""
        if revision < self.compacted:
            return None
        at = bisect_right(self._events, revision, lo=self._start, key=_revision_of)
        return self._events[at:]

    def events(self) -> list[Event]:
        """Return all events kept."""
        return self._events[self._start :]

    def _drop(self) -> None:
        events, start = self._events, self._start
        while (
            len(events) - start > limits.HISTORY_EVENTS_MAX
            or self._bytes > limits.HISTORY_BYTES_MAX
        ):
            event = events[start]
            self.compacted = event.revision
            self._bytes -= len(event.data) if event.data is not None else 0
            start += 1
        if start > limits.HISTORY_EVENTS_MAX:
            del events[:start]
            start = 0
        self._start = start
