"""The thread that appends and syncs: disk work in the order given, off the event loop.

Writes that wait together share one sync (group commit). A failure of the disk is final: nothing
after it is acknowledged, and the process ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final, TypeAlias

from coordsvc.base.errors import CoordsvcError, DiskFull, Fatal
from coordsvc.replica.effects import LogReset, Write
from coordsvc.storage.wal import WriteAheadLog

Job: TypeAlias = Write | LogReset | int
"""An int: drop the log before this index."""

FULL_PAUSE_S: Final = 0.5  # between two attempts to write to a full disk


class LogThread:
    """Owns the write-ahead log.

    `written(count, seconds)` and `failed(error)` run on the thread: hand them on with
    `call_soon_threadsafe`.
    """

    def __init__(
        self,
        wal: WriteAheadLog,
        *,
        written: Callable[[int, float], None],
        failed: Callable[[CoordsvcError], None],
    ) -> None:
        self._wal = wal
        self._written = written
        self._failed = failed
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._stop = threading.Event()
        self.busy_since: float | None = None
        """Since when (time.monotonic) the present batch is being written; None: idle."""
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Queue a job behind all earlier ones."""
        self._jobs.put(job)

    def close(self) -> None:
        """Finish what is queued, close the log, end the thread."""
        self._stop.set()
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        except (Fatal, AssertionError, OSError) as error:
            cause = error if isinstance(error, CoordsvcError) else Fatal(repr(error))
            self._failed(cause)
        finally:
            self._wal.close()

    def _turn(self) -> bool:
        """Do everything that is queued, with one sync."""
        jobs = self._jobs
        batch: list[Job] = []
        job = jobs.get()
        while job is not None:
            batch.append(job)
            if jobs.empty():
                break
            job = jobs.get()
        self.busy_since = time.monotonic()
        writes = self._carry_out(batch)
        if writes:
            started = time.perf_counter()
            self._wal.sync()
            self._written(writes, time.perf_counter() - started)
        self.busy_since = None
        while jobs.empty() and not self._stop.is_set() and self._prepare():
            pass
        return job is not None

    def _carry_out(self, batch: list[Job]) -> int:
        writes = 0
        for job in batch:
            if isinstance(job, Write):
                self._until_there_is_room(self._append, job)
                writes += 1
            elif isinstance(job, LogReset):
                self._until_there_is_room(self._reset, job)
            else:
                self._wal.drop_before(job)
        return writes

    def _append(self, write: Write) -> None:
        if write.hard_state is not None:
            self._wal.save_state(write.hard_state)
        if write.payload:
            self._wal.append(write.first, write.last, write.payload)

    def _reset(self, reset: LogReset) -> None:
        self._wal.reset(reset.index)

    def _until_there_is_room(self, do: Callable[..., None], job: Job) -> None:  # type: ignore[explicit-any]
        """A full disk harms nothing that is durable: wait for room and go on."""
        while True:
            try:
                do(job)
            except DiskFull:
                if self._stop.wait(FULL_PAUSE_S):
                    raise Fatal("stopped while the disk was full") from None
            else:
                return

    def _prepare(self) -> bool:
        try:
            return self._wal.prepare_next()
        except DiskFull:
            return False
