"""How long the session is certainly alive: the client's half of the lease.

The server counts a session's timeout from the last time it heard of it, which is after the
client sent what it heard. So a client that counts from the *sending* of a request that was
answered, and takes a tenth off for clocks that run apart, always gives up first.
All times are integer milliseconds of one clock that also runs while the machine sleeps.
"""

from __future__ import annotations

from typing import Final

MARGIN_TENTHS: Final = 9
"""The client believes in nine tenths of the timeout: clocks may differ by ten per cent."""
PINGS_PER_TIMEOUT: Final = 4
SILENCE_PER_TIMEOUT: Final = 3
"""A ping without a good answer for a third of the timeout: this server cannot help, try another."""


class Lease:
    """When the lease ends, when to ask for more, and when to doubt the connection."""

    __slots__ = ("_doubt_from", "_pinged_at", "proved_at", "timeout_ms")

    def __init__(self, timeout_ms: int) -> None:
        self.timeout_ms: int = timeout_ms
        self.proved_at: int = -1
        """When the newest answered request was sent; -1 before there is one."""
        self._pinged_at: int = -1
        self._doubt_from: int = -1

    def end(self) -> int:
        """Return the time from which the session may be gone; -1 if it never was proved."""
        if self.proved_at < 0:
            return -1
        return self.proved_at + self.timeout_ms * MARGIN_TENTHS // 10

    def holds(self, now: int) -> bool:
        """Tell whether the session is certainly alive at `now`."""
        return now < self.end()

    def prove(self, sent_at: int) -> None:
        """Note that a request sent at `sent_at` was answered by a cluster that knew the session."""
        self.proved_at = max(self.proved_at, sent_at)
        if sent_at >= self._doubt_from:
            self._doubt_from = -1

    def pinged(self, now: int) -> None:
        """Note that a ping is on its way."""
        self._pinged_at = now
        if self._doubt_from < 0:
            self._doubt_from = now

    def connection_began(self, now: int) -> None:
        """Start anew with pings and doubts; what was proved stays proved."""
        self._pinged_at = now
        self._doubt_from = -1

    def ping_due(self) -> int:
        """Return when the next ping is due, unless something else proves the lease before."""
        return max(self.proved_at, self._pinged_at) + self.timeout_ms // PINGS_PER_TIMEOUT

    def doubt_due(self) -> int | None:
        """Return when to give this connection up for want of a proof, or None without a ping."""
        if self._doubt_from < 0:
            return None
        return self._doubt_from + self.timeout_ms // SILENCE_PER_TIMEOUT

    def reset(self) -> None:
        """Forget the session: the next one proves itself."""
        self.proved_at = self._pinged_at = self._doubt_from = -1
