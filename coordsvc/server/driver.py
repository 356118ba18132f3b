"""Turns of one replica: gather inputs, take the effects once, carry them out.

The only place where the replica meets clock, disk and sockets. Everything that arrives in one
turn of the event loop is answered by one `take_effects`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from coordsvc.base.errors import CoordsvcError, CorruptData, DiskFull, Fatal, Refused
from coordsvc.base.ids import Index, Millis, NodeId
from coordsvc.base.ports import Logger
from coordsvc.base.vocabulary import codes
from coordsvc.replica.effects import Effects, ReadSnapshot, StoreChunk, TakeSnapshot
from coordsvc.replica.messages import PeerMessage
from coordsvc.replica.replica import Replica
from coordsvc.replica.vault import SnapshotGoneError, Vault
from coordsvc.server.counters import Counters
from coordsvc.server.disk import Job, LogWriter
from coordsvc.storage.snapshots import SnapshotFile, SnapshotReader, SnapshotWriter
from coordsvc.storage.wal import WriteAheadLog

SNAPSHOT_PAUSE_S = 0.002  # between slices of a snapshot, so that requests come in between
GATHERING_TURNS_MAX: Final = 8
"""So many turns in a row proposals may wait for more, if several clients are heard in each of them:
a batch costs each follower as much as twenty entries. With 64 clients of one request each it buys
5 % of the writes, with 1,000 some 10 %."""
BACKUP_POLL_S = 0.02  # how often to look whether the snapshot for a backup is there


def monotonic_ms() -> Millis:
    """Return the clock by which this process measures time."""
    return time.monotonic_ns() // 1_000_000


def wall_ms() -> Millis:
    """Return milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Sender(Protocol):
    """Where messages to other replicas go."""

    def send(self, batch: list[tuple[NodeId, PeerMessage]]) -> None:
        """Send in order; drop what has no link."""

    def members_changed(self) -> None:
        """Look again at who is to have a link."""


