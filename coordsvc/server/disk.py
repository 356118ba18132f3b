"""The log's way to disk: in the order given, many writes with one sync, off the event loop.

One batch is under way at a time; what arrives meanwhile waits and shares the next sync (group
commit). A batch of plain appends is written here and synced by the kernel (kernel_sync.py);
anything that may take longer (a new segment, dropping old ones, or all of it where the kernel
offers no such sync) is done by a thread, which has the log to itself meanwhile. A failure of the
disk is final: nothing after it is acknowledged, and the process ends.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeAlias

from coordsvc.base.errors import CoordsvcError, DiskFailed, DiskFull, Fatal
from coordsvc.replica.effects import LogReset, Write
from coordsvc.server.kernel_sync import KernelSync
from coordsvc.storage.wal import WriteAheadLog

Job: TypeAlias = Write | LogReset | int
"""An int: drop the log before this index."""

FULL_PAUSE_S: Final = 0.5  # between two attempts to write to a full disk
PREPARE_PAUSE_S: Final = 0.01  # between pieces of the next segment: the disk has other work
RECORD_ROOM_BYTES: Final = 256
"""What a write may take beside its payload: two headers, their padding, the hard state."""


class LogWriter:
    """Owns the write-ahead log. Needs a running event loop, on which it calls back."""

    def __init__(
        self,
        wal: WriteAheadLog,
        *,
        written: Callable[[int, float], None],
        failed: Callable[[CoordsvcError], None],
        kernel_sync: bool = True,
    ) -> None:
        """Take over `wal`.

        Args:
            wal: nobody else touches it from now on.
            written: called with how many Writes became durable, and how long the sync took.
            failed: called once, when the log can take nothing more.
            kernel_sync: use the kernel's asynchronous sync where there is one.

        """
        self._wal = wal
        self._written = written
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="log")
        self._kernel = KernelSync.open(self._loop, self._on_synced) if kernel_sync else None
        self._jobs: list[Job] = []
        self._syncing = 0
        self._started = 0.0
        self._preparing = False
        self._prepared = False  # the next segment is, and the thread has not had the log since
        self._prepare_from = 0.0  # time.monotonic
        self._broken = False
        self._stop = threading.Event()
        self._ended: asyncio.Future[None] | None = None
        """Somebody waits for the end of what is queued."""
        self.busy_since: float | None = None
        """Since when (time.monotonic) the present batch is being written; None: idle."""

    def put(self, jobs: list[Job]) -> None:
        """Queue jobs behind all earlier ones."""
        self._jobs += jobs
        if self.busy_since is None:
            self._next()

    async def close(self) -> None:
        """Finish what is queued and close the log."""
        self._stop.set()
        if self.busy_since is not None and not self._broken:
            self._ended = self._loop.create_future()
            await self._ended
        if self._kernel is not None:
            self._kernel.close()
        await self._loop.run_in_executor(self._pool, self._wal.close)
        self._pool.shutdown()

    def _next(self) -> None:
        """Begin with what is queued."""
        jobs = self._jobs
        if not jobs or self._broken:
            return
        self._jobs = []
        self.busy_since = time.monotonic()
        try:
            if self._kernel is None or not self._write_here(jobs, self._kernel):
                self._hand_over(jobs)
        except (CoordsvcError, AssertionError, OSError) as error:
            self._fail(error)

    # By the kernel.

    def _write_here(self, jobs: list[Job], kernel: KernelSync) -> bool:
        """Write a batch that fits into the present segment; False if it is not such a batch."""
        size = 0
        writes = [job for job in jobs if type(job) is Write]
        if len(writes) < len(jobs):
            return False
        for write in writes:
            size += RECORD_ROOM_BYTES + len(write.payload)
        if size > self._wal.room_bytes:
            return False
        for write in writes:
            self._append(write)
        self._syncing = len(writes)
        self._started = time.perf_counter()
        try:
            descriptor = self._wal.write()
        except DiskFull:  # where files are copied on write, room may lack anywhere
            self._hand_over([], len(jobs))
            return True
        if not kernel.start(descriptor):
            raise DiskFailed("the kernel takes no more requests to sync the log")
        return True

    def _on_synced(self, error: int) -> None:
        try:
            self._wal.synced(error)
        except DiskFailed as failure:
            self._fail(failure)
            return
        self._done(self._syncing, time.perf_counter() - self._started)

    # By the thread.

    def _hand_over(self, jobs: list[Job], appended: int = 0) -> None:
        work = self._loop.run_in_executor(self._pool, self._carry_out, jobs, appended)
        work.add_done_callback(self._on_carried_out)

    def _carry_out(self, jobs: list[Job], appended: int) -> tuple[int, float]:
        """Do everything in `jobs`, with one sync; return (writes, seconds of the sync).

        So many writes are appended already, and wait for the sync only.
        """
        writes = appended
        for job in jobs:
            if isinstance(job, Write):
                self._until_there_is_room(partial(self._append, job))
                writes += 1
            elif isinstance(job, LogReset):
                self._until_there_is_room(partial(self._wal.reset, job.index))
            else:
                self._wal.drop_before(job)
        started = time.perf_counter()
        self._until_there_is_room(self._wal.sync)
        return writes, time.perf_counter() - started

    def _on_carried_out(self, work: asyncio.Future[tuple[int, float]]) -> None:
        error = work.exception()
        self._prepared = False
        if error is None:
            self._done(*work.result())
        elif isinstance(error, Exception):
            self._fail(error)

    def _append(self, write: Write) -> None:
        if write.hard_state is not None:
            self._wal.save_state(write.hard_state)
        if write.payload:
            self._wal.append(write.first, write.last, write.payload)

    def _until_there_is_room(self, do: Callable[[], None]) -> None:
        """A full disk harms nothing that is durable: wait for room and go on."""
        while True:
            try:
                do()
            except DiskFull:
                if self._stop.wait(FULL_PAUSE_S):
                    raise Fatal("stopped while the disk was full") from None
            else:
                return

    # Afterwards.

    def _done(self, writes: int, seconds: float) -> None:
        self.busy_since = None
        if writes:
            self._written(writes, seconds)
        if self._jobs and self.busy_since is None:
            self._next()
        if self._ended is not None and self.busy_since is None:
            self._end()
        if not self._prepared:
            self._maybe_prepare()

    def _end(self) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    # The next segment is prepared beside the writes to the present one: they share no file.

    def _maybe_prepare(self) -> None:
        if self._preparing or self._broken or self._stop.is_set():
            return
        self._prepared = self._wal.next_is_ready
        if not self._prepared and time.monotonic() >= self._prepare_from:
            self._preparing = True
            preparing = self._loop.run_in_executor(self._pool, self._prepare)
            preparing.add_done_callback(self._on_prepared)

    def _prepare(self) -> None:
        """Do a piece of it, so that it need not be waited for when the present one is full."""
        try:
            self._wal.prepare_next()
        except DiskFull:
            # The present segment may have room for much: its writes must not wait for more.
            self._prepare_from = time.monotonic() + FULL_PAUSE_S

    def _on_prepared(self, work: asyncio.Future[None]) -> None:
        self._preparing = False
        error = work.exception()
        if error is None:
            self._loop.call_later(PREPARE_PAUSE_S, self._maybe_prepare)
        elif isinstance(error, Exception):
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self._broken:
            return  # a batch and the next segment's piece may fail both; the first says why
        self._broken = True
        self._end()
        self._failed(error if isinstance(error, CoordsvcError) else Fatal(repr(error)))
