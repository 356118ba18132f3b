"""Digest: a rolling number over everything that was applied, to compare replicas by.

Not cryptographic: it finds replicas that went different ways by accident. It must be the same
on every machine and under every hash seed, so it uses no `hash()`.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

import msgpack

from coordsvc.base.ids import Index, Millis
from coordsvc.state.results import Applied
from coordsvc.state.znode import STAT_CVERSION, STAT_OWNER, STAT_VERSION

_MULTIPLIER: Final = 6364136223846793005  # Knuth's, of MMIX
_MASK: Final = 2**64 - 1
_SKIPPED: Final = 255  # where an applied entry has its code


def fold_skipped(digest: int, index: Index, time_ms: Millis) -> int:
    """Return the digest after an entry that holds no command."""
    return ((digest ^ index) * _MULTIPLIER + (time_ms << 8) + _SKIPPED) & _MASK


def fold(digest: int, index: Index, time_ms: Millis, applied: Applied) -> int:
    """Return the digest after an entry with its outcome."""
    for event in applied.events:
        stat = event.stat
        data = event.data
        content = crc32(event.path.encode(), crc32(data) if data is not None else 1)
        numbers = stat[STAT_VERSION] + (stat[STAT_CVERSION] << 16) + (stat[STAT_OWNER] << 20)
        digest = (digest * 31 + content + (numbers << 8) + event.kind) & _MASK
    if applied.lock_changes or not applied.events:
        digest ^= _checksum_of_the_rest(applied)
    return ((digest ^ index) * _MULTIPLIER + (time_ms << 8) + applied.code) & _MASK


def _checksum_of_the_rest(applied: Applied) -> int:
    changes = [
        (change.session, change.path, change.request, change.state, change.token)
        for change in applied.lock_changes
    ]
    effects = (applied.session, applied.value, changes, applied.ended, applied.opened)
    packed: bytes = msgpack.packb(effects, use_bin_type=True)
    return crc32(packed)
