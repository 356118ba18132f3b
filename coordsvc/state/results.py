"""What applying a command answers."""

from __future__ import annotations

from dataclasses import dataclass

from coordsvc.base.ids import Index, Serial, SessionId
from coordsvc.base.values import Value
from coordsvc.state.events import Event, LockChange


@dataclass(slots=True, init=False)
class Applied:
    """The outcome of one entry.

    `revision` is the index of the entry, or of the first copy where the entry was a retry.
    `value` is the result if `code` is 0, else a short text or None.
    """

    session: SessionId
    serial: Serial
    code: int
    revision: Index
    value: Value
    events: list[Event] | tuple[()]
    lock_changes: list[LockChange] | tuple[()]
    ended: tuple[SessionId, ...]
    """Sessions that ended with this entry (closed or expired)."""
    opened: tuple[SessionId, bytes] | None
    """The session that this entry opened and its password, by which its asker knows it."""

    def __init__(  # noqa: PLR0917 - one for each field
        self,
        session: SessionId,
        serial: Serial,
        code: int,
        revision: Index,
        value: Value,
        events: list[Event] | tuple[()] = (),
        lock_changes: list[LockChange] | tuple[()] = (),
        ended: tuple[SessionId, ...] = (),
        opened: tuple[SessionId, bytes] | None = None,
    ) -> None:
        self.session = session
        self.serial = serial
        self.code = code
        self.revision = revision
        self.value = value
        self.events = events
        self.lock_changes = lock_changes
        self.ended = ended
        self.opened = opened
