"""Which language a connection speaks, told from its first bytes.

A native frame and ZooKeeper's first one both begin with a length below 2**24, so with a zero
byte. Behind the length ZooKeeper has the version of its protocol, which begins with a zero as
well; a native payload never does. An operator's word of four letters is told from both at once.
"""

from __future__ import annotations

from typing import Final

NATIVE: Final = "native"
ZOOKEEPER: Final = "zookeeper"
WORD: Final = "word"

WORD_BYTES: Final = 4
_TOLD_BY: Final = 5
"""So many bytes always tell."""


def language_of(first: bytes) -> str | None:
    """Return the language that `first` begins; None if that takes more bytes to tell."""
    if first[:1].islower():
        if len(first) < WORD_BYTES:
            return None
        return WORD if first[:WORD_BYTES].islower() and first[:WORD_BYTES].isalpha() else NATIVE
    if first[:4] == bytes(4):
        return ZOOKEEPER  # which refuses an empty frame
    if first[:1] != b"\0":
        return NATIVE if first else None
    if len(first) < _TOLD_BY:
        return None
    return NATIVE if first[4] else ZOOKEEPER
