"""Memory that was freed goes back to the system.

glibc raises its threshold for memory of its own (mmap) with the largest block that was ever freed,
up to 32 MiB. After that large values come from the heap, where one small block that lives on keeps
all below it: a node that had held 120 MB of values for a moment kept them resident for ever. So the
threshold is fixed; and what lies below it leaves holes, which are given back when a burst is over.
See mallopt(3) and malloc_trim(3).
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from typing import Final

from coordsvc.base.ids import Index

MMAP_THRESHOLD_BYTES: Final = 128 * 1024
"""Blocks from here on are mapped by themselves, and unmapped when freed: also the pieces in which
large values are read from sockets, up to 256,000 bytes each."""
_M_MMAP_THRESHOLD: Final = -3

LOOK_S: Final = 5.0
QUIET_ENTRIES: Final = 500
"""Who applied no more since the last look can bear a pause: 0.1 ms for each MiB given back."""
BURST_ENTRIES: Final = 100
"""After fewer there are no holes worth it."""


def give_back_what_is_freed() -> bool:
    """Fix the threshold; return whether this platform's allocator has one."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES) == 1


def trimmer() -> Callable[[int], object] | None:
    """Return what gives the pages of all holes back; None if the allocator has nothing like it.

    A thread that asks for memory meanwhile waits: 8 ms for a heap of 1 GiB with nothing to give
    back, 80 ms if all of it goes.
    """
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


class HoleWatch:
    """Gives the holes of the heap back when a burst of changes is over."""

    def __init__(self, applied: Callable[[], Index], trim: Callable[[int], object] | None) -> None:
        """Prepare; `applied` tells the index of the last applied entry."""
        self._applied = applied
        self._trim = trim
        self._seen: Index = applied()
        self._trimmed: Index = self._seen
        self._timer: asyncio.TimerHandle | None = None
        self._trimming: asyncio.Future[object] | None = None

    def start(self) -> None:
        """Begin to look."""
        if self._trim is not None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look_on)

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def look(self) -> bool:
        """Look once; tell whether there was a burst and it is over."""
        applied = self._applied()
        quiet = applied - self._seen <= QUIET_ENTRIES
        self._seen = applied
        if not quiet or applied - self._trimmed < BURST_ENTRIES:
            return False
        self._trimmed = applied
        return True

    def _look_on(self) -> None:
        if self._trim is not None and self.look():
            loop = asyncio.get_running_loop()
            self._trimming = loop.run_in_executor(None, self._trim, 0)
        self.start()
