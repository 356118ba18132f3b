"""Backups as files: taken in piece by piece, checked on the way and again on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from coordsvc.base import limits
from coordsvc.base.errors import CorruptData, SetupError
from coordsvc.base.ids import Index, Millis, NodeId, Term
from coordsvc.replica.codec import decode_meta, names_in
from coordsvc.state import image
from coordsvc.state.machine import StateMachine
from coordsvc.storage.os_files import OsFiles
from coordsvc.storage.snapshot_format import Checker, SnapshotHead

PART: Final = ".part"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup holds."""

    cluster: str
    """Where it was taken; the empty string if it does not say so."""
    revision: Index
    term: Term
    written_ms: Millis
    """Cluster time."""
    voters: tuple[NodeId, ...]
    learners: tuple[NodeId, ...]
    state_version: int
    nodes: int
    sessions: int
    locks: int
    digest: int
    """Of all that was ever applied; equal on members that agree."""
    fingerprint: str
    """Of what the state holds; equal for backups of equal states."""
    checksum: str
    """BLAKE2b-128 of the file."""
    size_bytes: int


class Download:
    """A backup on its way into a file: `write` its bytes, then `finish`.

    It is written beside the file, under another name, and gets its name when it is whole, is
    durable, and has been read back. Use as a context manager: what is not finished is removed.
    """

    def __init__(self, place: Path, *, replace: bool) -> None:
        """Start it; with `replace` the place may be taken.

        Raises:
            FileExistsError: there is a file at `place`.
            OSError: nothing can be written there.

        """
        self._place = place
        self._replace = replace
        if not replace and place.exists():
            raise FileExistsError(place)
        self._part = place.with_name(f"{place.name}.{os.getpid()}{PART}")
        self._file = self._part.open("xb")
        self._checker = Checker("what the node sent")
        self._digest = blake2b(digest_size=16)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Remove what did not get its name."""
        self._file.close()
        self._part.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            CorruptData: they cannot be right.
            OSError: they cannot be written.

        """
        self._checker.feed(data)
        self._digest.update(data)
        self._file.write(data)

    def finish(self) -> SnapshotHead:
        """Give the backup its name, if it is whole and the disk has what was sent.

        Raises:
            CorruptData: it is not whole, or the disk has something else.
            FileExistsError: a file has come to be there meanwhile.
            OSError: it cannot be made durable.

        """
        head = self._checker.finish()
        self._file.flush()
        os.fsync(self._file.fileno())
        with suppress(OSError):  # read it from the device, not from memory, where that can be had
            os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        digest = blake2b(digest_size=16)
        for piece in _pieces(self._part):
            digest.update(piece)
        if digest.digest() != self._digest.digest():
            raise CorruptData(f"{self._part}: the disk does not have what was written to it")
        if self._replace:
            self._part.replace(self._place)
        else:
            os.link(self._part, self._place)  # fails, other than a rename, if there is a file
        OsFiles(self._place.absolute().parent).sync_names()
        return head


def contents_of(place: Path) -> Contents:
    """Read a whole backup, check everything in it, and load the state.

    Raises:
        CorruptData: a checksum fails, or what is loaded is not what is in the file.
        SetupError: it cannot be read, or its state has a version that this program has not.

    """
    checker = Checker(str(place))
    digest = blake2b(digest_size=16)
    size = 0

    def payloads() -> Iterator[bytes]:
        nonlocal size
        for piece in _pieces(place):
            size += len(piece)
            digest.update(piece)
            yield from checker.feed(piece)
        checker.finish()

    try:
        written = image.fingerprint(payloads())
        head = checker.finish()
        again = Checker(str(place))
        machine = StateMachine.restore(
            payload for piece in _pieces(place) for payload in again.feed(piece)
        )
        meta = decode_meta(head.extra)
    except OSError as error:
        raise SetupError(f"{place}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise CorruptData(f"{place}: {error}") from error
    if not machine.revision == meta.index == head.index:
        raise CorruptData(f"{place}: says revision {head.index}, holds {machine.revision}")
    if _fingerprint(machine) != written:
        raise CorruptData(f"{place}: the state that is loaded is not the one in the file")
    return Contents(
        cluster=next(iter(names_in(head.extra)), ""),
        revision=machine.revision,
        term=meta.term,
        written_ms=machine.time_ms,
        voters=meta.membership.voters,
        learners=meta.membership.learners,
        state_version=machine.version,
        nodes=len(machine.tree),
        sessions=len(machine.sessions.by_id),
        locks=len(machine.locks.by_path),
        digest=machine.digest,
        fingerprint=written,
        checksum=digest.hexdigest(),
        size_bytes=size,
    )


def _fingerprint(machine: StateMachine) -> str:
    capture = machine.capture()
    return image.fingerprint(iter(capture.next_chunk, None))


def _pieces(place: Path) -> Iterator[bytes]:
    with place.open("rb") as file:
        while piece := file.read(limits.SNAPSHOT_CHUNK_BYTES):
            yield piece
