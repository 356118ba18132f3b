"""Turns of a replica on the event loop."""

import asyncio
import random

import pytest

from coordsvc.base.errors import CorruptData
from coordsvc.base.ports import SilentLogger
from coordsvc.base.vocabulary import ops
from coordsvc.raft.messages import Membership, SnapshotMeta
from coordsvc.replica.codec import internal_command
from coordsvc.replica.compaction import Compaction, CompactionSettings
from coordsvc.replica.effects import Effects, ReadSnapshot, StoreChunk, TakeSnapshot, Write
from coordsvc.replica.vault import Vault
from coordsvc.server.counters import Counters
from coordsvc.server.driver import GATHERING_TURNS_MAX, Driver, monotonic_ms
from coordsvc.state.machine import StateMachine
from coordsvc.storage.os_files import OsFiles
from coordsvc.storage.snapshots import SnapshotStore
from coordsvc.storage.wal import WriteAheadLog
from tests.sim.disk import SimFiles

META = SnapshotMeta(1, 1, Membership(("a",)))
NEVER = 2**60


def effects_of(**fields):
    effects = Effects()
    for name, value in fields.items():
        setattr(effects, name, value)
    return effects


class ScriptedReplica:
    """Gives out the effects a test put in, and writes down what it is told."""

    def __init__(self):
        self.effects = []
        self.told = []
        self.due = NEVER
        self.error = None
        self.turns = 0
        self.gathered = []
        self.is_quiet = False
        self.messages = []

        class Traffic:
            compaction = Compaction(CompactionSettings(), 0)
            stop_sending = staticmethod(lambda peer, now: self.told.append("stop_sending"))

        self.snapshots = Traffic()

    def take_effects(self, now, wall_ms, gathering):
        self.turns += 1
        self.gathered.append(gathering)
        if self.error is not None:
            raise self.error
        return self.effects.pop(0) if self.effects else Effects()

    def catch_up(self, now):
        return False

    def deadline(self):
        return self.due

    def wake(self, now):
        self.told.append("wake")
        self.due = NEVER

    def persisted(self, now):
        self.told.append("persisted")
        return not self.is_quiet

    def take_messages(self):
        taken, self.messages = self.messages, []
        return taken

    def __getattr__(self, name):
        if not name.startswith(("snapshot_", "chunk_")):
            raise AttributeError(name)
        return lambda *args, **kwargs: self.told.append(name)


class Stand:
    def __init__(self, folder):
        self.replica = ScriptedReplica()
        self.fatal = []
        self.snapshot_files = SimFiles(random.Random(1))
        self.driver = Driver(
            self.replica,
            WriteAheadLog.open(OsFiles(folder)),
            Vault(SnapshotStore.open(self.snapshot_files)),
            counters=Counters(),
            log=SilentLogger(),
            on_fatal=self.fatal.append,
        )

    def do(self, effects=None):
        if effects is not None:
            self.replica.effects.append(effects)
        self.driver.schedule()

    async def until(self, what):
        async with asyncio.timeout(5):
            while not what():
                await asyncio.sleep(0.001)


@pytest.fixture
async def stand(tmp_path):
    stand = Stand(tmp_path)
    yield stand
    await stand.driver.close()


async def test_many_inputs_share_a_turn(stand):
    for _ in range(5):
        stand.do()
    await asyncio.sleep(0.01)
    assert stand.replica.turns == 1


async def test_proposals_gather_while_many_are_heard_turn_by_turn_but_not_for_long(stand):
    for heard in (2, 1, *[3] * (GATHERING_TURNS_MAX + 2)):
        stand.driver.heard = heard
        stand.do()
        await asyncio.sleep(0.001)
    many = [True] * GATHERING_TURNS_MAX
    assert stand.replica.gathered == [True, False, *many, False, True]


async def test_what_is_written_is_told(stand):
    stand.do(effects_of(writes=[Write(b"state", 0, 0, b""), Write(None, 1, 1, b"x")]))
    await stand.until(lambda: stand.replica.told == ["persisted", "persisted"])
    assert stand.driver.counters.sync_seconds.count == 1


async def test_a_promise_leaves_when_its_write_is_durable_without_a_turn(stand):
    sent = []

    class Peers:
        def send(self, batch):
            assert stand.replica.told == ["persisted"], "not before"
            sent.extend(batch)

    stand.driver.peers = Peers()
    stand.replica.messages = [("b", "acknowledged")]
    stand.replica.is_quiet = True
    stand.do(effects_of(writes=[Write(None, 1, 1, b"x")]))
    await stand.until(lambda: sent)
    await asyncio.sleep(0.01)
    assert sent == [("b", "acknowledged")]
    assert stand.replica.turns == 1, "the one that asked for the write"


async def test_what_a_durable_write_leads_to_is_done_in_a_turn(stand):
    stand.do(effects_of(writes=[Write(None, 1, 1, b"x")]))
    await stand.until(lambda: stand.replica.turns == 2)


async def test_a_turn_that_would_do_nothing_is_spared(stand):
    stand.replica.is_quiet = True
    stand.driver.respond()
    await asyncio.sleep(0.01)
    assert stand.replica.turns == 0
    stand.replica.is_quiet = False
    stand.driver.respond()
    stand.driver.respond()
    await asyncio.sleep(0.01)
    assert stand.replica.turns == 1


