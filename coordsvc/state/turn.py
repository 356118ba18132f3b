"""Turn: one entry on its way through the state machine, and what it has caused so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from coordsvc.base.ids import Index, Millis, SessionId
from coordsvc.base.values import Value
from coordsvc.state.events import Event, LockChange

Outcome: TypeAlias = tuple[int, Value]
"""A result code and, if it is OK, the result (else a short text or None)."""


@dataclass(slots=True)
class Turn:
    """What every operation of one entry needs to know, and where it leaves its effects."""

    revision: Index
    time_ms: Millis  # cluster time: never less than in an earlier turn
    session: SessionId
    events: list[Event] = field(default_factory=list)
    lock_changes: list[LockChange] = field(default_factory=list)
    locks_touched: list[str] = field(default_factory=list)
    """Paths whose lock was taken, queued for, or became idle in this turn."""
    ended: list[SessionId] = field(default_factory=list)
    opened: tuple[SessionId, bytes] | None = None
