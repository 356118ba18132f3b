"""The leader's clocks: which session was heard from, which has lapsed.

Nothing here is replicated. A new leader gives every session a full timeout from the moment it
leads, so a session whose client lives is not ended by a change of leader (Chubby paper 2.9).
"""

from __future__ import annotations

import heapq

from coordsvc.base.ids import Millis, SessionId


class Liveness:
    """Deadlines of all sessions, on the leader's monotonic clock."""

    __slots__ = ("_heap", "_heard", "_timeouts", "lapsed", "lapsed_total")

    def __init__(self) -> None:
        self._timeouts: dict[SessionId, Millis] = {}
        self._heard: dict[SessionId, Millis] = {}
        # (not before, session): a lower bound, corrected when it comes up, so that being heard
        # costs one assignment.
        self._heap: list[tuple[Millis, SessionId]] = []
        self.lapsed: dict[SessionId, None] = {}
        """Sessions whose expiry was proposed and has not been applied yet."""
        self.lapsed_total = 0
        """How many have lapsed while this replica led."""

    def lead(self, timeouts: dict[SessionId, Millis], now: Millis) -> None:
        """Start as the new leader: every session was heard from just now."""
        self._timeouts = dict(timeouts)
        self._heard = dict.fromkeys(timeouts, now)
        self._heap = [(now + timeout, session) for session, timeout in timeouts.items()]
        heapq.heapify(self._heap)
        self.lapsed = {}

    def follow(self) -> None:
        """Leave all clocks to the new leader."""
        self.lead({}, 0)

    def opened(self, session: SessionId, timeout_ms: Millis, now: Millis) -> None:
        """Watch over a new session."""
        self._timeouts[session] = timeout_ms
        self._heard[session] = now
        heapq.heappush(self._heap, (now + timeout_ms, session))

    def ended(self, session: SessionId) -> None:
        """Forget a session that is over."""
        self._timeouts.pop(session, None)
        self._heard.pop(session, None)
        self.lapsed.pop(session, None)

    def heard(self, session: SessionId, now: Millis) -> bool:
        """Take a sign of life; return False if it came too late: the expiry is under way."""
        if session in self.lapsed:
            return False
        if session in self._heard:
            self._heard[session] = now
        return True

    def lapse(self, now: Millis) -> list[SessionId]:
        """Return the sessions that have newly lapsed; their expiry is to be proposed."""
        over: list[SessionId] = []
        heap = self._heap
        while heap and heap[0][0] <= now:
            _, session = heapq.heappop(heap)
            timeout = self._timeouts.get(session)
            if timeout is None or session in self.lapsed:
                continue
            until = self._heard[session] + timeout
            if until <= now:
                self.lapsed[session] = None
                self.lapsed_total += 1
                over.append(session)
            else:
                heapq.heappush(heap, (until, session))
        return over

    def deadline(self) -> Millis | None:
        """Return when to call lapse() next."""
        return self._heap[0][0] if self._heap else None

    def remaining_ms(self, session: SessionId, now: Millis) -> Millis | None:
        """Return how long the session has left if it stays silent; None if not known here."""
        heard = self._heard.get(session)
        return None if heard is None else max(0, heard + self._timeouts[session] - now)
