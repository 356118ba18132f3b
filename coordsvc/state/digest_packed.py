"""The digest of versions 1 and 2 of the state machine."""

from __future__ import annotations

from typing import Final
from zlib import crc32

import msgpack

from coordsvc.base.ids import Index, Millis, SessionId
from coordsvc.base.values import Value
from coordsvc.state.digest import DATA_BYTES_MAX, Digest, rest_of
from coordsvc.state.events import Event
from coordsvc.state.results import Applied
from coordsvc.state.znode import STAT_CVERSION, STAT_OWNER, STAT_VERSION

GATHERED_MAX: Final = 1_024  # values, not entries: more would leave the processor's cache
_SKIPPED: Final = 255  # where an applied entry has its code
_pack: Final = msgpack.Packer(use_bin_type=True, autoreset=True).pack


class PackedDigest(Digest):
    """A number below 2**32, summed over effects that MessagePack has encoded.

    They are gathered as plain values and folded a hundred entries at a time, because one call to
    encode and one to sum them cost a fifth of a call for each entry.
    """

    __slots__ = ("_folded", "_gathered")

    def __init__(self, value: int = 0) -> None:
        self._folded = value
        self._gathered: list[Value] = []

    @property
    def value(self) -> int:
        """The digest of all that was taken in so far."""
        self._fold()
        return self._folded

    def _fold(self) -> None:
        count = len(self._gathered)
        if count:
            # Without the header of the array the bytes are those of the values one by one, so
            # it does not matter in which portions they are folded.
            packed: bytes = _pack(self._gathered)
            header = 1 if count < 16 else 3 if count < 65_536 else 5
            self._folded = crc32(memoryview(packed)[header:], self._folded)
            self._gathered.clear()

    def skip(self, index: Index, time_ms: Millis) -> None:
        """Take in an entry that holds no command."""
        self._gathered += (index, time_ms, _SKIPPED)

    def take(self, index: Index, time_ms: Millis, applied: Applied) -> None:
        """Take in an entry with its outcome."""
        gathered = self._gathered
        gathered += (index, time_ms, applied.code)
        for event in applied.events:
            gathered += _numbers_of(event)
        if applied.lock_changes or not applied.events:
            self._gathered.append(rest_of(applied))
        if len(gathered) > GATHERED_MAX:
            self._fold()

    def take_change(self, index: Index, time_ms: Millis, event: Event) -> None:
        """Take in an entry that succeeded and caused this one event."""
        gathered = self._gathered
        gathered += (index, time_ms, 0, *_numbers_of(event))
        if len(gathered) > GATHERED_MAX:
            self._fold()

    def take_value(self, index: Index, time_ms: Millis, session: SessionId, value: Value) -> None:
        """Take in an entry that succeeded and caused no event, nor anything else to be told."""
        gathered = self._gathered
        gathered += (index, time_ms, 0, (session, value, (), (), None))
        if len(gathered) > GATHERED_MAX:
            self._fold()


def _numbers_of(event: Event) -> tuple[Value, ...]:
    stat, data = event.stat, event.data
    return (
        event.kind,
        event.path,
        stat[STAT_VERSION],
        stat[STAT_CVERSION],
        stat[STAT_OWNER],
        data if data is None or len(data) <= DATA_BYTES_MAX else crc32(data),
    )
