"""Replicas in memory: their effects are carried out by hand, their disks are simulated."""

import random
from collections import deque
from dataclasses import replace

import msgpack
import pytest

from coordsvc.base.ports import SilentLogger
from coordsvc.base.vocabulary import ops
from coordsvc.protocols.peer import codec
from coordsvc.raft.messages import MemberInfo, Membership
from coordsvc.raft.node import RaftSettings
from coordsvc.replica.codec import command_prefix
from coordsvc.replica.compaction import CompactionSettings
from coordsvc.replica.effects import LogReset, Write
from coordsvc.replica.recover import recover
from coordsvc.replica.replica import Replica, ReplicaSettings
from coordsvc.replica.vault import SnapshotGoneError, Vault
from coordsvc.storage.snapshots import SnapshotStore
from coordsvc.storage.wal import WriteAheadLog
from tests.sim.disk import SimFiles

WALL = 1_700_000_000_000
PASSWORD = b"password"


class FakeClient:
    """A client's conversation that writes down what it is told."""

    def __init__(self, replica):
        self.replica = replica
        self.session = 0
        self.pending = {}
        self.told = []
        self.answers = {}
        self.closed = False
        self.serial = 0
        replica.connect(self)

    # What the replica calls.

    def welcomed(self, session, password, timeout_ms):
        self.session = session
        self.told.append(("welcomed", session, timeout_ms))

    def rejected(self, code, text):
        if not self.closed:
            self.closed = True
            self.told.append(("rejected", code))
            self.replica.disconnect(self)

    def decided(self, applied):
        self.told.append(("decided", applied.serial, applied.code, applied.revision))
        assert applied.serial not in self.answers, "answered twice"
        self.answers[applied.serial] = applied

    def refused(self, serial, code, text):
        self.told.append(("refused", serial, code))

    def read_refused(self, serial, code, text):
        self.told.append(("read_refused", serial, code))

    def serve(self, read):
        if not self.closed:
            self.told.append(("served", read() if callable(read) else read, self.replica.applied))

    def notify(self, watch_id, event):
        self.told.append(("event", watch_id, event.kind, event.path, event.revision))

    def watch_lost(self, watch_id, code, revision):
        self.told.append(("watch_lost", watch_id, code, revision))

    def lock_changed(self, change, revision):
        self.told.append(("lock", change.path, change.request, change.state, change.token))

    def leader_changed(self, leader, term):
        self.told.append(("leader", leader, term))

    # What tests do with it.

    def open(self, timeout_ms=10_000):
        self.replica.open_session(self, PASSWORD, timeout_ms, "test", "10.0.0.1:9")
        return self

    def do(self, op, *arguments, serial=None, floor=None):
        self.serial = serial = self.serial + 1 if serial is None else serial
        request = [op, serial, serial if floor is None else floor, *arguments]
        command = command_prefix(self.session) + msgpack.packb(request)
        self.replica.submit(self, serial, command)
        return serial

    def put(self, path, data=b"", **options):
        return self.do(ops.PUT, path, data, True, [], **options)

    def read(self, read, *, now, consistency=ops.LINEARIZABLE, min_revision=0, serial=900):
        self.replica.read(
            self, serial, read, consistency=consistency, min_revision=min_revision, now=now
        )

    def of(self, kind):
        return [each for each in self.told if each[0] == kind]


