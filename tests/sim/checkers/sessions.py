"""SessionChecker: no answered session expires, no client outlives its session, none lingers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from coordsvc.base.ids import Index, Serial, SessionId
from coordsvc.base.vocabulary import codes
from tests.sim.verdicts import WrongResult
from tests.sim.world import MS, Micros

MILLION: Final = 1_000_000


@dataclass(slots=True)
class _Session:
    timeout: Micros
    heard_at: Micros
    lease_until: Micros = 0
    ended_at_index: Index = 0
    ended_at: Micros = 0


class SessionChecker:
    """Told by both sides: by the clients what they believe, by the replicas what they apply.

    `drift_ppm_max` bounds how fast the clock of a server may run, as its configuration does.
    """

    def __init__(self, *, drift_ppm_max: int) -> None:
        self._drift_ppm_max = drift_ppm_max
        self._sessions: dict[SessionId, _Session] = {}

    def opened(self, session: SessionId, *, timeout: Micros, now: Micros) -> None:
        """A replica applied the opening of a session. Reports by further replicas are ignored."""
        self._sessions.setdefault(session, _Session(timeout, now))

    def answered(self, session: SessionId, *, sent_at: Micros) -> None:
        """A client got the answer to something that renews its session, sent at `sent_at`."""
        known = self._sessions[session]
        known.heard_at = max(known.heard_at, sent_at)

    def believes_until(self, session: SessionId, instant: Micros) -> None:
        """A client counts on its session until `instant` (true time), unless it hears more."""
        known = self._sessions[session]
        self._check_belief(session, known, instant)
        known.lease_until = instant

    def expired(self, session: SessionId, index: Index, *, now: Micros) -> None:
        """The first replica applied the expiry, by the entry at `index`."""
        known = self._sessions[session]
        if known.ended_at_index:
            return
        fastest = known.timeout * MILLION // (MILLION + self._drift_ppm_max)
        early = now < known.heard_at + fastest
        _demand(
            not early,
            f"session {session} expired at {now / MS:.3f} ms although a renewal sent at "
            f"{known.heard_at / MS:.3f} ms was answered; its timeout is {known.timeout // MS} ms",
        )
        known.ended_at_index = index
        known.ended_at = now
        self._check_belief(session, known, known.lease_until)

    def closed(self, session: SessionId, index: Index, *, now: Micros) -> None:
        """The first replica applied the end of a session by its client's or an operator's will."""
        known = self._sessions[session]
        if not known.ended_at_index:
            known.ended_at_index = index
            known.ended_at = now
            known.lease_until = min(known.lease_until, now)

    def all_ended(self, index: Index, *, now: Micros) -> None:
        """The cluster was restored from a backup: no session has outlived that."""
        for session in self._sessions:
            self.closed(session, index, now=now)

    def left_behind(self, session: SessionId, index: Index, paths: Collection[str]) -> None:
        """Right after the entry at `index` these ephemerals and locks of the session exist."""
        known = self._sessions[session]
        if known.ended_at_index and index >= known.ended_at_index:
            _demand(
                not paths, f"session {session} ended at {known.ended_at_index} and left {paths}"
            )

    def applied(self, session: SessionId, serial: Serial, index: Index, code: int) -> None:
        """A replica applied a mutation of a session: it must do nothing once that has ended."""
        known = self._sessions.get(session)
        if known is None or not known.ended_at_index or index <= known.ended_at_index:
            return
        text = f"session {session} ended at {known.ended_at_index} and wrote {serial} at {index}"
        _demand(code == codes.SESSION_EXPIRED, text)

    def _check_belief(self, session: SessionId, known: _Session, instant: Micros) -> None:
        outlived = known.ended_at_index and instant > known.ended_at
        _demand(
            not outlived,
            f"the client of session {session} counts on it until {instant / MS:.3f} ms, "
            f"but it expired at {known.ended_at / MS:.3f} ms",
        )


def _demand(holds: bool, text: str) -> None:
    if not holds:
        raise WrongResult(text)
