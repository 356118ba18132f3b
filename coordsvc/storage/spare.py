"""The next segment, filled with zeros ahead of time, piece by piece.

Overwriting blocks that hold zeros costs one device flush; growing a file, or writing into blocks
that are merely reserved, costs a journal commit as well. The file keeps a name of its own until
it is a segment, so whatever a crash leaves of it is simply filled again.
"""

from __future__ import annotations

from typing import Final

from coordsvc.base import limits
from coordsvc.storage.files import File, Files

NAME: Final = "spare.tmp"
PIECE_BYTES: Final = 256 * limits.KIB  # about one fast write and sync: appends wait behind it
_ZEROS: Final = bytes(PIECE_BYTES)


class Spare:
    """The file that will be the next segment."""

    __slots__ = ("_file", "_files", "_size", "_zeroed", "exists")

    def __init__(self, files: Files) -> None:
        self._files = files
        self._file: File | None = None
        self._zeroed = 0
        self._size = 0
        """Of the open file: asked for after every sync, so the system is not."""
        self.exists = NAME in files.names()
        """Whether there is such a file already, prepared or not."""

    def is_ready(self, size: int) -> bool:
        """Tell whether the file is all zeros and has at least `size` bytes."""
        return self._file is not None and self._zeroed >= max(size, self._size)

    def prepare_piece(self, size: int) -> bool:
        """Fill one more piece and make it durable; return whether the spare is ready.

        Raises:
            DiskFull: there is no room for a bigger file; try again when there is.

        """
        if not self.is_ready(size):
            file = self._opened()
            self._zero_piece(file, size)
            file.sync()
        return self.is_ready(size)

    def take(self, size: int) -> File:
        """Return the file, all zeros, finishing it first if need be; the caller syncs it.

        It counts as unprepared from now on: the caller writes into it, and if it does not get
        as far as renaming it, all must be filled again. Call `renamed` afterwards.
        """
        file = self._opened()
        while not self.is_ready(size):
            self._zero_piece(file, size)
        self._zeroed = 0
        return file

    def renamed(self) -> None:
        """Note that the file that was taken has got its final name."""
        assert self._zeroed == 0
        self._file = None
        self.exists = False

    def adopt(self, name: str) -> bool:
        """Make an old segment the spare, if there is none; return whether it was."""
        if self.exists:
            return False
        self._files.rename(name, NAME)
        self.exists = True
        return True

    def close(self) -> None:
        """Release the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> File:
        if self._file is None:
            self._file = self._files.open(NAME, create=not self.exists)
            self._size = self._file.size()
            self._zeroed = 0
            self.exists = True
        return self._file

    def _zero_piece(self, file: File, size: int) -> None:
        target = max(size, self._size)
        until = min(self._zeroed + PIECE_BYTES, target)
        inside = min(until, self._size)
        if inside > self._zeroed:
            file.write_at(self._zeroed, _ZEROS[: inside - self._zeroed])
        file.allocate(until)
        self._size = max(self._size, until)
        self._zeroed = until
