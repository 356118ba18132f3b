"""SnapshotStore: snapshots that are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from coordsvc.base import limits
from coordsvc.base.errors import CorruptData, DiskFull
from coordsvc.base.ids import Index, Term
from coordsvc.base.ports import Logger, SilentLogger
from coordsvc.storage.files import File, Files
from coordsvc.storage.snapshot_format import Checker, Encoder, SnapshotHead, verify

_NAME: Final = re.compile(r"(\d{20})-(\d{20})\.snap")
_TMP: Final = ".tmp"
_SYNC_EVERY_BYTES: Final = 4 * limits.MIB  # or the last sync would hold up the log's for long
READ_BYTES: Final = limits.SNAPSHOT_CHUNK_BYTES


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """A whole, verified snapshot on disk. `size` is that of the file in bytes."""

    name: str
    index: Index
    term: Term
    extra: bytes
    size: int


class SnapshotWriter:
    """Writes one snapshot beside the others; it becomes one of them by `commit`.

    If a method raises DiskFull, `abort` and try again later; after DiskFailed, stop.
    """

    def __init__(self, draft: _Draft, head: SnapshotHead) -> None:
        self._draft = draft
        self._encoder = Encoder()
        self._head = head
        self._draft.write(self._encoder.header(head))

    def write(self, chunk: bytes) -> None:
        """Add one chunk, not empty; the reader gets the same chunks."""
        self._draft.write(self._encoder.chunk(chunk))

    def commit(self) -> SnapshotFile:
        """Finish, make durable, and make it the latest; then drop what is beyond the kept ones."""
        self._draft.write(self._encoder.trailer())
        return self._draft.commit(self._head)

    def abort(self) -> None:
        """Give up; nothing stays."""
        self._draft.abort()


class SnapshotReceiver:
    """Takes the bytes of a peer's snapshot in order; checks each as it comes."""

    def __init__(self, draft: _Draft, *, index: Index, term: Term) -> None:
        self._draft = draft
        self._checker = Checker("the snapshot received from a peer")
        self._index = index
        self._term = term

    @property
    def received(self) -> int:
        """How many bytes have come: the offset at which the next ones must start."""
        return self._draft.size

    def write(self, data: bytes) -> None:
        """Take the next bytes of the file.

        Raises:
            CorruptData: they cannot be right; abort and start again.

        """
        self._checker.feed(data)
        self._draft.write(data)

    def commit(self) -> SnapshotFile:
        """Check that the snapshot is whole and the one announced; then as SnapshotWriter.commit.

        Raises:
            CorruptData: it is not; nothing of it stays.
            DiskFull: there is no room; nothing of it stays.

        """
        try:
            return self._draft.commit(self._verified())
        except (CorruptData, DiskFull):
            self.abort()
            raise

    def abort(self) -> None:
        """Give up; nothing stays."""
        self._draft.abort()

    def _verified(self) -> SnapshotHead:
        head = self._checker.finish()
        if (head.index, head.term) != (self._index, self._term):
            raise CorruptData(
                f"a snapshot of index {self._index}, term {self._term} was announced; "
                f"index {head.index}, term {head.term} came"
            )
        return head


class SnapshotReader:
    """Reads one snapshot; goes on working if the snapshot is pruned meanwhile."""

    def __init__(self, file: File, place: str) -> None:
        self._file = file
        self._place = place
        self.size = file.size()
        """Of the file, in bytes."""

    def read(self, offset: int, size: int) -> bytes:
        """Return raw bytes of the file, to be sent to a peer or into a backup."""
        return self._file.read_at(offset, size)

    def chunks(self) -> Iterator[bytes]:
        """Yield the chunks as they were written, each verified as it was when the store took it.

        Raises:
            CorruptData: the file is damaged. Chunks before the damage have been yielded; do not
                use them unless this ends without an error.

        """
        checker = Checker(self._place, again=True)
        for piece in _pieces(self._file):
            yield from checker.feed(piece)
        checker.finish()

    def close(self) -> None:
        """Release the file."""
        self._file.close()


