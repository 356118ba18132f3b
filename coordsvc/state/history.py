"""History: recent changes by revision, so that a watch resumes without a gap."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from coordsvc.base import limits
from coordsvc.base.ids import Index
from coordsvc.state.events import NO_STAT, Event


def _revision_of(event: Event) -> Index:
    return event.revision


DROP_SHARE: Final = 512
"""A `1 / DROP_SHARE` of the bounds goes at once, when they are reached."""

_GONE: Final = Event(0, "", 0, NO_STAT, None)


class History:
    """The latest events in order, bounded by their number and by the bytes of their data.

    The oldest go a few at a time, because what they leave free is what the next ones take, while
    it is still in the processor's cache: a tenth of a write's cost. Their places in the list are
    filled with `_GONE` and cut off later, many at once: that is not free either.
    """

    __slots__ = ("_bytes", "_events", "_first", "compacted")

    def __init__(self) -> None:
        self.compacted: Index = 0
        """The revision of the latest event that was dropped."""
        self._events: list[Event] = []
        self._first = 0
        """Where in the list the oldest event is."""
        self._bytes = 0

    @property
    def events(self) -> list[Event]:
        """The events that are here, oldest first."""
        return self._events[self._first :]

    @property
    def is_empty(self) -> bool:
        """Whether no event is here."""
        return len(self._events) == self._first

    def append(self, event: Event) -> None:
        """Add the next event; drop the oldest ones beyond the bounds."""
        events, data = self._events, event.data
        events.append(event)
        if data is not None:
            self._bytes += len(data)
        if (
            len(events) - self._first > limits.HISTORY_EVENTS_MAX
            or self._bytes > limits.HISTORY_BYTES_MAX
        ):
            self._drop()

    def forget(self, revision: Index) -> None:
        """Drop everything: what changed up to `revision` is not known here."""
        self._events.clear()
        self._first = self._bytes = 0
        self.compacted = revision

    def since(self, revision: Index) -> list[Event] | None:
        """Return the events after `revision`; None if some of them are no longer here."""
        if revision < self.compacted:
            return None
        events = self._events
        return events[bisect_right(events, revision, self._first, key=_revision_of) :]

    def _drop(self) -> None:
        events, at = self._events, self._first
        count_max = limits.HISTORY_EVENTS_MAX - limits.HISTORY_EVENTS_MAX // DROP_SHARE
        bytes_max = limits.HISTORY_BYTES_MAX - limits.HISTORY_BYTES_MAX // DROP_SHARE
        while len(events) - at > count_max or self._bytes > bytes_max:
            oldest = events[at]
            events[at] = _GONE
            at += 1
            if oldest.data is not None:
                self._bytes -= len(oldest.data)
            self.compacted = oldest.revision
        if at > limits.HISTORY_EVENTS_MAX // 8:
            del events[:at]
            at = 0
        self._first = at
