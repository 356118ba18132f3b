"""The bytes of a snapshot: how they are made, and a checker that takes them in any pieces.

The same bytes are the file on disk, the stream to a peer and the backup. Little-endian::

    header   0   8  magic "COORDSNP"
             8   2  format version
             10  1  checksum algorithm of chunks (1: CRC-32)
             11  1  zero
             12  4  length of the extra bytes
             16  8  index
             24  8  term
             32  4  checksum of the 32 bytes before and of the extra bytes
             36  .. extra bytes, opaque (the membership)
    chunk    0   4  length, not zero
             4   4  checksum of the chunk's number (8 bytes, from 0) and its payload
             8   .. payload
    trailer  0   4  zero, where a chunk has its length
             4   4  checksum of the other bytes of the trailer
             8   8  how many chunks
             16  8  how many payload bytes
             24  16 BLAKE2b (16 bytes) of everything before the trailer
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final
from zlib import crc32

from coordsvc.base import limits
from coordsvc.base.ids import Index, Term
from coordsvc.storage.damage import Damaged

VERSION: Final = 1
CHUNK_BYTES_MAX: Final = limits.RECORD_BYTES_MAX
EXTRA_BYTES_MAX: Final = limits.MIB
_MAGIC: Final = b"COORDSNP"
_CRC32: Final = 1
_HEADER: Final = struct.Struct("<8sHBxIQQ")
_CHECK: Final = struct.Struct("<I")
_CHUNK: Final = struct.Struct("<II")
_NUMBER: Final = struct.Struct("<Q")
_TRAILER: Final = struct.Struct("<QQ16s")
_HEADER_BYTES: Final = _HEADER.size + _CHECK.size
_TRAILER_BYTES: Final = _CHUNK.size + _TRAILER.size
_DIGEST_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class SnapshotHead:
    """What a snapshot says of itself: everything up to `index`, which has `term`, is in it."""

    index: Index
    term: Term
    extra: bytes


class Encoder:
    """Makes the bytes of one snapshot, piece by piece."""

    __slots__ = ("_chunks", "_digest", "_payload_bytes")

    def __init__(self) -> None:
        self._digest = blake2b(digest_size=_DIGEST_BYTES)
        self._chunks = 0
        self._payload_bytes = 0

    def header(self, head: SnapshotHead) -> bytes:
        """Return the bytes that come first."""
        assert len(head.extra) <= EXTRA_BYTES_MAX
        fixed = _HEADER.pack(_MAGIC, VERSION, _CRC32, len(head.extra), head.index, head.term)
        check = _CHECK.pack(crc32(head.extra, crc32(fixed)))
        return self._hashed(fixed + check + head.extra)

    def chunk(self, payload: bytes) -> bytes:
        """Return the bytes of the next chunk."""
        assert 0 < len(payload) <= CHUNK_BYTES_MAX
        check = _chunk_check(self._chunks, payload)
        self._chunks += 1
        self._payload_bytes += len(payload)
        return self._hashed(_CHUNK.pack(len(payload), check) + payload)

    def trailer(self) -> bytes:
        """Return the bytes that come last."""
        body = _TRAILER.pack(self._chunks, self._payload_bytes, self._digest.digest())
        return _CHUNK.pack(0, crc32(body)) + body

    def _hashed(self, data: bytes) -> bytes:
        self._digest.update(data)
        return data


class Checker:
    """Takes the bytes of one snapshot in order, in any pieces, and yields verified payloads.

    Holds at most one chunk. Every method raises CorruptData, with the offset, at the first byte
    that cannot be right; `place` says whose bytes they are. With `again`, for what this process
    has found whole before, the chunks are checked and not once more the hash over all of them.
    """

    __slots__ = (
        "_again",
        "_buffer",
        "_chunks",
        "_digest",
        "_offset",
        "_payload_bytes",
        "_place",
        "ended",
        "head",
    )

    def __init__(self, place: str, *, again: bool = False) -> None:
        self._place = place
        self._again = again
        self._buffer = bytearray()
        self._offset = 0  # of the start of the buffer
        self._digest = blake2b(digest_size=_DIGEST_BYTES)
        self._chunks = 0
        self._payload_bytes = 0
        self.head: SnapshotHead | None = None
        """What the header said, once it has come."""
        self.ended = False
        """Whether a valid trailer has come. Then the snapshot is whole."""

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes; return the payloads of the chunks that they complete."""
        self._buffer += data
        if self.head is None and not self._take_header():
            return []
        payloads: list[bytes] = []
        while not self.ended and (payload := self._take_chunk()) is not None:
            payloads.append(payload)
        if self.ended and self._buffer:
            raise self._damaged("there are bytes behind the end")
        return payloads

    def finish(self) -> SnapshotHead:
        """Return what the snapshot stands for, now that all its bytes have come."""
        if self.head is None or not self.ended:
            self._offset += len(self._buffer)
            raise self._damaged("the snapshot ends too early")
        return self.head

    def _take_header(self) -> bool:
        if len(self._buffer) < _HEADER_BYTES:
            return False
        magic, version, algorithm, extra_bytes, index, term = _HEADER.unpack_from(self._buffer)
        if magic != _MAGIC:
            raise self._damaged("this is not a snapshot")
        if (version, algorithm) != (VERSION, _CRC32):
            raise self._damaged(f"format {version} is not known to this program")
        if extra_bytes > EXTRA_BYTES_MAX:
            raise self._damaged("the header fails its checksum")
        end = _HEADER_BYTES + extra_bytes
        if len(self._buffer) < end:
            return False
        extra = bytes(self._buffer[_HEADER_BYTES:end])
        (check,) = _CHECK.unpack_from(self._buffer, _HEADER.size)
        if check != crc32(extra, crc32(self._buffer[: _HEADER.size])):
            raise self._damaged("the header fails its checksum")
        self._consume(end)
        self.head = SnapshotHead(index, term, extra)
        return True

    def _take_chunk(self) -> bytes | None:
        if len(self._buffer) < _CHUNK.size:
            return None
        length, check = _CHUNK.unpack_from(self._buffer)
        if length == 0:
            self._take_trailer(check)
            return None
        if length > CHUNK_BYTES_MAX:
            raise self._damaged("a chunk has an impossible length")
        end = _CHUNK.size + length
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[_CHUNK.size : end])
        if check != _chunk_check(self._chunks, payload):
            raise self._damaged("a chunk fails its checksum")
        self._consume(end)
        self._chunks += 1
        self._payload_bytes += length
        return payload

    def _take_trailer(self, check: int) -> None:
        if len(self._buffer) < _TRAILER_BYTES:
            return
        body = bytes(self._buffer[_CHUNK.size : _TRAILER_BYTES])
        digest = body[-_DIGEST_BYTES:] if self._again else self._digest.digest()
        if check != crc32(body) or body != _TRAILER.pack(self._chunks, self._payload_bytes, digest):
            raise self._damaged("the snapshot as a whole fails its checksum")
        self._consume(_TRAILER_BYTES)
        self.ended = True

    def _consume(self, size: int) -> None:
        if not self._again:
            self._digest.update(self._buffer[:size])
        del self._buffer[:size]
        self._offset += size

    def _damaged(self, what: str) -> Damaged:
        return Damaged(self._place, self._offset, what)


def verify(pieces: Iterable[bytes], place: str) -> SnapshotHead:
    """Check a whole snapshot that comes in pieces; return what it stands for.

    Raises:
        CorruptData: it is damaged, or not a snapshot; names the place and the offset.

    """
    checker = Checker(place)
    for piece in pieces:
        checker.feed(piece)
    return checker.finish()


def _chunk_check(number: int, payload: bytes) -> int:
    return crc32(payload, crc32(_NUMBER.pack(number)))
