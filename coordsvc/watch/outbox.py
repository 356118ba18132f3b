"""Outbox: what one listener has yet to be sent, bounded by bytes.

A listener that does not read is cut off from its watches and told so, never waited for: its
client reads anew, from a revision that the notice names.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final, TypeAlias

from coordsvc.base import limits
from coordsvc.base.ids import Index
from coordsvc.base.record import record
from coordsvc.base.vocabulary import codes
from coordsvc.state.events import Event

NOTICE_BYTES: Final = 160  # of one on the wire besides path and data: numbers and the stat


@record
class Told:
    """An event for the watch `watch_id`."""

    watch_id: int
    event: Event


@record
class Lost:
    """The watch `watch_id` has ended; everything up to `revision` was sent."""

    watch_id: int
    code: int
    revision: Index


Notice: TypeAlias = Told | Lost


class Outbox:
    """The notices that wait for one listener. `bytes` never exceeds the bound by events."""

    __slots__ = ("_bytes_max", "_notices", "bytes")

    def __init__(self, bytes_max: int = limits.OUTBOX_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._notices: deque[Notice] = deque()
        self.bytes = 0
        """About what the waiting events take on the wire."""

    def __len__(self) -> int:
        """Return how many notices wait."""
        return len(self._notices)

    def add(self, watch_id: int, event: Event) -> bool:
        """Queue an event; False if there is no room: the caller must `cut` the listener."""
        size = _bytes_of(event)
        if self.bytes + size > self._bytes_max:
            return False
        self._notices.append(Told(watch_id, event))
        self.bytes += size
        return True

    def cut(self, watch_ids: Iterable[int], *, missed: Index) -> None:
        """Drop the waiting events and tell that the listener's watches are lost.

        `missed` is the revision of the event that found no room. The notices name the revision
        before the first event that was dropped: there a resumed watch misses nothing.
        """
        dropped = [each.event.revision for each in self._notices if isinstance(each, Told)]
        revision = min([missed, *dropped]) - 1
        kept = [each for each in self._notices if isinstance(each, Lost)]
        self._notices.clear()
        self._notices.extend(kept)
        self._notices.extend(Lost(each, codes.COMPACTED, revision) for each in watch_ids)
        self.bytes = 0

    def take(self, bytes_max: int) -> list[Notice]:
        """Remove and return notices in order, about `bytes_max` of them, at least one."""
        taken: list[Notice] = []
        size = 0
        while self._notices and (not taken or size < bytes_max):
            notice = self._notices.popleft()
            taken.append(notice)
            if isinstance(notice, Told):
                self.bytes -= _bytes_of(notice.event)
                size += _bytes_of(notice.event)
            else:
                size += NOTICE_BYTES
        assert self.bytes >= 0
        return taken


def _bytes_of(event: Event) -> int:
    return NOTICE_BYTES + len(event.path) + (0 if event.data is None else len(event.data))
