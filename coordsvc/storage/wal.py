"""WriteAheadLog: appends and the hard state, durable after `sync`."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from coordsvc.base import limits
from coordsvc.base.errors import DiskFailed
from coordsvc.storage import framing, segment
from coordsvc.storage.files import Files
from coordsvc.storage.recovery import RecoveredLog, recover
from coordsvc.storage.segment import Active, Sealed, SegmentHeader
from coordsvc.storage.spare import NAME as SPARE_NAME
from coordsvc.storage.spare import Spare

FIRST_SEGMENT_BYTES: Final = limits.MIB  # a new node starts at once
_REFUSAL: Final = "the log failed before and takes nothing more"
_GROWTH: Final = 4  # of each next segment, until segments have their full size


class WriteAheadLog:
    """The log of one replica on its disk. Payloads are opaque; blocking; for one thread.

    Order of the calls is order on disk. `append` and `save_state` only gather; `sync` makes all
    of it durable with one write and one fdatasync, so appends share a sync.

    Every method may raise DiskFailed; after that the log takes nothing more. DiskFull leaves
    everything as it was, and the call may be made again.
    """

    def __init__(
        self,
        files: Files,
        *,
        salt: int,
        segment_bytes: int,
        recovered: RecoveredLog,
        sealed: list[Sealed],
        active: Active | None,
        first_segment_bytes: int,
    ) -> None:
        self._files = files
        self._salt = salt
        self._segment_bytes = segment_bytes
        self._spare = Spare(files)
        self._sealed = sealed
        self._state = recovered.state
        self._last_index = recovered.last_index
        self._failed = False
        self.recovered = recovered
        """What was found at opening. The caller may clear it when it has taken it over."""
        if active is None:
            active = self._begin(
                number=1,
                size=min(first_segment_bytes, segment_bytes),
                previous_end=0,
                first_index=1,
                resets=False,
            )
        self._active = active

    @classmethod
    def open(
        cls,
        files: Files,
        *,
        salt: int = 0,
        segment_bytes: int = limits.SEGMENT_BYTES,
        first_segment_bytes: int = FIRST_SEGMENT_BYTES,
    ) -> WriteAheadLog:
        """Recover the log in `files`, or start one.

        `salt` is the folder's own random number, below 2**32; it enters every checksum.

        Raises:
            CorruptData: something that was synced is damaged; names file, offset and way out.
            SetupError: a newer program wrote it.
            DiskFailed, DiskFull: the disk did not let us.

        """
        recovered, sealed, active = recover(files, salt=salt)
        return cls(
            files,
            salt=salt,
            segment_bytes=segment_bytes,
            recovered=recovered,
            sealed=sealed,
            active=active,
            first_segment_bytes=first_segment_bytes,
        )

    @property
    def last_index(self) -> int:
        """The index of the last entry appended, or where a log without entries starts again."""
        return self._last_index

    @property
    def segments(self) -> int:
        """How many segments there are."""
        return len(self._sealed) + 1

    @property
    def bytes_on_disk(self) -> int:
        """What the segments take on disk, unused room included, the spare one not."""
        return sum(each.size for each in self._sealed) + self._active.size

    @property
    def bytes_unsynced(self) -> int:
        """What the next `sync` will write."""
        return self._active.end - self._active.synced

    def append(self, first_index: int, last_index: int, payload: bytes) -> None:
        """Gather entries `first_index..last_index`; what the log held from there on is void.

        Raises:
            DiskFull: a new segment was needed and there is no room; nothing was appended.

        """
        assert 0 < first_index <= last_index
        assert first_index <= self._last_index + 1, "an append leaves no gap"
        self._add(framing.ENTRIES, (first_index, last_index), payload)
        self._last_index = last_index

    def save_state(self, payload: bytes) -> None:
        """Gather a new hard state, which replaces the one before.

        Raises:
            DiskFull: a new segment was needed and there is no room; nothing was changed.

        """
        self._add(framing.STATE, (0, 0), payload)
        self._state = payload

    def sync(self) -> None:
        """Return when everything gathered so far is durable. Does nothing if that is nothing."""
        if self._failed:
            raise DiskFailed(_REFUSAL)
        try:
            self._active.write_and_sync()
        except DiskFailed:
            self._failed = True
            raise

    @property
    def room_bytes(self) -> int:
        """How many bytes of records, headers and padding included, fit without a new segment."""
        return self._active.size - self._active.end

    def write(self) -> int:
        """Write what was gathered; return the descriptor that somebody else is to sync.

        Until that sync is reported by `synced` nothing else may be called.
        """
        if self._failed:
            raise DiskFailed(_REFUSAL)
        try:
            return self._active.write()
        except DiskFailed:
            self._failed = True
            raise

    def synced(self, error: int) -> None:
        """Take the outcome of the sync of what `write` wrote: 0, or the error number.

        Raises:
            DiskFailed: it failed; the log takes nothing more.

        """
        if error:
            self._failed = True
            raise DiskFailed(f"the log could not be synced: {errno.errorcode.get(error, error)}")
        self._active.synced_all()

    @property
    def next_is_ready(self) -> bool:
        """Whether the next segment is prepared."""
        return self._spare.is_ready(self._next_size())

    def prepare_next(self) -> bool:
        """Do a small piece of preparing the next segment; return whether more is to do.

        To be called between syncs, when there is time. Whatever is left undone is done in one go
        when the segment is needed.

        Raises:
            DiskFull: there is no room for the next segment; the present one is not affected.

        """
        with self._fatal_if_it_fails():
            return not self._spare.prepare_piece(self._next_size())

    def drop_before(self, index: int) -> None:
        """Give up segments that hold only entries below `index`. They must be in a snapshot.

        Oldest first, each durably before the next, so that a crash never leaves a gap.
        """
        with self._fatal_if_it_fails():
            while self._sealed and self._sealed[0].last_index < index:
                self._retire_oldest()

    def reset(self, index: int) -> None:
        """Empty the log and let it start again behind `index`; the hard state stays. Durable.

        For a snapshot that was installed: it must be durable before. After a crash in between
        the old log is still there.

        Raises:
            DiskFull: there is no room for a new segment; the log is as before.

        """
        with self._fatal_if_it_fails():
            self._roll(payload_bytes=0, first_index=index + 1, resets=True)
            self._last_index = index
            while self._sealed:
                self._retire_oldest()

    def close(self) -> None:
        """Sync what was gathered, vouch for it, and release the files.

        A log that failed only releases them.
        """
        if not self._failed:
            self.sync()
        self._active.close(vouch=not self._failed)
        self._spare.close()

    def _add(self, kind: int, indexes: tuple[int, int], payload: bytes) -> None:
        if self._failed or not self._active.has_room(len(payload)):
            with self._fatal_if_it_fails():
                self._roll(
                    payload_bytes=len(payload), first_index=self._last_index + 1, resets=False
                )
        self._active.push(kind, indexes, payload)

    def _next_size(self) -> int:
        return min(self._segment_bytes, self._active.size * _GROWTH)

    def _roll(self, *, payload_bytes: int, first_index: int, resets: bool) -> None:
        """Seal the active segment and begin the next one, with room for such a payload."""
        self._active.write_and_sync()
        preamble = segment.HEADER_BYTES + framing.record_bytes(len(self._state or b""))
        self._active_done(
            self._begin(
                number=self._active.number + 1,
                size=max(self._next_size(), preamble + framing.record_bytes(payload_bytes)),
                previous_end=self._active.end,
                first_index=first_index,
                resets=resets,
            )
        )

    def _active_done(self, successor: Active) -> None:
        self._sealed.append(self._active.sealed())
        self._active.close(vouch=False)
        self._active = successor

    def _begin(
        self, *, number: int, size: int, previous_end: int, first_index: int, resets: bool
    ) -> Active:
        """Make a segment that starts with the present state; durable, then named, then returned."""
        file = self._spare.take(size)
        header = SegmentHeader(self._salt, number, first_index, previous_end, resets)
        file.write_at(0, segment.encode_header(header))
        fresh = Active(file, salt=self._salt, number=number, end=segment.HEADER_BYTES, last_index=0)
        if self._state is not None:
            fresh.push(framing.STATE, (0, 0), self._state)
            fresh.write_and_sync()
        else:
            file.sync()
        self._files.rename(SPARE_NAME, segment.name_of(number))
        self._spare.renamed()
        self._files.sync_names()
        return fresh

    def _retire_oldest(self) -> None:
        oldest = self._sealed[0]
        name = segment.name_of(oldest.number)
        if oldest.size > self._segment_bytes or not self._spare.adopt(name):
            self._files.remove(name)
        self._files.sync_names()
        self._sealed.pop(0)

    @contextmanager
    def _fatal_if_it_fails(self) -> Iterator[None]:
        if self._failed:
            raise DiskFailed(_REFUSAL)
        try:
            yield
        except DiskFailed:
            self._failed = True
            raise
