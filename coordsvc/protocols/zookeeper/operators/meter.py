"""What is counted of connections: plain numbers, for operators who ask."""

from __future__ import annotations

from typing import TypeAlias

from coordsvc.base.ids import Millis
from coordsvc.protocols.zookeeper.operators.facts import ConnectionFacts, Latency

Connection: TypeAlias = tuple[str, int, int, Millis, int, Millis, bool]
"""Address, session, requests in line, timeout, last zxid, when it was heard, whether it is TLS."""


class Meter:
    """Least, mean and most of some durations in ms."""

    __slots__ = ("_count", "_least", "_most", "_total", "last")

    def __init__(self) -> None:
        self.last: Millis = 0
        self._count = 0
        self._least: Millis = 0
        self._most: Millis = 0
        self._total: Millis = 0

    def add(self, duration: Millis) -> None:
        """Note one duration."""
        self.last = duration
        self._least = min(self._least, duration) if self._count else duration
        self._most = max(self._most, duration)
        self._total += duration
        self._count += 1

    def latency(self) -> Latency:
        """Return what has gathered; zeros before the first."""
        mean = self._total / self._count if self._count else 0.0
        return Latency(self._least, mean, self._most)


class Tally:
    """What is counted of one connection."""

    __slots__ = ("_asked_at", "last_op", "last_xid", "meter", "received", "sent", "since")

    def __init__(self) -> None:
        self.since: Millis = 0
        """When its first bytes came."""
        self._asked_at: Millis = 0
        self.last_op: int | None = None
        self.last_xid = 0
        self.received = 0
        self.sent = 0
        self.meter = Meter()

    def asked(self, now: Millis) -> None:
        """Bytes have come: if nothing waits for an answer yet, this begins to wait."""
        if not self._asked_at:
            self._asked_at = now
            self.since = self.since or now

    def answered(self, frames: int, now: Millis, also: Meter) -> None:
        """Frames are sent: what waits has its answer. The duration goes to `also` too."""
        self.sent += frames
        if self._asked_at:
            took = max(0, now - self._asked_at)
            self._asked_at = 0
            self.meter.add(took)
            also.add(took)

    def facts(self, about: Connection, now: Millis, wall_now: Millis) -> ConnectionFacts:
        """Return what operators are told; `wall_now` is ms since 1970."""
        address, session, queued, timeout_ms, zxid, heard_at, secure = about
        return ConnectionFacts(
            address,
            session,
            queued,
            self.received,
            self.sent,
            self.last_op,
            wall_now - (now - self.since),
            timeout_ms,
            self.last_xid,
            zxid,
            wall_now - (now - heard_at),
            self.meter.last,
            self.meter.latency(),
            secure,
        )

    def reset(self) -> None:
        """Begin anew."""
        self.received = self.sent = 0
        self.meter = Meter()
