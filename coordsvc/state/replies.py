"""Replies: the last answers of one session, so that a retried write happens once (thesis 6.3)."""

from __future__ import annotations

from typing import Final, TypeAlias

from coordsvc.base import limits
from coordsvc.base.ids import Index, Serial
from coordsvc.base.values import Value

Reply: TypeAlias = tuple[Serial, int, Index, Value]
"""Serial, code, revision, value."""

NOTHING: Final[list[Reply]] = []
"""What every session that has yet to change anything shares: an empty list takes 56 bytes."""

ERA_BITS: Final = 32
"""A connection of a session has so many bits for its serials; those above count eras."""


class Replies:
    """What one session's mutations were answered, from its floor on.

    Serials arrive in growing order; a client that pipelines keeps that order across retries. So
    a serial above `last_serial` is new and any other one is a copy of what was applied before.
    """

    __slots__ = ("kept", "last_serial")

    def __init__(self) -> None:
        self.last_serial: Serial = 0
        self.kept = NOTHING
        """By growing serial. A list, although the first ones go: it is the client's window, so
        short, and a compiled deque is called by name, a list directly."""

    def make_room(self, floor: Serial) -> bool:
        """Forget the answers below `floor`; tell whether one more can be remembered."""
        kept = self.kept
        while kept and kept[0][0] < floor:
            kept.pop(0)
        return len(kept) < limits.REPLIES_PER_SESSION_MAX

    @property
    def era(self) -> int:
        """How often the session went on over another connection."""
        return self.last_serial >> ERA_BITS

    def begin_era(self) -> None:
        """Make every serial used so far an old one, also of commands that are still on their way.

        A session that goes on over another connection starts from here: what was sent over the
        old one and comes behind is a copy that nobody remembers, and is not applied.
        """
        self.last_serial = (self.era + 1) << ERA_BITS
        self.kept.clear()

    def remember(self, reply: Reply) -> None:
        """Keep the answer to a new serial."""
        assert reply[0] > self.last_serial, "a serial is answered once"
        self.last_serial = reply[0]
        if self.kept is NOTHING:
            self.kept = []
        self.kept.append(reply)

    def recall(self, serial: Serial) -> Reply | None:
        """Return the answer that `serial` got; None if it is no longer remembered."""
        return next((reply for reply in self.kept if reply[0] == serial), None)