async def test_messages_go_to_the_peers(stand):
    sent = []

    class Peers:
        def send(self, batch):
            sent.extend(batch)

    stand.do(effects_of(send=[("b", "dropped, there are no links yet")]))
    await asyncio.sleep(0.01)
    stand.driver.peers = Peers()
    stand.do(effects_of(send=[("b", "message")]))
    await stand.until(lambda: sent == [("b", "message")])


async def test_it_wakes_the_replica_in_time(stand):
    stand.replica.due = monotonic_ms() + 60_000
    stand.do()
    await asyncio.sleep(0.005)
    assert stand.replica.told == []
    stand.replica.due = monotonic_ms() + 5
    stand.do()
    await stand.until(lambda: stand.replica.told == ["wake"])


async def test_what_is_overdue_is_done_although_turn_follows_turn(stand):
    """Or a long catch-up ends in turns for ever, and not one heartbeat."""
    stand.replica.due = 0
    stand.do()
    await stand.until(lambda: "wake" in stand.replica.told)


@pytest.mark.parametrize("error", [AssertionError("rule"), CorruptData("bits"), KeyError("bug")])
async def test_a_turn_that_breaks_off_stops_the_node(stand, error):
    stand.replica.error = error
    stand.do()
    await stand.until(lambda: stand.fatal)
    turns = stand.replica.turns
    stand.do()
    await asyncio.sleep(0.01)
    assert stand.replica.turns == turns, "nothing is built on what is left"


async def test_a_node_that_has_stopped_answers_no_peer_either(stand):
    sent = []

    class Peers:
        def send(self, batch):
            sent.extend(batch)

    stand.driver.peers = Peers()
    stand.driver.fail(AssertionError("a rule was broken while a message was taken in"))
    stand.replica.messages = [("b", "the answer to a heartbeat")]
    stand.driver.respond()
    await asyncio.sleep(0.01)
    assert sent == []


@pytest.mark.parametrize("error", [AssertionError("no write was under way"), KeyError("bug")])
@pytest.mark.parametrize("what", ["persisted", "wake"])
async def test_what_breaks_off_outside_of_a_turn_stops_the_node_too(stand, what, error):
    def broken(now):
        raise error

    setattr(stand.replica, what, broken)
    stand.do(effects_of(writes=[Write(b"state", 0, 0, b"")]))
    stand.replica.due = monotonic_ms() + 20
    await stand.until(lambda: stand.fatal)


async def test_a_snapshot_is_taken_and_told(stand):
    machine = StateMachine()
    machine.skip(1, 0)
    stand.do(effects_of(take_snapshot=TakeSnapshot(META, machine.capture())))
    await stand.until(lambda: stand.replica.told == ["snapshot_taken"])
    assert stand.driver.counters.snapshots_taken == 1
    stand.do(effects_of(read_snapshot=[ReadSnapshot("b", 0, 0), ReadSnapshot("b", 9, 0)]))
    await stand.until(lambda: len(stand.replica.told) == 3)
    assert stand.replica.told[1:] == ["snapshot_piece", "stop_sending"]
    stand.replica.snapshots.compaction.taken(1)
    file, reader = await stand.driver.backup(1)
    assert file.index == 1
    reader.close()


async def test_a_snapshot_without_room_is_told_and_not_fatal(stand):
    stand.snapshot_files.capacity = 0
    machine = StateMachine()
    stand.do(effects_of(take_snapshot=TakeSnapshot(META, machine.capture())))
    await stand.until(lambda: stand.replica.snapshots.compaction.failures == 1)
    assert stand.fatal == []


@pytest.mark.parametrize("capacity", range(100, 400, 50))
async def test_a_snapshot_for_which_room_runs_out_takes_none(stand, capacity):
    """What is left of it would keep the disk full, and the next attempt leaves more."""
    stand.snapshot_files.capacity = capacity
    machine = StateMachine()
    command = internal_command(ops.OPEN_SESSION, 1, b"secret12", 1_000, "n" * 200, "")
    machine.apply(1, 5, command)
    stand.do(effects_of(take_snapshot=TakeSnapshot(META, machine.capture())))
    compaction = stand.replica.snapshots.compaction
    await stand.until(lambda: compaction.failures == 1 or stand.replica.told)
    assert stand.fatal == []
    assert [name.rpartition(".")[2] for name in stand.snapshot_files.names()] in ([], ["snap"])


async def test_a_failing_disk_under_a_snapshot_is_fatal(stand):
    stand.snapshot_files.fail_syncs = True
    machine = StateMachine()
    stand.do(effects_of(take_snapshot=TakeSnapshot(META, machine.capture())))
    await stand.until(lambda: stand.fatal)


async def test_pieces_of_a_snapshot_are_stored_or_refused(stand):
    stand.do(effects_of(store_chunk=[StoreChunk("b", META, 7, 100, b"does not join")]))
    await stand.until(lambda: stand.replica.told == ["chunk_failed"])
    assert stand.fatal == []
