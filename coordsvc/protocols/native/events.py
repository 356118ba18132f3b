"""Events on the wire, packed once for all who watch."""

from __future__ import annotations

from typing import Final

from coordsvc.state.events import Event
from coordsvc_client.wire import ops
from coordsvc_client.wire.framing import frame_of_packed, pack

NUMBERS_MAX: Final = 1_000
"""Of watches whose message about one event is remembered."""


class EventEncoder:
    """Packs an event for the first of its watchers, and hands the same bytes to the others.

    Only the number of the watch differs from one client to the next, and clients that do the
    same number alike. Two events are remembered: the latest with data and the latest without,
    as the watchers of one change may want either.
    """

    __slots__ = ("_events", "_frame", "_framed", "_packed")

    def __init__(self) -> None:
        self._events: list[Event | None] = [None, None]
        self._packed: list[dict[int, bytes]] = [{}, {}]
        self._framed = self._frame = b""

    def encode(self, watch_id: int, event: Event) -> bytes:
        """Return the message that tells a watch of an event."""
        slot = event.data is None
        if self._events[slot] is not event:
            self._events[slot] = event
            self._packed[slot] = {}
        known = self._packed[slot]
        message = known.get(watch_id)
        if message is None:
            message = pack(
                (
                    *(ops.EVENT, watch_id, event.kind),
                    *(event.path, event.revision, event.stat, event.data),
                )
            )
            if len(known) < NUMBERS_MAX:
                known[watch_id] = message
        return message

    def frame(self, message: bytes) -> bytes:
        """Return the frame with just this message, which is likely that of the call before."""
        if message is not self._framed:
            self._framed, self._frame = message, frame_of_packed([message])
        return self._frame
