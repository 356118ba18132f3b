"""Files: the few file operations the log and the snapshots rely on, and their promises.

The real ones are in `OsFiles`; a simulated disk implements the same two protocols and breaks
every promise that is not written here.
"""

from __future__ import annotations

from typing import Protocol


class File(Protocol):
    """One open file. Offsets and sizes in bytes.

    A write is durable only after `sync` has returned. Until then a crash may keep all of it,
    none of it, or any subset of its 512-byte sectors; so may it with bytes never synced before.
    """

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`; fewer only at the end of the file."""

    def write_at(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`, growing the file if needed.

        Raises:
            DiskFailed: the system refused; what is in the file is unknown.
            DiskFull: there is no room; nothing that was synced is harmed.

        """

    def size(self) -> int:
        """Return the size of the file."""

    def allocate(self, size: int) -> None:
        """Make the file at least `size` bytes long, filling with zeros that are really written."""

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes."""

    def sync(self) -> None:
        """Return when everything written so far, and the size, is durable.

        Raises:
            DiskFailed: it may not be. Never call again: the page cache can no longer be trusted.

        """

    def descriptor(self) -> int:
        """Return the number by which the system knows the open file; -1 if it does not."""

    def close(self) -> None:
        """Release the file. Makes nothing durable."""


class Files(Protocol):
    """One flat folder. A created, renamed or removed name is durable only after `sync_names`."""

    def names(self) -> list[str]:
        """Return the names of the files in the folder, sorted."""

    def open(self, name: str, *, create: bool = False) -> File:
        """Open a file for reading and writing; with `create`, a new one (it must not exist)."""

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, atomically replacing what had it."""

    def remove(self, name: str) -> None:
        """Remove a file."""

    def sync_names(self) -> None:
        """Return when all names created, renamed and removed so far are durable."""

    def free_bytes(self) -> int:
        """Return how much room is left on the device."""

    def place_of(self, name: str) -> str:
        """Return how a person finds the file: its full path."""