class Driver:
    """Runs one replica on the event loop."""

    def __init__(
        self,
        replica: Replica,
        wal: WriteAheadLog,
        vault: Vault,
        *,
        counters: Counters,
        log: Logger,
        on_fatal: Callable[[CoordsvcError], None],
    ) -> None:
        self.replica = replica
        self.counters = counters
        self.peers: Sender | None = None
        self.flush_clients: Callable[[], None] = lambda: None
        self._vault = vault
        self._log = log
        self._on_fatal = on_fatal
        self._loop = asyncio.get_running_loop()
        self._snapshots = ThreadPoolExecutor(1, thread_name_prefix="snapshots")
        self._tasks: set[asyncio.Task[None]] = set()
        self._scheduled = False
        self.heard = 0
        """How often clients have sent something since the last turn."""
        self._gathering_turns = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: Millis = 0
        self.stopped = False
        """Whether nothing more is to be done or answered."""
        self._disk = LogWriter(wal, written=self._on_written, failed=self.fail)

    # ------------------------------------------------------------------ turns

    def schedule(self) -> None:
        """Have a turn soon: after everything else that is ready in this turn of the loop."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def respond(self) -> None:
        """Send what may leave at once; have a turn soon, unless it would do nothing."""
        if self.stopped:
            return
        self._send_ahead()
        if not self._scheduled and not self.replica.is_quiet:
            self.schedule()

    def _send_ahead(self) -> None:
        messages = self.replica.take_messages()
        if messages and self.peers is not None:
            self.peers.send(messages)

    def _turn(self) -> None:
        self._scheduled = False
        if self.stopped:
            return
        try:
            self._take_turn(monotonic_ms())
        except Exception as error:  # noqa: BLE001 - what is half done must not be built on
            self.fail(error)

    def _take_turn(self, now: Millis) -> None:
        self._carry_out(self.replica.take_effects(now, wall_ms(), self._is_gathering()))
        if self.replica.catch_up(now):
            self.schedule()
        self.flush_clients()
        deadline = self.replica.deadline()
        if deadline <= now:
            self.replica.wake(now)  # the timer does not run while turn follows turn
            self.schedule()
        elif self._timer is None or deadline < self._timer_at:
            self._arm(deadline, now)

    def _is_gathering(self) -> bool:
        """Tell whether to let proposals gather in this turn: many clients are just asking."""
        gathering = self.heard > 1 and self._gathering_turns < GATHERING_TURNS_MAX
        self._gathering_turns = self._gathering_turns + 1 if gathering else 0
        self.heard = 0
        return gathering

    def _arm(self, deadline: Millis, now: Millis) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self._loop.call_later((deadline - now) / 1000, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now = monotonic_ms()
        self.counters.loop_late(now - self._timer_at)
        deadline = self.replica.deadline()
        if deadline > now:  # what was due then is done already
            self._arm(deadline, now)
            return
        try:
            self.replica.wake(now)
        except Exception as error:  # noqa: BLE001 - as in a turn
            self.fail(error)
        self._turn()

    def _carry_out(self, effects: Effects) -> None:
        if self.peers is not None:
            if effects.send:
                self.peers.send(effects.send)
            if effects.members_changed:
                self.peers.members_changed()
        jobs: list[Job] = [*effects.writes]
        if effects.drop_log_before:
            jobs.append(effects.drop_log_before)
        if jobs:
            self._disk.put(jobs)
        if effects.take_snapshot is not None:
            self._start(self._take_snapshot(effects.take_snapshot))
        for read in effects.read_snapshot:
            self._start(self._read_snapshot(read))
        for chunk in effects.store_chunk:
            self._start(self._store_chunk(chunk))

    # ------------------------------------------------------------------ disk

    @property
    def log_busy_s(self) -> float:
        """For how long the log has been at the present batch; 0 if it is idle."""
        since = self._disk.busy_since
        return 0.0 if since is None else time.monotonic() - since

    def _on_written(self, count: int, seconds: float) -> None:
        if self.stopped:
            return
        self.counters.synced(seconds)
        now = monotonic_ms()
        turn_is_due = False
        try:
            for _ in range(count):
                turn_is_due = self.replica.persisted(now) or turn_is_due
        except Exception as error:  # noqa: BLE001 - as in a turn
            self.fail(error)
            return
        self._send_ahead()
        if turn_is_due:
            self.schedule()

    def fail(self, error: Exception) -> None:
        """Nothing that was promised may be built on what is left: stop at once."""
        self.stopped = True
        fatal = error if isinstance(error, CoordsvcError) else Fatal(repr(error))
        self._log.error("this replica stops", reason=str(fatal), exc_info=error)
        self._on_fatal(fatal)

    # ------------------------------------------------------------------ snapshots

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error if isinstance(error, Exception) else Fatal(repr(error)))

    async def _take_snapshot(self, job: TakeSnapshot) -> None:
        run = self._loop.run_in_executor
        started = time.perf_counter()
        writer: SnapshotWriter | None = None
        try:
            writer = await run(
                self._snapshots, lambda: self._vault.begin(job.meta, version=job.capture.version)
            )
            while (chunk := job.capture.next_chunk()) is not None:
                await run(self._snapshots, writer.write, chunk)
                await asyncio.sleep(SNAPSHOT_PAUSE_S)
            file = await run(self._snapshots, writer.commit)
        except DiskFull as error:
            job.capture.abandon()
            if writer is not None:
                await run(self._snapshots, writer.abort)
            self._log.warning("no room for a snapshot", reason=str(error))
            self.replica.snapshots.compaction.failed(monotonic_ms())
            return
        self.counters.snapshot_taken(time.perf_counter() - started, file.size)
        self._log.info("snapshot taken", index=job.meta.index, bytes=file.size)
        self.replica.snapshot_taken(job.meta)
        self.schedule()

    async def backup(self, revision: Index) -> tuple[SnapshotFile, SnapshotReader]:
        """Return a snapshot of at least `revision`; take one if there is none yet.

        Raises:
            Refused: there is no room for it.

        """
        compaction = self.replica.snapshots.compaction
        failures = compaction.failures
        while compaction.last < revision:
            if compaction.failures > failures:
                raise Refused(codes.DISK_FULL, "there is no room for a snapshot on this node")
            if not compaction.running:
                compaction.ask()
                self.schedule()
            await asyncio.sleep(BACKUP_POLL_S)
        return await self._loop.run_in_executor(self._snapshots, self._vault.open_latest)

    async def _read_snapshot(self, wanted: ReadSnapshot) -> None:
        now = monotonic_ms
        try:
            meta, total, data = await self._loop.run_in_executor(
                self._snapshots, self._vault.read, wanted
            )
        except SnapshotGoneError:
            self.replica.snapshots.stop_sending(wanted.peer, now())
        else:
            self.replica.snapshot_piece(wanted, meta, total=total, data=data, now=now())
        self.schedule()

    async def _store_chunk(self, chunk: StoreChunk) -> None:
        try:
            machine = await self._loop.run_in_executor(self._snapshots, self._vault.store, chunk)
        except (CorruptData, DiskFull) as error:
            self._log.warning("a snapshot could not be stored", reason=str(error))
            self.replica.chunk_failed(chunk)
        else:
            if machine is None:
                self.replica.chunk_stored(chunk)
            else:
                self.replica.snapshot_installed(chunk, machine, monotonic_ms())
                self._log.info("snapshot installed", index=chunk.meta.index, peer=chunk.peer)
        self.schedule()

    # ------------------------------------------------------------------ the end

    async def close(self) -> None:
        """Finish the log's work and stop. Call when nothing comes in any more."""
        self.stopped = True
        if self._timer is not None:
            self._timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._disk.close()
        self._snapshots.shutdown(wait=True)
