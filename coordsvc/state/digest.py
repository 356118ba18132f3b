"""Digest: a rolling number over everything that was applied, to compare replicas by.

Not cryptographic: it finds replicas that went different ways by accident. It must be the same
on every machine and under every hash seed, so it uses no `hash()`, and the same whenever it is
asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final
from zlib import crc32

import msgpack

from coordsvc.base.ids import Index, Millis, SessionId
from coordsvc.base.values import Value
from coordsvc.state.events import Event
from coordsvc.state.results import Applied
from coordsvc.state.znode import STAT_CVERSION, STAT_OWNER, STAT_VERSION

DATA_BYTES_MAX: Final = 1_024
"""Larger data goes in as its checksum, so that little is held."""
GATHERED_MAX: Final = 512
"""Paths and data: more would leave the processor's cache."""

_MIXED_BITS: Final = 30
_MIXED_MAX: Final = (1 << _MIXED_BITS) - 1
_FACTOR: Final = 0x2545F491
"""Odd, so that a difference is never multiplied away, and small enough for the product of it and
what is mixed to be a machine's number."""
_SKIPPED: Final = 255  # where an applied entry has its code
_pack: Final = msgpack.Packer(use_bin_type=True, autoreset=True).pack


class Digest(ABC):
    """The digest of one state machine, a number below 2**62."""

    __slots__ = ()

    @property
    @abstractmethod
    def value(self) -> int:
        """The digest of all that was taken in so far; one that begins with it goes on alike."""

    @abstractmethod
    def skip(self, index: Index, time_ms: Millis) -> None:
        """Take in an entry that holds no command."""

    @abstractmethod
    def take(self, index: Index, time_ms: Millis, applied: Applied) -> None:
        """Take in an entry with its outcome."""

    @abstractmethod
    def take_change(self, index: Index, time_ms: Millis, event: Event) -> None:
        """Take in an entry that succeeded and caused this one event."""

    @abstractmethod
    def take_value(self, index: Index, time_ms: Millis, session: SessionId, value: Value) -> None:
        """Take in an entry that succeeded and caused no event, nor anything else to be told."""


class MixedDigest(Digest):
    """The digest since version 3 of the state machine.

    Numbers are mixed into one as they come (the last `_MIXED_BITS`), which compiled is a
    multiplication each. Bytes are gathered, and summed many at a time: their lengths are among the
    numbers, so it does not matter in which portions.
    """

    __slots__ = ("_gathered", "_mixed", "_sum")

    def __init__(self, value: int = 0) -> None:
        self._mixed = value & _MIXED_MAX
        self._sum = value >> _MIXED_BITS
        self._gathered: list[bytes] = []

    @property
    def value(self) -> int:
        """The digest of all that was taken in so far; one that begins with it goes on alike."""
        self._fold()
        return self._sum << _MIXED_BITS | self._mixed

    def skip(self, index: Index, time_ms: Millis) -> None:
        """Take in an entry that holds no command."""
        self._mix(index + time_ms)
        self._mix(_SKIPPED)

    def take(self, index: Index, time_ms: Millis, applied: Applied) -> None:
        """Take in an entry with its outcome."""
        for event in applied.events:
            self.take_change(index, time_ms, event)
        if applied.lock_changes or applied.ended or applied.opened:
            self._mix(index + time_ms)
            self._take_bytes(_packed(rest_of(applied)))
        elif not applied.events:
            self.take_value(index, time_ms, applied.session, applied.value)
        if applied.code:
            self._mix(applied.code)

    def take_change(self, index: Index, time_ms: Millis, event: Event) -> None:
        """Take in an entry that succeeded and caused this one event."""
        stat, path, data, gathered = event.stat, event.path.encode(), event.data, self._gathered
        gathered.append(path)
        # As _mix does, without a call for each.
        mixed = (self._mixed * _FACTOR + index + time_ms) & _MIXED_MAX
        mixed = (mixed * _FACTOR + event.kind + (len(path) << 2)) & _MIXED_MAX
        mixed = (mixed * _FACTOR + stat[STAT_VERSION]) & _MIXED_MAX
        mixed = (mixed * _FACTOR + stat[STAT_CVERSION]) & _MIXED_MAX
        mixed = (mixed * _FACTOR + stat[STAT_OWNER]) & _MIXED_MAX
        if data is None:
            mixed = mixed * _FACTOR & _MIXED_MAX
        else:
            mixed = (mixed * _FACTOR + len(data) + 1) & _MIXED_MAX
            gathered.append(data if len(data) <= DATA_BYTES_MAX else _checksum(data))
        self._mixed = mixed
        if len(gathered) > GATHERED_MAX:
            self._fold()

    def take_value(self, index: Index, time_ms: Millis, session: SessionId, value: Value) -> None:
        """Take in an entry that succeeded and caused no event, nor anything else to be told."""
        mixed = (self._mixed * _FACTOR + index + time_ms) & _MIXED_MAX
        mixed = (mixed * _FACTOR + session) & _MIXED_MAX
        are_numbers = True  # True is 1 here, and a tuple of one number is that number
        # An answer that is remembered is a list if it comes from an image.
        for each in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(each, int):
                mixed = (mixed * _FACTOR + each) & _MIXED_MAX
            else:
                are_numbers = False
        self._mixed = mixed
        if not are_numbers:
            self._take_bytes(_packed(value))

    def _mix(self, number: int) -> None:
        self._mixed = (self._mixed * _FACTOR + number) & _MIXED_MAX

    def _take_bytes(self, data: bytes) -> None:
        self._mix(len(data))
        self._gathered.append(data)
        if len(self._gathered) > GATHERED_MAX:
            self._fold()

    def _fold(self) -> None:
        if self._gathered:
            self._sum = crc32(b"".join(self._gathered), self._sum)
            self._gathered.clear()


def _checksum(data: bytes) -> bytes:
    return crc32(data).to_bytes(4, "big")


def rest_of(applied: Applied) -> Value:
    """Return what an outcome tells beside its events and its code."""
    changes: list[Value] = []
    for change in applied.lock_changes:
        numbers = (change.request, change.state, change.token)
        changes.append((change.session, change.path, *numbers))
    return (applied.session, applied.value, changes, applied.ended, applied.opened)


def _packed(value: Value) -> bytes:
    packed: bytes = _pack(value)
    return packed
