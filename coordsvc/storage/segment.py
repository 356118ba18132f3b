"""One segment of the log: its name, its header, its tail, and the scan of what it holds.

The header takes the first 64 bytes. Numbers are little-endian::

    0   8  magic "COORDLOG"
    8   2  format version
    10  1  checksum algorithm
    11  1  1 if everything in earlier segments is void (the log was reset), else 0
    12  4  the folder's salt
    16  8  number of the segment
    24  8  first index: the one that follows the log as it was when the segment was begun
    32  8  where the segment before this one ends
    40  20 zero
    60  4  checksum of the 60 bytes before
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from coordsvc.base.errors import SetupError
from coordsvc.storage import framing
from coordsvc.storage.damage import Damaged
from coordsvc.storage.files import File
from coordsvc.storage.framing import Record

HEADER_BYTES: Final = 64
VERSION: Final = 1
_MAGIC: Final = b"COORDLOG"
_HEADER: Final = struct.Struct("<8sHB?IQQQ20x")
_CHECK: Final = struct.Struct("<I")
_SUFFIX: Final = ".log"
_DIGITS: Final = 16

assert _HEADER.size + _CHECK.size == HEADER_BYTES
assert HEADER_BYTES % framing.ALIGNMENT == 0

WAY_OUT: Final = (
    "This replica's copy cannot be trusted. To rebuild it from its peers: stop it, move its data "
    "folder away, start it again with an empty one, and have it taken in afresh with "
    "`coordctl members replace NAME`. `coordsvc inspect` shows what is in the folder."
)


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """What a segment says of itself."""

    salt: int
    number: int
    first_index: int
    previous_end: int
    resets: bool


def name_of(number: int) -> str:
    """Return the file name of a segment."""
    return f"{number:0{_DIGITS}d}{_SUFFIX}"


def number_of(name: str) -> int | None:
    """Return the number in a segment's file name; None of any other file."""
    digits = name.removesuffix(_SUFFIX)
    if digits == name or len(digits) != _DIGITS or not (digits.isascii() and digits.isdigit()):
        return None
    return int(digits)


def encode_header(header: SegmentHeader) -> bytes:
    """Return the first 64 bytes of a segment."""
    body = _HEADER.pack(
        _MAGIC,
        VERSION,
        framing.CRC32,
        header.resets,
        header.salt,
        header.number,
        header.first_index,
        header.previous_end,
    )
    return body + _CHECK.pack(crc32(body))


def decode_header(data: bytes, *, salt: int, number: int, place: str) -> SegmentHeader:
    """Return the header of segment `number` of the folder with `salt`.

    A segment gets its name only when its header is durable, so a bad header is damage.

    Raises:
        CorruptData: the bytes are not what was written, or were written for another place.
        SetupError: a newer program wrote them.

    """
    if len(data) < HEADER_BYTES or not data.startswith(_MAGIC):
        raise damaged(place, 0, "this is not the header of a log segment")
    if crc32(data[: _HEADER.size]) != _CHECK.unpack_from(data, _HEADER.size)[0]:
        raise damaged(place, 0, "the header of the segment fails its checksum")
    _, version, algorithm, resets, own_salt, own, first, end = _HEADER.unpack_from(data)
    if (version, algorithm) != (VERSION, framing.CRC32):
        raise SetupError(
            f"{place}: written in format {version} (checksum {algorithm}) by a newer program; "
            f"this one reads format {VERSION}. Start the version that wrote it."
        )
    if (own_salt, own) != (salt, number):
        raise damaged(place, 0, "the segment belongs to another folder or another position")
    return SegmentHeader(own_salt, own, first, end, resets)


def damaged(place: str, offset: int, what: str) -> Damaged:
    """Return the error that names a damaged place and the way out."""
    return Damaged(place, offset, what, f". {WAY_OUT}")


def scan(buffer: bytes, *, seed: int) -> tuple[list[Record], int]:
    """Return the valid records of a segment in order, and where they end."""
    found: list[Record] = []
    offset = HEADER_BYTES
    while (each := framing.read_record(buffer, offset, seed=seed)) is not None:
        found.append(each)
        offset = each.end
    return found, offset


@dataclass(frozen=True, slots=True)
class Sealed:
    """A segment that takes no more records."""

    number: int
    last_index: int
    """The highest index of any of its records; 0 if it holds none."""
    size: int


class Active:
    """The segment that takes records: gathers them, then writes and syncs them in one go."""

    __slots__ = ("_file", "_pending", "_seed", "end", "last_index", "number", "size", "synced")

    def __init__(self, file: File, *, salt: int, number: int, end: int, last_index: int) -> None:
        self._file = file
        self._seed = framing.seed_of(salt=salt, segment=number)
        self._pending: list[bytes] = []
        self.number = number
        self.size = file.size()
        """Of the file, in bytes. It never changes: room is asked for before a record is pushed."""
        self.end = end
        """Where the next record goes, counting those not written yet."""
        self.synced = end
        """Everything before this is durable. `synced <= end`; pending bytes fill the gap."""
        self.last_index = last_index

    def has_room(self, payload_bytes: int) -> bool:
        """Tell whether a record with such a payload fits."""
        return self.end + framing.record_bytes(payload_bytes) <= self.size

    def push(self, kind: int, indexes: tuple[int, int], payload: bytes) -> None:
        """Gather a record; `write_and_sync` writes it. There must be room."""
        head = framing.header_of(
            kind, indexes, payload, seed=self._seed, offset=self.end, synced=self.synced
        )
        record = (head, payload, framing.padding_of(len(payload)))
        self._pending += record
        self.end += sum(map(len, record))
        self.last_index = max(self.last_index, indexes[1])

    def write_and_sync(self) -> None:
        """Make every record pushed so far durable.

        Raises:
            DiskFull: nothing is lost, and the same call may be made again.
            DiskFailed: what is durable is unknown.

        """
        if self._pending:
            self.write()
            self._file.sync()
            self.synced_all()

    def write(self) -> int:
        """Write every record pushed so far; return the descriptor of the file to sync.

        Push nothing more until it is synced, and then call `synced_all`.

        Raises:
            DiskFull, DiskFailed: as `write_and_sync`.

        """
        data = b"".join(self._pending)
        assert self.synced + len(data) == self.end
        self._file.write_at(self.synced, data)
        return self._file.descriptor()

    def synced_all(self) -> None:
        """Note that everything written is durable."""
        self._pending.clear()
        self.synced = self.end

    def close(self, *, vouch: bool) -> None:
        """Release the file; with `vouch`, first leave a mark behind the last synced record.

        Without a later record, damage to the last batch cannot be told from a torn write.
        """
        if vouch and self.has_room(0):
            self.push(framing.MARK, (0, 0), b"")
            self.write_and_sync()
        self._file.close()

    def sealed(self) -> Sealed:
        """Return what is remembered of this segment when the next one takes over."""
        assert not self._pending
        return Sealed(self.number, self.last_index, self.size)
