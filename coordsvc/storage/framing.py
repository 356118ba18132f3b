"""The frame of one log record, and the checksums that bind it to its place.

A record is a header of 40 bytes, the payload, and zeros up to a multiple of 8. Numbers are
little-endian::

    0   4  mark: "rec" and the kind
    4   4  checksum of the place and of all other bytes of this header
    8   4  checksum of the payload
    12  4  length of the payload
    16  8  first index
    24  8  last index
    32  4  synced: how many bytes of this segment were durable when the record was written
    36  4  zero

The place is the folder's salt, the segment's number and the record's offset. A record that was
written elsewhere, or at the same place in a former life of a recycled file, is therefore not
valid here; and a client that chooses payloads cannot forge one inside them, for it does not know
the salt.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from coordsvc.base import limits

CRC32: Final = 1  # number of the checksum algorithm, as segment and snapshot headers name it

ENTRIES: Final = 1  # payload: entries first..last, opaque
STATE: Final = 2  # payload: the hard state, opaque; indexes 0
MARK: Final = 3  # empty; vouches by `synced` for everything before it

ALIGNMENT: Final = 8
HEADER_BYTES: Final = 40
_MAGIC: Final = b"rec"
_HEADER: Final = struct.Struct("<4sIIIQQII")
_CHECK: Final = struct.Struct("<I")
_AFTER_CHECK: Final = struct.Struct("<IIQQII")
_SEGMENT: Final = struct.Struct("<IQ")
_OFFSET: Final = struct.Struct("<Q")
_KINDS: Final = {_MAGIC + bytes([kind]): kind for kind in (ENTRIES, STATE, MARK)}
_MARKS: Final = {kind: mark for mark, kind in _KINDS.items()}

assert _HEADER.size == HEADER_BYTES == 8 + _AFTER_CHECK.size


@dataclass(slots=True, init=False)
class Record:
    """One valid record, as found in a segment."""

    kind: int
    first_index: int
    last_index: int
    synced: int
    payload: bytes
    offset: int
    end: int
    """Where the next record starts."""

    def __init__(  # noqa: PLR0917 - one for each field
        self,
        kind: int,
        first_index: int,
        last_index: int,
        synced: int,
        payload: bytes,
        offset: int,
        end: int,
    ) -> None:
        self.kind = kind
        self.first_index = first_index
        self.last_index = last_index
        self.synced = synced
        self.payload = payload
        self.offset = offset
        self.end = end


def seed_of(*, salt: int, segment: int) -> int:
    """Return what all header checksums of one segment start from."""
    return crc32(_SEGMENT.pack(salt, segment))


def padding_of(length: int) -> bytes:
    """Return the zeros behind a payload of `length` bytes."""
    return bytes(-length % ALIGNMENT)


def record_bytes(length: int) -> int:
    """Return the size of a record with a payload of `length` bytes."""
    return HEADER_BYTES + length + -length % ALIGNMENT


def header_of(
    kind: int,
    indexes: tuple[int, int],
    payload: bytes,
    *,
    seed: int,
    offset: int,
    synced: int,
) -> bytes:
    """Return the header of a record that will stand at `offset`.

    `indexes` are the first and the last index of what the payload holds.
    """
    assert len(payload) <= limits.RECORD_BYTES_MAX
    assert synced <= offset
    first, last = indexes
    mark = _MARKS[kind]
    body = _AFTER_CHECK.pack(crc32(payload), len(payload), first, last, synced, 0)
    return mark + _CHECK.pack(_check(mark, body, seed=seed, offset=offset)) + body


def read_record(buffer: bytes, offset: int, *, seed: int) -> Record | None:
    """Return the record at `offset` of a segment; None if there is no valid one."""
    kind = _KINDS.get(buffer[offset : offset + 4])
    start = offset + HEADER_BYTES
    if kind is None or start > len(buffer):
        return None
    mark, check, payload_check, length, first, last, synced, _ = _HEADER.unpack_from(buffer, offset)
    if check != _check(mark, buffer[offset + 8 : start], seed=seed, offset=offset):
        return None
    payload = buffer[start : start + length]
    if len(payload) != length or crc32(payload) != payload_check:
        return None
    return Record(kind, first, last, synced, payload, offset, offset + record_bytes(length))


def records_behind(buffer: bytes, offset: int, *, seed: int) -> Iterator[Record]:
    """Yield the valid records that start anywhere behind `offset`, by searching for their mark."""
    at = buffer.find(_MAGIC, offset + 1)
    while at >= 0:
        found = read_record(buffer, at, seed=seed) if at % ALIGNMENT == 0 else None
        if found is not None:
            yield found
        at = buffer.find(_MAGIC, at + 1)


def _check(mark: bytes, body: bytes, *, seed: int, offset: int) -> int:
    return crc32(body, crc32(mark, crc32(_OFFSET.pack(offset), seed)))