class Member:
    """One replica with its disk; a crash loses what was not synced."""

    def __init__(self, cluster, name, members, settings, seed, number=0):
        self.cluster = cluster
        self.name = name
        self.membership = Membership(tuple(sorted(members)))
        own = MemberInfo(name, number, f"{name}:2281", f"{name}:2181", f"{name}:8181")
        self.settings = replace(settings, own=own) if number else settings
        self.log_files = SimFiles(random.Random(f"log {name} {seed}"))
        self.snapshot_files = SimFiles(random.Random(f"snapshots {name} {seed}"))
        self.chance = random.Random(f"raft {name} {seed}")
        self.slow_disk = False
        self.hold_chunks = False
        self.wall_skew_ms = 0
        self.boot()

    def boot(self):
        self.jobs = deque()
        self.chunks = deque()
        self.done = []
        self.wal = WriteAheadLog.open(
            self.log_files, segment_bytes=65_536, first_segment_bytes=65_536
        )
        self.vault = Vault(SnapshotStore.open(self.snapshot_files))
        self.replica = Replica(
            self.name,
            self.settings,
            recover(self.wal, self.vault, self.membership),
            chance=self.chance,
            log=SilentLogger(),
            now=self.cluster.now,
        )

    def crash(self):
        self.log_files.crash()
        self.snapshot_files.crash()

    def turn(self):
        """Take the effects of one turn and carry them out; tell whether there were any."""
        now = self.cluster.now
        quiet = self.replica.is_quiet and now < self.replica.deadline()
        effects = self.replica.take_effects(now, WALL + now + self.wall_skew_ms)
        assert not (quiet and effects), "a turn would have been spared that is needed"
        for peer, message in effects.send:
            self.cluster.send(self.name, peer, message, self.replica.encoder)
        self.jobs += effects.writes
        if effects.drop_log_before:
            self.jobs.append(effects.drop_log_before)
        if effects.take_snapshot is not None:
            self.take_snapshot(effects.take_snapshot)
        for wanted in effects.read_snapshot:
            try:
                meta, total, data = self.vault.read(wanted)
            except SnapshotGoneError:
                self.replica.snapshots.stop_sending(wanted.peer, now)
            else:
                self.replica.snapshot_piece(wanted, meta, total=total, data=data, now=now)
        self.chunks += effects.store_chunk
        if not self.hold_chunks:
            self.store_chunks()
        applied = self.replica.applied
        again = self.replica.catch_up(now)
        assert not (quiet and (again or self.replica.applied > applied))
        synced = not self.slow_disk and self.sync()
        return bool(
            again
            or synced
            or effects.send
            or effects.writes
            or effects.drop_log_before
            or effects.take_snapshot
            or effects.read_snapshot
            or effects.store_chunk
            or self.replica.deadline() <= 0
        )

    def sync(self):
        """Do all disk work that waits, with one sync; tell whether there was any."""
        if not self.jobs:
            return False
        writes = 0
        while self.jobs:
            job = self.jobs.popleft()
            if isinstance(job, Write):
                if job.hard_state is not None:
                    self.wal.save_state(job.hard_state)
                if job.payload:
                    self.wal.append(job.first, job.last, job.payload)
                writes += 1
            elif isinstance(job, LogReset):
                self.wal.reset(job.index)
            else:
                self.wal.drop_before(job)
        self.wal.sync()
        for _ in range(writes):
            self.replica.persisted(self.cluster.now)
        return True

    def take_snapshot(self, job):
        writer = self.vault.begin(job.meta)
        while (chunk := job.capture.next_chunk()) is not None:
            writer.write(chunk)
        writer.commit()
        self.replica.snapshot_taken(job.meta)

    def store_chunks(self):
        while self.chunks:
            chunk = self.chunks.popleft()
            machine = self.vault.store(chunk)
            if machine is None:
                self.replica.chunk_stored(chunk)
            else:
                self.replica.snapshot_installed(chunk, machine, self.cluster.now)


