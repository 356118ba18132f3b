"""Turn: one entry on its way through the state machine, and what it has caused so far."""

from __future__ import annotations

from typing import TypeAlias

from coordsvc.base.ids import Index, Millis, SessionId
from coordsvc.base.values import Value
from coordsvc.state.acl import OPERATOR, Acl, Who, who_at
from coordsvc.state.events import Event, LockChange

Outcome: TypeAlias = tuple[int, Value]
"""A result code and, if it is OK, the result (else a short text or None)."""


class Turn:
    """What every operation of one entry needs to know, and where it leaves its effects."""

    __slots__ = (
        "address",
        "ended",
        "events",
        "lock_changes",
        "locks_touched",
        "opened",
        "revision",
        "session",
        "time_ms",
        "who",
    )

    def __init__(
        self, revision: Index, time_ms: Millis, session: SessionId, address: str = ""
    ) -> None:
        self.revision = revision
        self.time_ms = time_ms  # cluster time: never less than in an earlier turn
        self.session = session  # 0: the service itself, who may do everything
        self.address = address  # of the session's client, `host:port`
        self.who: Who | None = None
        """What the command says of its sender; None: what the address of the session says."""
        self.events: list[Event] = []
        self.lock_changes: list[LockChange] = []
        self.locks_touched: list[str] = []
        """Paths whose lock was taken, queued for, or became idle in this turn."""
        self.ended: tuple[SessionId, ...] = ()
        self.opened: tuple[SessionId, bytes] | None = None

    def may(self, acl: Acl, wanted: int) -> bool:
        """Tell whether the sender of the command has the permission `wanted`."""
        if self.who is None:
            self.who = who_at(self.address) if self.session else OPERATOR
        return acl.allows(self.who, wanted)
