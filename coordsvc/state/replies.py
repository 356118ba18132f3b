"""Replies: the last answers of one session, so that a retried write happens once (thesis 6.3)."""

from __future__ import annotations

from bisect import bisect_left
from typing import TypeAlias

from coordsvc.base import limits
from coordsvc.base.ids import Index, Serial
from coordsvc.base.values import Value

Reply: TypeAlias = tuple[Serial, int, Index, Value]
"""Serial, code, revision, value."""


def _serial_of(reply: Reply) -> Serial:
    return reply[0]


class Replies:
    """What one session's mutations were answered, from its floor on.

    Serials arrive in growing order; a client that pipelines keeps that order across retries. So
    a serial above `last_serial` is new and any other one is a copy of what was applied before.
    """

    __slots__ = ("kept", "last_serial")

    def __init__(self) -> None:
        self.last_serial: Serial = 0
        self.kept: list[Reply] = []  # by growing serial; the client's window, so it stays short

    def make_room(self, floor: Serial) -> bool:
        """Forget the answers below `floor`; tell whether one more can be remembered."""
        kept = self.kept
        if kept and kept[0][0] < floor:
            if kept[-1][0] < floor:
                kept.clear()
            else:
                del kept[: bisect_left(kept, floor, key=_serial_of)]
        return not kept or len(kept) < limits.REPLIES_PER_SESSION_MAX

    def remember(self, reply: Reply) -> None:
        """Keep the answer to a new serial."""
        assert reply[0] > self.last_serial, "a serial is answered once"
        self.last_serial = reply[0]
        self.kept.append(reply)

    def recall(self, serial: Serial) -> Reply | None:
        """Return the answer that `serial` got; None if it is no longer remembered."""
        at = bisect_left(self.kept, serial, key=_serial_of)
        if at < len(self.kept) and self.kept[at][0] == serial:
            return self.kept[at]
        return None
