"""LogDisk: the log thread of a simulated server: jobs in order, one sync for all that wait."""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol, TypeAlias

from coordsvc.base.errors import CoordsvcError, DiskFailed, DiskFull
from coordsvc.replica.effects import LogReset, Write
from coordsvc.storage.wal import WriteAheadLog
from tests.sim.world import MS, Micros, Process

Job: TypeAlias = Write | LogReset | int
"""An int: drop the log before this index."""

FULL_PAUSE: Final[Micros] = 500 * MS


class SyncTimes(Protocol):
    """How long syncs take."""

    def sync_time(self) -> Micros:
        """Return how long the next one takes."""


class Owner(Protocol):
    """Whose log it is."""

    process: Process

    @property
    def machine(self) -> SyncTimes:
        """The machine with the disk."""

    def written(self, count: int) -> None:
        """So many writes are durable."""

    def fail(self, error: CoordsvcError) -> None:
        """The disk has failed."""


class LogDisk:
    """Carries out what `coordsvc.server.disk` does, in virtual time."""

    def __init__(self, wal: WriteAheadLog, owner: Owner) -> None:
        self.wal = self._wal = wal
        self._owner = owner
        self._waiting: deque[Job] = deque()
        self._batch: deque[Job] = deque()
        self._writes = 0
        self._busy = False

    def put(self, job: Job) -> None:
        """Queue a job behind all earlier ones."""
        self._waiting.append(job)
        if not self._busy:
            self._begin()

    def interrupt(self) -> None:
        """Begin with what is under way; the power will fail in the middle, or has not yet."""
        while self._batch:
            self._do_next()
        if self._writes:
            self._wal.sync()

    def finish(self) -> None:
        """Do everything that is queued, and close the log."""
        self._batch += self._waiting
        while self._batch:
            self._do_next()
        self._wal.close()

    def _begin(self) -> None:
        self._busy = True
        self._batch, self._waiting = self._waiting, deque()
        self._owner.process.after(self._owner.machine.sync_time(), self._carry_out)

    def _carry_out(self) -> None:
        try:
            while self._batch:
                self._do_next()
            if self._writes:
                self._wal.sync()
        except DiskFull:
            self._owner.process.after(FULL_PAUSE, self._carry_out)
            return
        except DiskFailed as error:
            self._owner.fail(error)
            return
        if self._writes:
            self._owner.written(self._writes)
        self._writes = 0
        self._busy = False
        if self._waiting:
            self._begin()
        else:
            self._prepare()

    def _do_next(self) -> None:
        job = self._batch[0]
        if isinstance(job, Write):
            if job.hard_state is not None:
                self._wal.save_state(job.hard_state)
            if job.payload:
                self._wal.append(job.first, job.last, job.payload)
            self._writes += 1
        elif isinstance(job, LogReset):
            self._wal.reset(job.index)
        else:
            self._wal.drop_before(job)
        self._batch.popleft()

    def _prepare(self) -> None:
        try:
            self._wal.prepare_next()
        except DiskFull:
            pass
        except DiskFailed as error:
            self._owner.fail(error)