class Cluster:
    """Some members and the links between them. Time moves only when told to."""

    def __init__(
        self, names="abc", *, entries=1_000_000, per_node=0, kept=0, seed=1, start=True, known=False
    ):
        self.now = 1_000
        self.queues = {}
        self.cut_pairs = set()
        self.held = set()
        self.sent = []
        self.known = known  # members tell one another where they are, and who
        self.numbers = 0
        self.settings = settings = ReplicaSettings(
            RaftSettings(heartbeat_ms=100, election_ms=1_000),
            CompactionSettings(entries=entries, entries_kept=kept, entries_per_node=per_node),
        )
        self.members = {}
        self.down = set()
        for name in names:
            self.members[name] = Member(self, name, names, settings, seed, self.next_number())
        for one in names:
            for other in names:
                if one != other:
                    self.link(one, other)
        if start:
            self.elect()

    def next_number(self):
        """Return the number of a new data folder."""
        self.numbers += self.known
        return self.numbers

    def join(self, name):
        """Start a member with an empty folder that waits to be added."""
        self.down.discard(name)
        self.members[name] = Member(self, name, (), self.settings, 1, self.next_number())
        self.rejoin(name)

    def wipe(self, name, members="abc"):
        """Start a member again, as at the very first time."""
        self.stop(name)
        self.members[name] = Member(self, name, members, self.settings, 1, self.next_number())
        self.down.discard(name)
        self.rejoin(name)

    def link(self, one, other):
        """Tell `one` of a link to `other`, which has greeted."""
        gate = self[other].members.gate
        self[one].link_made(other, self.now, gate.greeting() if self.known else None)

    def __getitem__(self, name):
        return self.members[name].replica

    def up(self):
        return [each for each in self.members.values() if each.name not in self.down]

    def elect(self):
        for _ in range(200):
            self.advance(50)
            if any(m.replica.leading and m.replica.applied for m in self.up()):
                self.advance(200)
                return
        raise AssertionError("no leader")

    @property
    def leader(self):
        return next(m.name for m in self.up() if m.replica.leading)

    @property
    def followers(self):
        leader = self.leader
        return [m.name for m in self.up() if m.name != leader]

    def client(self, at, timeout_ms=10_000):
        client = FakeClient(self[at]).open(timeout_ms)
        self.settle()
        assert client.session, client.told
        return client

    # Links.

    def send(self, sender, receiver, message, encoder):
        if receiver in self.members and frozenset({sender, receiver}) not in self.cut_pairs:
            self.sent.append((sender, receiver, message))
            data = codec.encode(message, encoder)
            self.queues.setdefault((sender, receiver), deque()).append(data[4:])

    def hold(self, sender, receiver):
        """What is sent that way stays on its way."""
        self.held.add((sender, receiver))

    def release(self, sender, receiver):
        self.held.discard((sender, receiver))

    def cut(self, one, other):
        self.cut_pairs.add(frozenset({one, other}))
        for a, b in ((one, other), (other, one)):
            self.queues.pop((a, b), None)
            if a not in self.down:
                self[a].link_lost(b, self.now)

    def heal(self, one, other):
        self.cut_pairs.discard(frozenset({one, other}))
        for a, b in ((one, other), (other, one)):
            if a in self.down:
                continue
            refusal = self[b].members.gate.refusal_of(self[a].members.gate.greeting())
            if self.known and refusal is not None:
                self[a].receive(b, refusal, self.now)
                self.cut_pairs.add(frozenset({one, other}))
            else:
                self.link(a, b)

    def isolate(self, name):
        for other in self.members:
            if other != name:
                self.cut(name, other)

    def rejoin(self, name):
        for other in self.members:
            if other != name and other not in self.down:
                self.heal(name, other)

    def stop(self, name):
        self.down.add(name)
        self.isolate(name)

    def start(self, name):
        self.members[name].boot()
        self.down.discard(name)
        self.rejoin(name)

    # Time.

    def deliver(self):
        found = False
        for (sender, receiver), queue in list(self.queues.items()):
            if receiver in self.down or (sender, receiver) in self.held:
                continue
            while queue:
                found = True
                self[receiver].receive(sender, codec.decode(queue.popleft()), self.now)
        return found

    def settle(self):
        """Do everything that needs no time to pass."""
        for _ in range(10_000):
            busy = [member.turn() for member in self.up()]
            if not self.deliver() and not any(busy):
                return
        raise AssertionError("never quiet")

    def advance(self, ms):
        end = self.now + ms
        self.settle()
        while self.now < end:
            due = min(m.replica.deadline() for m in self.up())
            self.now = max(self.now + 1, min(due, end))
            for member in self.up():
                if member.replica.deadline() <= self.now:
                    member.replica.wake(self.now)
            self.settle()


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def make_cluster():
    return Cluster


@pytest.fixture
def make_client():
    return FakeClient
