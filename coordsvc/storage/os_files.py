"""OsFiles: the real disk, through POSIX calls."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from coordsvc.base import limits
from coordsvc.base.errors import DiskFailed, DiskFull

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_ZEROS: Final = bytes(limits.MIB)
_FILE_MODE: Final = 0o600


class OsFile:
    """One file by its descriptor. See `files.File` for the promises."""

    __slots__ = ("_descriptor", "_place")

    def __init__(self, descriptor: int, place: str) -> None:
        self._descriptor = descriptor
        self._place = place

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`; fewer only at the end of the file."""
        pieces: list[bytes] = []
        with _translated("read", self._place):
            while size > 0 and (piece := os.pread(self._descriptor, size, offset)):
                pieces.append(piece)
                offset += len(piece)
                size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def write_at(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`."""
        try:
            written = os.pwrite(self._descriptor, data, offset)
            while written < len(data):
                written += os.pwrite(self._descriptor, data[written:], offset + written)
        except OSError as error:
            raise _refusal("write", self._place, error) from error

    def size(self) -> int:
        """Return the size of the file."""
        with _translated("stat", self._place):
            return os.fstat(self._descriptor).st_size

    def allocate(self, size: int) -> None:
        """Make the file at least `size` bytes long, with zeros that are really written.

        The blocks are reserved first, so that a lack of room is known before anything is written.
        """
        start = self.size()
        if size <= start:
            return
        try:
            with _translated("allocate", self._place):
                os.posix_fallocate(self._descriptor, start, size - start)
        except DiskFull:
            self.truncate(start)
            raise
        for offset in range(start, size, len(_ZEROS)):
            self.write_at(offset, _ZEROS[: size - offset])

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes."""
        with _translated("truncate", self._place):
            os.ftruncate(self._descriptor, size)

    def sync(self) -> None:
        """Return when everything written so far, and the size, is durable."""
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise _refusal("fdatasync", self._place, error, room_matters=False) from error

    def descriptor(self) -> int:
        """Return the number by which the system knows the open file."""
        return self._descriptor

    def close(self) -> None:
        """Release the descriptor."""
        with _translated("close", self._place, room_matters=False):
            os.close(self._descriptor)


class OsFiles:
    """One folder of the real file system. See `files.Files` for the promises."""

    __slots__ = ("_folder",)

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """Return the names of the files in the folder, sorted."""
        with _translated("list", str(self._folder)), os.scandir(self._folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))

    def open(self, name: str, *, create: bool = False) -> OsFile:
        """Open a file for reading and writing; with `create`, a new one."""
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0)
        place = self.place_of(name)
        with _translated("open", place):
            return OsFile(os.open(place, flags, _FILE_MODE), place)

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, atomically replacing what had it."""
        with _translated("rename", self.place_of(old)):
            (self._folder / old).replace(self._folder / new)

    def remove(self, name: str) -> None:
        """Remove a file."""
        with _translated("remove", self.place_of(name)):
            (self._folder / name).unlink()

    def sync_names(self) -> None:
        """Return when all names created, renamed and removed so far are durable."""
        with _translated("fsync", str(self._folder), room_matters=False):
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def free_bytes(self) -> int:
        """Return how much room is left on the device for this process."""
        with _translated("statvfs", str(self._folder)):
            status = os.statvfs(self._folder)
        return status.f_bavail * status.f_frsize

    def place_of(self, name: str) -> str:
        """Return the full path of a file."""
        return str(self._folder / name)


@contextmanager
def _translated(what: str, place: str, *, room_matters: bool = True) -> Iterator[None]:
    """Turn the system's refusals into ours. Too slow for what every sync does."""
    try:
        yield
    except OSError as error:
        raise _refusal(what, place, error, room_matters=room_matters) from error


def _refusal(
    what: str, place: str, error: OSError, *, room_matters: bool = True
) -> DiskFailed | DiskFull:
    """Return what to raise for a refusal of the system.

    A sync that reports a lack of room has lost data already: that is a failure like any other.
    """
    text = f"{what} of {place}: {error.strerror or error}"
    if room_matters and error.errno in _NO_ROOM:
        return DiskFull(text)
    return DiskFailed(text)