class SnapshotStore:
    """The snapshots of one replica. Blocking; for one thread."""

    def __init__(self, files: Files, log: Logger) -> None:
        self._files = files
        self._log = log
        self._kept: list[SnapshotFile] = []  # ascending; all verified
        self.damaged: list[str] = []
        """What was found damaged at opening, in words. If there is any, the log may have been
        dropped up to a snapshot that is lost: check that it joins the latest good one."""

    @classmethod
    def open(cls, files: Files, log: Logger | None = None) -> SnapshotStore:
        """Verify what is there and remove drafts that a crash left.

        A damaged snapshot is told of and passed over; its file stays until the next commit.
        """
        store = cls(files, log or SilentLogger())
        store._remove_drafts()
        for name in files.names():
            if _NAME.fullmatch(name):
                store._verify(name)
        return store

    def latest(self) -> SnapshotFile | None:
        """Return the newest good snapshot; None if there is none."""
        return self._kept[-1] if self._kept else None

    @property
    def bytes_on_disk(self) -> int:
        """What the kept snapshots take."""
        return sum(each.size for each in self._kept)

    def begin(self, index: Index, term: Term, extra: bytes) -> SnapshotWriter:
        """Start a snapshot of everything up to `index`, which has `term`.

        Raises:
            DiskFull: there is no room; nothing of it stays.

        """
        draft = _Draft(self._files, _name_of(index, term), ".write" + _TMP, self._add)
        try:
            return SnapshotWriter(draft, SnapshotHead(index, term, extra))
        except DiskFull:
            draft.abort()
            raise

    def receive(self, index: Index, term: Term) -> SnapshotReceiver:
        """Start to take the snapshot that a peer announced."""
        draft = _Draft(self._files, _name_of(index, term), ".receive" + _TMP, self._add)
        return SnapshotReceiver(draft, index=index, term=term)

    def open_file(self, snapshot: SnapshotFile) -> SnapshotReader:
        """Open a snapshot for reading."""
        place = self._files.place_of(snapshot.name)
        return SnapshotReader(self._files.open(snapshot.name), place)

    def _remove_drafts(self) -> None:
        for name in self._files.names():
            if name.endswith(_TMP):
                self._files.remove(name)
        self._files.sync_names()  # also what a process that was killed had renamed

    def _verify(self, name: str) -> None:
        file = self._files.open(name)
        try:
            head = verify(_pieces(file), self._files.place_of(name))
            size = file.size()
        except CorruptData as error:
            self.damaged.append(str(error))
            self._log.error("snapshot_damaged", file=self._files.place_of(name), text=str(error))
            return
        finally:
            file.close()
        if _name_of(head.index, head.term) != name:
            text = f"{self._files.place_of(name)}: holds the snapshot of another index"
            self.damaged.append(text)
            self._log.error("snapshot_damaged", file=self._files.place_of(name), text=text)
            return
        self._kept.append(SnapshotFile(name, head.index, head.term, head.extra, size))

    def _add(self, snapshot: SnapshotFile) -> None:
        self._kept = [each for each in self._kept if each.name != snapshot.name]
        self._kept.append(snapshot)
        self._kept.sort(key=lambda each: (each.index, each.term))
        surplus = self._kept[: -limits.SNAPSHOTS_KEPT]
        # A late one from a peer may be older than all; its asker still wants to read it.
        self._kept = [each for each in self._kept if each is snapshot or each not in surplus]
        self._prune()

    def _prune(self) -> None:
        kept = {each.name for each in self._kept}
        surplus = [n for n in self._files.names() if _NAME.fullmatch(n) and n not in kept]
        for name in surplus:
            self._files.remove(name)
        if surplus:
            self._files.sync_names()


class _Draft:
    """A snapshot file under a name of its own, until it is whole and durable."""

    def __init__(
        self, files: Files, name: str, suffix: str, adopt: Callable[[SnapshotFile], None]
    ) -> None:
        self._files = files
        self._final = name
        self._draft = name + suffix
        self._adopt = adopt
        if self._draft in self._files.names():
            self._files.remove(self._draft)
        self._file = self._files.open(self._draft, create=True)
        self._synced = 0
        self.size = 0

    def write(self, data: bytes) -> None:
        self._file.write_at(self.size, data)
        self.size += len(data)
        if self.size - self._synced >= _SYNC_EVERY_BYTES:
            self._file.sync()
            self._synced = self.size

    def commit(self, head: SnapshotHead) -> SnapshotFile:
        self._file.sync()
        self._files.rename(self._draft, self._final)
        self._files.sync_names()
        self._file.close()
        snapshot = SnapshotFile(self._final, head.index, head.term, head.extra, self.size)
        self._adopt(snapshot)
        return snapshot

    def abort(self) -> None:
        self._file.close()
        self._files.remove(self._draft)


def _name_of(index: Index, term: Term) -> str:
    return f"{index:020d}-{term:020d}.snap"


def _pieces(file: File) -> Iterator[bytes]:
    offset = 0
    while piece := file.read_at(offset, READ_BYTES):
        yield piece
        offset += len(piece)
