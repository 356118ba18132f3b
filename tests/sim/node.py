"""SimServer: a server, the real code on a simulated disk, and its connections.

The turns are those of `coordsvc.server.driver`: everything that happens at one instant is input,
then the effects are taken once and carried out. Sends leave at once, writes go to the disk in
their order and share a sync, snapshots are worked on beside that.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from coordsvc.base.errors import CoordsvcError, CorruptData, DiskFailed, DiskFull
from coordsvc.base.ids import Millis, NodeId
from coordsvc.base.vocabulary import codes
from coordsvc.protocols.native.conversation import NativeConversation
from coordsvc.protocols.native.hall import Hall
from coordsvc.raft.messages import MemberInfo, Membership
from coordsvc.replica.effects import Effects, ReadSnapshot, StoreChunk, TakeSnapshot
from coordsvc.replica.recover import recover
from coordsvc.replica.replica import Recovered, Replica, ReplicaSettings
from coordsvc.replica.vault import SnapshotGoneError, Vault
from coordsvc.state.queries import Pages
from coordsvc.storage.snapshots import SnapshotStore, SnapshotWriter
from coordsvc.storage.wal import WriteAheadLog
from tests.sim.disk import PowerLoss
from tests.sim.log_disk import LogDisk
from tests.sim.machine import Machine
from tests.sim.network import SimNetwork, Stream, StreamHandler
from tests.sim.observer import Observer
from tests.sim.peer_links import PeerLinks
from tests.sim.tampering import Tampering
from tests.sim.world import MS, SECOND, Micros, Process, Timer, World

CLUSTER: Final = "simulated"
CLIENT_PORT: Final = 2181
LOOK: Final[Micros] = SECOND
CHUNK_PAUSE: Final[Micros] = 2 * MS
HAND_OVER: Final[Micros] = 2 * SECOND
HAND_OVER_POLL: Final[Micros] = 10 * MS
START_AGAIN: Final[Micros] = SECOND
"""A server that cannot start, for its disk does not let it, tries again after so long."""
TOLD_PER_TURN: Final = 2
"""Few, so that events often wait for a later turn."""
GATHERS_EACH: Final = 2
"""In every such turn proposals of many wait for the next."""
LOOKED_AT_EACH: Final = 4
"""Of the turns that a node spares itself, how often one is taken to see that nothing was missed."""


@dataclass(slots=True)
class NodeSettings:
    """What is the same on all servers of a run."""

    members: tuple[NodeId, ...]
    replica: ReplicaSettings
    session_timeout_ms_min: Millis
    session_timeout_ms_max: Millis
    segment_bytes: int
    outbox_bytes_max: int
    learners: tuple[NodeId, ...] = ()
    """Those of the members that have no vote."""

    @property
    def bootstrap(self) -> Membership:
        """The membership that a new cluster begins with."""
        voters = tuple(name for name in self.members if name not in self.learners)
        return Membership(voters, (), self.learners)


def is_server(host: str) -> bool:
    """Tell the hosts of servers, n1, n2, ..., from those of clients."""
    return host[:1] == "n" and host[1:].isdigit()


def info_of(name: NodeId, number: int = 0, *, joins: bool = False) -> MemberInfo:
    """Return what is said of a simulated server."""
    return MemberInfo(name, number, f"{name}:2281", f"{name}:2181", f"{name}:8181", joins)


class SimLogger:
    """A Logger that writes into the trace of the run."""

    def __init__(self, world: World, source: str) -> None:
        self._world = world
        self._source = source

    def debug(self, event: str, **fields: object) -> None:
        """Drop it: the trace would be full of it."""

    def info(self, event: str, **fields: object) -> None:
        """Trace it."""
        what = " ".join(f"{name}={value}" for name, value in fields.items())
        self._world.trace(self._source, f"{event} {what}")

    warning = error = info


@dataclass(slots=True)
class Port:
    """The connections of clients to one server."""

    hall: Hall
    connections: dict[NativeConversation, ClientStream] = field(default_factory=dict)


class SimServer:
    """One incarnation of a server, from start to crash or stop."""

    def __init__(
        self,
        machine: Machine,
        settings: NodeSettings,
        network: SimNetwork,
        tampering: Tampering,
        observer: Observer,
        on_end: Callable[[SimServer, str], None],
    ) -> None:
        """Recover what is on disk and open the doors.

        Raises:
            CoordsvcError: the disk does not let us, or holds what it must not hold.

        """
        world = network.world
        self.machine = machine
        self.name = machine.name
        self.settings = settings
        self.network = network
        self.tampering = tampering
        self.observer = observer
        self.stopping = False
        self._on_end = on_end
        self._scheduled = False
        self._spared = 0
        self._turns = 0
        self._timer: Timer | None = None
        self._timer_at: Millis = 0
        self.process = Process(world, self.name)
        machine.boots += 1
        self.log = SimLogger(world, self.name)
        if machine.condemned:
            raise CorruptData("the operator has condemned it")
        machine.look_for_damage()
        wal = WriteAheadLog.open(
            machine.log,
            salt=machine.salt,
            segment_bytes=settings.segment_bytes,
            first_segment_bytes=settings.segment_bytes,
        )
        self.vault = Vault(SnapshotStore.open(machine.snapshots, self.log))
        joins = self.name not in settings.members
        recovered = recover(wal, self.vault, Membership(()) if joins else settings.bootstrap)
        machine.check_damage()
        self.replica = self._made_replica(recovered)
        self.disk = LogDisk(wal, self)
        self.links = PeerLinks(self)
        self.port = Port(
            Hall(
                self.replica,
                Pages(),
                [],
                lambda node: f"{node}:{CLIENT_PORT}" if node else "",
                CLUSTER,
                settings.session_timeout_ms_min,
                settings.session_timeout_ms_max,
            )
        )
        network.listen(self.name, self.process, self._accept)
        self.links.start()
        self._measure()
        self.schedule()

    def _made_replica(self, recovered: Recovered) -> Replica:
        replica = Replica(
            self.name,
            replace(self.settings.replica, own=info_of(self.name, self.machine.number)),
            recovered,
            chance=self.network.world.stream(f"replica {self.name} {self.machine.boots}"),
            log=self.log,
            now=self.now_ms(),
        )
        self.observer.restarted(self.name, recovered)
        self.observer.observe(self.name, replica)
        self.log.info("started", revision=replica.applied, entries=len(recovered.raft.entries))
        return replica

    def now_ms(self) -> Millis:
        """Return what this machine's monotonic clock shows."""
        return self.machine.clock.now_ms()

    def _accept(self, stream: Stream) -> StreamHandler:
        if is_server(stream.remote):
            return self.links.accept(stream)
        return ClientStream(self, stream)

    def _measure(self) -> None:
        """Look how much room is left, as `coordsvc.server.disk_room` does."""
        self.replica.measured(self.machine.log.free_bytes())
        self.schedule()
        self.process.after(LOOK, self._measure)

    # Turns.

    def schedule(self) -> None:
        """Have a turn after everything else that is ready at this instant."""
        if not self._scheduled:
            self._scheduled = True
            self.process.after(0, self.turn)

    def respond(self) -> None:
        """Send what may leave at once, and have a turn soon unless it would do nothing."""
        self._send_ahead()
        if self._scheduled:
            return
        if self.replica.is_quiet:
            self._spare_a_turn()
        else:
            self.schedule()

    def _send_ahead(self) -> None:
        messages = self.replica.take_messages()
        if messages:
            self.links.send(messages)

    def _spare_a_turn(self) -> None:
        """Take none; now and then see that it would do nothing."""
        self._spared += 1
        if self._spared % LOOKED_AT_EACH == 0:
            self._see_that_nothing_is_to_do()

    def _see_that_nothing_is_to_do(self) -> None:
        now, replica = self.now_ms(), self.replica
        deadline = replica.deadline()
        assert self._timer is not None, "nobody would wake it"
        assert self._timer_at <= deadline, "it would be woken too late"
        if now < deadline:  # else what is due comes with the timer
            applied = replica.applied
            effects = replica.take_effects(now, self.machine.clock.wall_ms())
            assert not effects, f"{self.name} was to spare itself a turn with effects"
            assert not replica.catch_up(now)
            assert replica.applied == applied

    def turn(self) -> None:
        """Take the effects of all inputs and carry them out."""
        self._scheduled = False
        now = self.now_ms()
        self._turns += 1
        gathering = self._turns % GATHERS_EACH == 0
        effects = self.replica.take_effects(now, self.machine.clock.wall_ms(), gathering)
        self.observer.turned(self.name, self.replica, effects)
        self._carry_out(effects)
        if self.replica.catch_up(now):
            self.schedule()
        self._flush_clients()
        deadline = self.replica.deadline()
        if deadline <= now:
            self.replica.wake(now)  # the timer does not run while turn follows turn
            self.schedule()
        elif self._timer is None or deadline < self._timer_at:
            self._arm(deadline)

    def _arm(self, deadline: Millis) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        delay = self.machine.clock.delay_until_ms(deadline)
        self._timer = self.process.after(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.replica.wake(self.now_ms())
        self.turn()

    def _carry_out(self, effects: Effects) -> None:
        if effects.send:
            self.links.send(effects.send)
        if effects.members_changed:
            self.links.members_changed()
        for write in effects.writes:
            self.disk.put(write)
        if effects.drop_log_before:
            self.disk.put(effects.drop_log_before)
        if effects.take_snapshot is not None:
            self._begin_snapshot(effects.take_snapshot)
        for read in effects.read_snapshot:
            self._soon(lambda read=read: self._read_snapshot(read))
        for chunk in effects.store_chunk:
            self._soon(lambda chunk=chunk: self._store_chunk(chunk))

    def written(self, count: int) -> None:
        """So many writes are durable. For the disk."""
        now = self.now_ms()
        was_quiet = self.replica.is_quiet  # what was held back before is not the sync's to ask for
        for _ in range(count):
            if self.replica.persisted(now):
                self.schedule()
        self._send_ahead()
        if was_quiet and not self._scheduled:
            self._spare_a_turn()

    # Snapshots.

    def _soon(self, work: Callable[[], None], pause: Micros = 0) -> None:
        """Do a piece of work of the snapshot thread, when it gets to that."""

        def worked() -> None:
            try:
                work()
            except DiskFailed as error:
                self.fail(error)

        self.process.after(pause + self.machine.sync_time(), worked)

    def _begin_snapshot(self, job: TakeSnapshot) -> None:
        def begin() -> None:
            try:
                writer = self.vault.begin(job.meta)
            except DiskFull:
                self._no_room(job)
            else:
                self._soon(lambda: self._write_chunk(job, writer), CHUNK_PAUSE)

        self._soon(begin)

    def _write_chunk(self, job: TakeSnapshot, writer: SnapshotWriter) -> None:
        chunk = job.capture.next_chunk()
        try:
            if chunk is not None:
                writer.write(chunk)
            else:
                writer.commit()
        except DiskFull:
            self._no_room(job)
            return
        if chunk is not None:
            self._soon(lambda: self._write_chunk(job, writer), CHUNK_PAUSE)
            return
        self.log.info("snapshot taken", index=job.meta.index)
        self.observer.snapshots_taken += 1
        self.replica.snapshot_taken(job.meta)
        self.schedule()

    def _no_room(self, job: TakeSnapshot) -> None:
        self.log.warning("no room for a snapshot")
        job.capture.abandon()
        self.replica.snapshots.compaction.failed(self.now_ms())

    def _read_snapshot(self, wanted: ReadSnapshot) -> None:
        try:
            meta, total, data = self.vault.read(wanted)
        except SnapshotGoneError:
            self.replica.snapshots.stop_sending(wanted.peer, self.now_ms())
        else:
            self.replica.snapshot_piece(wanted, meta, total=total, data=data, now=self.now_ms())
        self.schedule()

    def _store_chunk(self, chunk: StoreChunk) -> None:
        if self._scheduled:
            self.turn()  # or the observer could not tell what the log held at this point
        try:
            machine = self.vault.store(chunk)
        except (CorruptData, DiskFull) as error:
            self.log.warning("a snapshot could not be stored", reason=str(error))
            self.replica.chunk_failed(chunk)
        else:
            if machine is None:
                self.replica.chunk_stored(chunk)
            else:
                before = self.replica.machine
                self.replica.snapshot_installed(chunk, machine, self.now_ms())
                if self.replica.machine is not before:
                    self.log.info("snapshot installed", index=chunk.meta.index)
                    self.observer.installed(self.name, self.replica, chunk.meta)
        self.schedule()

    # Clients.

    def _flush_clients(self) -> None:
        port = self.port
        dirty, port.hall.dirty = port.hall.dirty, []
        told = port.hall.told
        some = [told.popleft() for _ in range(min(TOLD_PER_TURN, len(told)))]
        for conversation in some:
            conversation.told = False
        for conversation in dirty + some:
            stream = port.connections.get(conversation)
            if stream is not None:
                stream.flush()
        if told:
            self.schedule()

    # The end.

    def fail(self, error: CoordsvcError) -> None:
        """Stop at once: nothing that was promised may be built on what is left."""
        self.log.error("this replica stops", reason=str(error))
        self.end(machine=False, why=str(error))

    def end(self, *, machine: bool, why: str) -> None:
        """End the process, or the whole machine, in the middle of whatever it does."""
        self.process.kill()
        self._interrupt()
        if machine:
            self.machine.lose_power()
        else:
            self.machine.end_process()
        self.network.drop_host(self.name, silent=machine)
        self._on_end(self, why)

    def _interrupt(self) -> None:
        """Let the disk get any part done of what it was doing."""
        files = self.machine.log
        if self.machine.chance.randrange(2):
            files.stop_at = files.steps + self.machine.chance.randint(1, 6)
            with suppress(PowerLoss, CoordsvcError):
                self.disk.interrupt()

    def stop(self) -> None:
        """Hand over, say goodbye, finish the log, end: as on SIGTERM."""
        self.stopping = self.replica.stopping = True
        self.replica.hand_over(self.now_ms())
        self.schedule()
        self._poll_hand_over(self.network.world.now + HAND_OVER)

    def _poll_hand_over(self, until: Micros) -> None:
        if self.replica.leading and self.network.world.now < until:
            self.process.after(HAND_OVER_POLL, lambda: self._poll_hand_over(until))
            return
        self.replica.desk.send_away(codes.STOPPING, "this server is stopping")
        self.turn()
        for stream in list(self.port.connections.values()):
            stream.close()
        self.process.after(0, self._close)

    def _close(self) -> None:
        self.process.kill()
        try:
            self.disk.finish()
        except CoordsvcError as error:
            self.log.warning("the log could not be finished", reason=str(error))
        self.machine.end_process()
        self.network.drop_host(self.name, silent=False)
        self._on_end(self, "stopped")


class ClientStream:
    """A connection of a client: bytes to its conversation and back."""

    def __init__(self, server: SimServer, stream: Stream) -> None:
        self._server = server
        self._stream = stream
        self._congested = False
        self._conversation = NativeConversation(server.port.hall, stream.remote)
        server.port.connections[self._conversation] = self

    def opened(self) -> None:
        """The accepting side has nothing to wait for."""

    def received(self, data: bytes) -> None:
        """Hand bytes to the conversation; answers leave at the end of the turn."""
        self._conversation.receive_data(data, self._server.now_ms())
        self._server.schedule()

    def closed(self, reason: str) -> None:
        """End the conversation."""
        self._server.port.connections.pop(self._conversation, None)
        self._conversation.lost()
        self._server.schedule()

    def flush(self) -> None:
        """Send what has gathered; tell the conversation whether the client keeps up."""
        self._stream.write(self._conversation.data_to_send())
        if self._conversation.closed:
            self._stream.close()
            return
        if not self._congested and self._is_behind():
            self._congested = True
            self._conversation.congested(True)
            self._poll()

    def _is_behind(self) -> bool:
        return self._stream.unsent_bytes() > self._server.settings.outbox_bytes_max

    def _poll(self) -> None:
        if self._is_behind() and self._stream.is_open:
            self._server.process.after(10 * MS, self._poll)
            return
        self._congested = False
        self._conversation.congested(False)

    def close(self) -> None:
        """Close when everything is sent."""
        self._stream.close()
