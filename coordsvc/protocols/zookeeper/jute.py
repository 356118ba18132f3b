"""Jute: ZooKeeper's encoding of values. Big-endian, no tags, no padding.

For the frequent requests the conversation uses the precompiled structs directly; `Reader` is for
everything else. Null and empty are different: a buffer, string or vector of length -1 is None.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final, TypeVar

T = TypeVar("T")

INT: Final = Struct(">i")
LONG: Final = Struct(">q")
HEADER: Final = Struct(">ii")
"""Of a request: xid, opcode."""
REPLY: Final = Struct(">iiqi")
"""The length of the frame, then the header of a reply: xid, zxid, error."""
REPLY_HEADER_BYTES: Final = 16
STAT: Final = Struct(">qqqqiiiqiiq")
"""czxid, mzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner, dataLength,
numChildren, pzxid."""
STAT_SENT: Final = Struct(">qqqqIIIqiiq")
"""The same with counts that were cut to 32 bits by `COUNT_MASK`, as Java's wrap around."""
COUNT_MASK: Final = 0xFFFF_FFFF

FRAME_BYTES_MAX: Final = 1_048_575
"""Of a request, ZooKeeper's `jute.maxbuffer`. A reply may be larger."""
NULL: Final = b"\xff\xff\xff\xff"


class JuteError(Exception):
    """The bytes are not the record that was expected."""


class FrameLengthError(Exception):
    """A frame announces a length that nobody takes. The connection cannot go on."""


def count_of(sent: int) -> int:
    """Return the count that a client means by one that has wrapped around; -1 stays: any."""
    return sent if sent >= -1 else sent & COUNT_MASK


class Reader:
    """Takes values off a run of bytes, one after another.

    Every method raises JuteError if what is left does not hold such a value.
    """

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at
        self.end = len(data)

    def left(self) -> int:
        """Return how many bytes have not been read."""
        return self.end - self.at

    def read_int(self) -> int:
        """Take 4 bytes, signed."""
        at = self.at
        if at + 4 > self.end:
            raise JuteError("an int is cut short")
        self.at = at + 4
        value: int = INT.unpack_from(self.data, at)[0]
        return value

    def read_long(self) -> int:
        """Take 8 bytes, signed."""
        at = self.at
        if at + 8 > self.end:
            raise JuteError("a long is cut short")
        self.at = at + 8
        value: int = LONG.unpack_from(self.data, at)[0]
        return value

    def read_bool(self) -> bool:
        """Take a byte; any but 0 is true."""
        if self.at >= self.end:
            raise JuteError("a bool is cut short")
        self.at += 1
        return self.data[self.at - 1] != 0

    def read_buffer(self) -> bytes | None:
        """Take a length and so many bytes."""
        size = self.read_int()
        if size == -1:
            return None
        at = self.at
        if size < 0 or at + size > self.end:
            raise JuteError(f"a buffer of {size} bytes, and {self.end - at} are left")
        self.at = at + size
        return self.data[at : self.at]

    def read_string(self) -> str | None:
        """Take a buffer as text. What is not UTF-8 becomes U+FFFD, as it does in Java."""
        data = self.read_buffer()
        return None if data is None else data.decode(errors="replace")

    def read_text(self) -> str:
        """Take a string that must not be null."""
        text = self.read_string()
        if text is None:
            raise JuteError("a string is null")
        return text

    def read_vector(self, read: Callable[[Reader], T]) -> list[T] | None:
        """Take a count and so many items."""
        count = self.read_int()
        if count == -1:
            return None
        if not 0 <= count <= self.left():  # an item takes a byte at least
            raise JuteError(f"a vector of {count} items, and {self.left()} bytes are left")
        return [read(self) for _ in range(count)]


def pack_buffer(data: bytes | None) -> bytes:
    """Return a buffer."""
    return NULL if data is None else INT.pack(len(data)) + data


def pack_string(text: str | None) -> bytes:
    """Return a string."""
    return NULL if text is None else pack_buffer(text.encode())


def pack_bool(value: bool) -> bytes:
    """Return a bool."""
    return b"\x01" if value else b"\x00"


def pack_vector(items: list[bytes] | None) -> bytes:
    """Return a vector of items that are encoded already."""
    return NULL if items is None else INT.pack(len(items)) + b"".join(items)


def pack_frame(body: bytes) -> bytes:
    """Return `body` with its length in front."""
    return INT.pack(len(body)) + body


class FrameSplitter:
    """Cuts a stream of bytes into frame bodies. Keeps at most one unfinished frame.

    A frame may be of up to `frame_bytes_max` bytes, and never of none.
    """

    __slots__ = ("_kept", "frame_bytes_max")

    def __init__(self, frame_bytes_max: int = FRAME_BYTES_MAX) -> None:
        self.frame_bytes_max = frame_bytes_max
        self._kept: list[bytes] = []

    def split(self, data: bytes) -> list[bytes]:
        """Take the next bytes; return the bodies of the frames that are now complete.

        Raises:
            FrameLengthError: a length that is negative, zero or too large.

        """
        if self._kept:
            self._kept.append(data)
            data = b"".join(self._kept)
            self._kept.clear()
        bodies: list[bytes] = []
        at, end = 0, len(data)
        while end - at >= 4:
            size = int.from_bytes(data[at : at + 4], "big")
            if not 0 < size <= self.frame_bytes_max:
                raise FrameLengthError(f"a frame of {size} bytes")
            stop = at + 4 + size
            if stop > end:
                break
            bodies.append(data[at + 4 : stop])
            at = stop
        if at < end:
            self._kept.append(data[at:])
        return bodies
