"""Memory that was freed goes back to the system.

glibc raises its threshold for memory of its own (mmap) with the largest block that was ever freed,
up to 32 MiB. After that large values come from the heap, where one small block that lives on keeps
all below it: a node that had held 120 MB of values for a moment kept them resident for ever.
See mallopt(3).
"""

from __future__ import annotations

import ctypes
from typing import Final

MMAP_THRESHOLD_BYTES: Final = 256 * 1024
"""Blocks from here on are mapped by themselves, and unmapped when freed."""
_M_MMAP_THRESHOLD: Final = -3


def give_back_what_is_freed() -> bool:
    """Fix the threshold; return whether this platform's allocator has one."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES) == 1
