"""What became of an entry, told to everyone concerned here: watchers, holders of locks, askers."""

from __future__ import annotations

from typing import Protocol

from coordsvc.base.ids import Millis, SessionId
from coordsvc.replica.desk import Desk
from coordsvc.replica.liveness import Liveness
from coordsvc.replica.ports import Client
from coordsvc.state.machine import StateMachine
from coordsvc.state.results import Applied
from coordsvc.watch.paths import Watches


class Member(Protocol):
    """The replica as far as this needs it. A snapshot may put another machine there."""

    machine: StateMachine

    @property
    def leading(self) -> bool:
        """Whether this replica leads, as far as it knows."""


class Telling:
    """Tells the clients of one replica of each entry that was applied."""

    __slots__ = (
        "_attached", "_desk", "_listeners", "_liveness", "_member", "_path_listeners", "_watches",
    )  # fmt: skip

    def __init__(
        self, member: Member, desk: Desk, watches: Watches[Client], liveness: Liveness
    ) -> None:
        self._member = member
        self._desk = desk
        self._attached = desk.attached
        self._watches = watches
        self._listeners = watches.listeners
        self._path_listeners = watches.paths.listeners
        self._liveness = liveness

    def tell(self, applied: Applied, now: Millis) -> None:
        """Tell everyone concerned, in the order that clients rely on: events, then answers."""
        if applied.events and (self._listeners or self._path_listeners):
            for client, watch_id, event in self._watches.match(applied.events):
                client.notify(watch_id, event)
        for change in applied.lock_changes:
            holder = self._attached.get(change.session)
            if holder is not None:
                holder.lock_changed(change, applied.revision)
        asker = None
        if not applied.session or applied.session in self._attached:  # else no client of ours
            asker = self._desk.decided(applied)
        if applied.opened is not None:
            self._on_opened(*applied.opened, asker, now)
        elif asker is not None:
            asker.rejected(applied.code, str(applied.value or "no session could be opened"))
        for session in applied.ended:
            self._liveness.ended(session)
            self._desk.ended(session)

    def _on_opened(
        self, session: SessionId, password: bytes, asker: Client | None, now: Millis
    ) -> None:
        timeout_ms = self._member.machine.sessions.by_id[session].timeout_ms
        if self._member.leading:
            self._liveness.opened(session, timeout_ms, now)
        if asker is not None:
            self._desk.attach(asker, session)
            asker.welcomed(session, password, timeout_ms)
