"""How many files and connections this process may have open, and who gets them.

A log that cannot open its next segment is a disk that fails, and ends the node. So connections of
clients, of which there can be any number, leave room for what the node needs itself.
"""

from __future__ import annotations

import resource
from contextlib import suppress
from typing import Final

RESERVED: Final = 128
"""For log, snapshots, links to the other members, and HTTP; of a small limit, half of it."""


def raise_limit() -> None:
    """Have as many as the system lets us have: shells begin with 1,024 for programs of before."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # some systems name a limit that they do not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def left_for_clients() -> int:
    """Return how many connections clients may have."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return 1 << 30
    return limit - min(RESERVED, limit // 2)
