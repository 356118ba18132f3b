"""Bytes to frames and back.

A frame is a 4-byte big-endian length and that many bytes, one MessagePack value. The first byte
of a native payload is never zero, which tells the protocol apart from ZooKeeper's on one port.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

import msgpack

HEADER_BYTES: Final = 4
FRAME_BYTES_MAX: Final = 4 * 1024 * 1024
"""A larger length closes the connection: nobody allocates what a stranger asks for."""

_packer: Final = msgpack.Packer(use_bin_type=True, autoreset=True)
pack: Final[Callable[[object], bytes]] = _packer.pack
"""Encode one value. Shared: the packer keeps no state between calls."""
_length: Final = struct.Struct("!I").unpack_from
head_of: Final[Callable[[int], bytes]] = struct.Struct("!I").pack
"""What stands before a body of so many bytes."""
_unpack: Final = msgpack.unpackb
_array_head: Final[Callable[[int], bytes]] = _packer.pack_array_header


class FrameError(Exception):
    """The other side sent what is not a frame. The connection cannot go on."""


def encode_frame(value: object) -> bytes:
    """Return `value` as one frame."""
    body: bytes = pack(value)
    return head_of(len(body)) + body


def frame_of_packed(values: list[bytes]) -> bytes:
    """Return one frame with an array of values that are packed already."""
    body = _array_head(len(values)) + b"".join(values)
    return head_of(len(body)) + body


def decode(body: bytes) -> object:
    """Return the value in `body`; sequences become lists.

    The decoder cannot refuse MessagePack's own extension, the timestamp: it comes out as an
    `msgpack.Timestamp`, which no shape of the protocol admits.

    Raises:
        FrameError: if `body` is not exactly one MessagePack value without maps or extensions.

    """
    try:
        return _unpack(
            body,
            use_list=True,
            raw=False,
            object_pairs_hook=_no_maps,
            ext_hook=_no_extensions,
        )
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise FrameError(f"not a MessagePack value: {error}") from error


def _no_maps(_pairs: object) -> object:
    raise ValueError("maps are not part of the protocol")


def _no_extensions(_code: int, _data: bytes) -> object:
    raise ValueError("extensions are not part of the protocol")


class FrameSplitter:
    """Cuts a stream of bytes into frame bodies. Keeps at most one unfinished frame."""

    __slots__ = ("_kept", "frame_bytes_max")

    def __init__(self, frame_bytes_max: int = FRAME_BYTES_MAX) -> None:
        self.frame_bytes_max: int = frame_bytes_max
        self._kept = b""

    @property
    def is_empty(self) -> bool:
        """Whether no unfinished frame is kept."""
        return not self._kept

    def split(self, data: bytes) -> list[bytes]:
        """Take the next bytes; return the bodies of the frames that are now complete.

        Raises:
            FrameError: a frame announces zero bytes or more than `frame_bytes_max`.

        """
        if self._kept:
            data = self._kept + data
            self._kept = b""
        at, end = 0, len(data)
        if HEADER_BYTES < end <= self.frame_bytes_max and _length(data)[0] == end - HEADER_BYTES:
            return [data[HEADER_BYTES:]]  # just one frame: nearly always
        bodies: list[bytes] = []
        while end - at >= HEADER_BYTES:
            (size,) = _length(data, at)
            if size == 0 or size > self.frame_bytes_max:
                raise FrameError(f"a frame of {size} bytes; the limit is {self.frame_bytes_max}")
            stop = at + HEADER_BYTES + size
            if stop > end:
                break
            bodies.append(data[at + HEADER_BYTES : stop])
            at = stop
        if at < end:
            self._kept = data[at:]
        return bodies
