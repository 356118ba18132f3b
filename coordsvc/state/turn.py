"""Turn: one entry on its way through the state machine, and what it has caused so far."""

from __future__ import annotations

from typing import TypeAlias

from coordsvc.base.ids import Index, Millis, SessionId
from coordsvc.base.values import Value
from coordsvc.state.events import Event, LockChange

Outcome: TypeAlias = tuple[int, Value]
"""A result code and, if it is OK, the result (else a short text or None)."""


class Turn:
    """What every operation of one entry needs to know, and where it leaves its effects."""

    __slots__ = (
        "ended",
        "events",
        "lock_changes",
        "locks_touched",
        "opened",
        "revision",
        "session",
        "time_ms",
    )

    def __init__(self, revision: Index, time_ms: Millis, session: SessionId) -> None:
        self.revision = revision
        self.time_ms = time_ms  # cluster time: never less than in an earlier turn
        self.session = session  # 0: the service itself
        self.events: list[Event] = []
        self.lock_changes: list[LockChange] = []
        self.locks_touched: list[str] = []
        """Paths whose lock was taken, queued for, or became idle in this turn."""
        self.ended: tuple[SessionId, ...] = ()
        self.opened: tuple[SessionId, bytes] | None = None
