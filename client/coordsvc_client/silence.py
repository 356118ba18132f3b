"""When a server has fallen silent: its process hangs, its machine is gone, or the way to it.

A connection to such a server does not break, it only brings nothing more. A server that is well
answers a knock - a ping it may answer by itself - even while its cluster has no leader. So what
stays silent on a knock is not slow but gone, and whoever waited for longer than half the limit
before he looked (his own process may have been stopped) still gives it the other half.
All times are integer milliseconds of one clock.
"""

from __future__ import annotations

from typing import Final

NEVER: Final = 1 << 62
"""A time that does not come."""
SILENCE_MS: Final = 1_000
"""How long nothing may come, unless told otherwise."""
SHARE_OF_TIMEOUT: Final = 4
"""Silence is noticed within this part of the session timeout, while the lease still holds."""


class Silence:
    """How long one connection has owed us anything at all."""

    __slots__ = ("_knock_at", "_silent_at", "_wanted_ms", "is_silent", "limit_ms")

    def __init__(self, limit_ms: int) -> None:
        assert limit_ms > 1
        self.is_silent: bool = False
        """Look for another server, and keep this one: it may yet speak."""
        self._wanted_ms = limit_ms
        self.limit_ms: int = limit_ms
        self._knock_at = NEVER
        self._silent_at = NEVER

    def suit(self, timeout_ms: int) -> None:
        """Be quick enough for a session of this timeout."""
        self.limit_ms = max(2, min(self._wanted_ms, timeout_ms // SHARE_OF_TIMEOUT))

    def greeted(self, at: int) -> None:
        """Note that a connection began; before its welcome there is no knocking."""
        self.is_silent = False
        self._knock_at = NEVER
        self._silent_at = at + self.limit_ms

    def asked(self, now: int) -> None:
        """Note that something was sent that is to be answered."""
        if self._knock_at == self._silent_at == NEVER and not self.is_silent:
            self._knock_at = now + self.limit_ms // 2

    def heard(self, now: int, *, waiting: bool) -> None:
        """Note that something came; `waiting` tells whether more is to be answered."""
        self.is_silent = False
        self._silent_at = NEVER
        self._knock_at = now + self.limit_ms // 2 if waiting else NEVER

    def ended(self) -> None:
        """Note that the connection is gone."""
        self.is_silent = False
        self._knock_at = self._silent_at = NEVER

    def due(self) -> int:
        """Return when to call `wake` at the latest."""
        return min(self._knock_at, self._silent_at)

    def wake(self, now: int) -> bool:
        """Tell whether to knock now; find out whether the server is silent."""
        if now >= self._silent_at:
            self.is_silent = True
            self._silent_at = NEVER
        if now < self._knock_at:
            return False
        self._knock_at = NEVER
        self._silent_at = now + self.limit_ms // 2
        return True
