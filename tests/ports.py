"""Ports for servers under test."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from typing import Final

HOST: Final = "127.0.0.1"

FIRST: Final = 10_000
BEYOND: Final = 26_000
"""Linux gives outgoing connections ports from 32,768 on: a port from there that is free now can be
the near end of anybody's connection a moment later. Some tests use ports 6,000 above these."""

_chance = random.SystemRandom()  # several runs of the tests must not try the same ports in step


def free_ports(count: int) -> list[int]:
    """Return different ports that nobody uses now, and no outgoing connection will take."""
    return [block[0] for block, _ in zip(_free_blocks(1), range(count), strict=False)]


def free_block(count: int) -> int:
    """Return the first of `count` ports in a row, all of them free."""
    return next(_free_blocks(count))[0]


def _free_blocks(count: int) -> Iterator[range]:
    starts = range(FIRST, BEYOND - count)
    for first in _chance.sample(starts, len(starts)):
        block = range(first, first + count)
        if all(map(_is_free, block)):
            yield block
    raise AssertionError(f"no {count} free ports in a row between {FIRST} and {BEYOND}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
