"""The encoding of the ZooKeeper protocol, written for the tests alone.

It shares no line with the server's: a mistake made in one is not made in the other.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

STAT = struct.Struct(">qqqqiiiqiiq")


class Stat(NamedTuple):
    """The fields of a node's Stat, in the order of the wire."""

    czxid: int
    mzxid: int
    ctime: int
    mtime: int
    version: int
    cversion: int
    aversion: int
    owner: int
    length: int
    children: int
    pzxid: int


class Acl(NamedTuple):
    """One entry of an access control list."""

    perms: int
    scheme: str
    id: str


class TooShort(Exception):
    """A reply ends before its last field."""


def integer(value: int) -> bytes:
    return struct.pack(">i", value)


def long(value: int) -> bytes:
    return struct.pack(">q", value)


def boolean(value: object) -> bytes:
    return b"\1" if value else b"\0"


def buffer(value: bytes | None) -> bytes:
    return integer(-1) if value is None else integer(len(value)) + value


def string(value: str | None) -> bytes:
    return buffer(None if value is None else value.encode())


def vector(items: list[bytes] | None) -> bytes:
    return integer(-1) if items is None else integer(len(items)) + b"".join(items)


def strings(items: list[str]) -> bytes:
    return vector([string(item) for item in items])


def acls(entries: list[Acl] | None) -> bytes:
    if entries is None:
        return vector(None)
    return vector([integer(e.perms) + string(e.scheme) + string(e.id) for e in entries])


class Reader:
    """Takes fields from the front of a message."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Return how many bytes have not been read."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise TooShort
        self._at += count
        return self._data[self._at - count : self._at]

    def integer(self) -> int:
        return struct.unpack(">i", self.take(4))[0]

    def long(self) -> int:
        return struct.unpack(">q", self.take(8))[0]

    def boolean(self) -> bool:
        return self.take(1) != b"\0"

    def buffer(self) -> bytes | None:
        length = self.integer()
        return None if length == -1 else self.take(length)

    def string(self) -> str | None:
        data = self.buffer()
        return None if data is None else data.decode()

    def strings(self) -> list[str | None]:
        return [self.string() for _ in range(self.integer())]

    def stat(self) -> Stat:
        return Stat(*STAT.unpack(self.take(STAT.size)))

    def acls(self) -> list[Acl]:
        return [
            Acl(self.integer(), str(self.string()), str(self.string()))
            for _ in range(self.integer())
        ]
