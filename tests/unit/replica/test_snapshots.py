"""A replica's snapshots: its own, those it sends, those it takes in."""

from types import SimpleNamespace

import pytest

from coordsvc.base import limits
from coordsvc.raft.messages import Membership, SnapshotMeta
from coordsvc.replica.compaction import Compaction, CompactionSettings
from coordsvc.replica.effects import Effects, ReadSnapshot, StoreChunk
from coordsvc.replica.messages import SnapshotAck, SnapshotChunk
from coordsvc.replica.snapshots import TRIM_EVERY, SnapshotTraffic
from coordsvc.replica.transfer import PATIENCE_MS

MEMBERS = Membership(("a", "b"))
META = SnapshotMeta(50, 1, MEMBERS)


class FakeRaft:
    term = 4
    first_index = 1

    def __init__(self):
        self.bytes_of_log = 0
        self.snapshot = SnapshotMeta(0, 0, MEMBERS)
        self.calls = []

    def snapshot_meta(self, index):
        return SnapshotMeta(index, 1, MEMBERS)

    def bytes_behind(self, index):
        return self.bytes_of_log

    def trim(self, through, *, entries, size):
        self.calls.append(("trim", through, entries, size))

    def compact(self, meta, through):
        self.snapshot = meta
        self.calls.append(("compact", meta.index, through))

    def snapshot_sent(self, peer, index, ok, now):
        self.calls.append(("sent", peer, index, ok))


@pytest.fixture
def raft():
    return FakeRaft()


@pytest.fixture
def traffic(raft):
    return SnapshotTraffic(raft, Compaction(CompactionSettings(10, 10, 20), 0))


@pytest.fixture
def effects():
    return Effects()


def test_a_durable_snapshot_lets_the_log_go_but_for_what_late_followers_need(
    traffic, raft, effects
):
    traffic.taken(META, 0, effects)
    assert raft.calls == [("compact", 50, 30)]
    assert effects.drop_log_before == 31


@pytest.mark.parametrize(
    ("size", "kept_from"), [(limits.LOG_BYTES_HELD_MAX, 51), (limits.LOG_BYTES_HELD_MAX + 1, 181)]
)
def test_what_follows_a_snapshot_that_is_on_its_way_is_kept_unless_it_is_very_much(
    traffic, raft, size, kept_from
):
    traffic.taken(META, 0, Effects())
    traffic.send_to("b", 0, Effects())
    read = ReadSnapshot("b", 0, 0)
    traffic.piece(read, META, total=100, data=b"x", now=0, effects=Effects())
    raft.bytes_of_log = size
    later = Effects()
    traffic.taken(SnapshotMeta(200, 1, MEMBERS), 0, later)
    assert later.drop_log_before == kept_from
    traffic.on_ack("b", SnapshotAck(50, 100), 0, Effects())
    after = Effects()
    traffic.taken(SnapshotMeta(300, 1, MEMBERS), 0, after)
    assert after.drop_log_before == 281


def test_one_that_a_newer_installed_one_overtook_drops_nothing(traffic, raft, effects):
    raft.snapshot = SnapshotMeta(60, 1, MEMBERS)
    traffic.taken(META, 0, effects)
    assert raft.calls == []
    assert effects.drop_log_before == 0


def test_a_whole_transfer(traffic, raft, effects):
    traffic.send_to("b", 0, effects)
    traffic.send_to("b", 0, effects)
    assert effects.read_snapshot == [ReadSnapshot("b", 0, 0)]
    traffic.piece(effects.read_snapshot[0], META, total=6, data=b"abc", now=0, effects=effects)
    assert effects.send == [("b", SnapshotChunk(4, META, 0, 6, b"abc"))]
    traffic.on_ack("b", SnapshotAck(50, 3), 1, effects)
    assert effects.read_snapshot[1:] == [ReadSnapshot("b", 50, 3)]
    traffic.on_ack("b", SnapshotAck(50, 6), 2, effects)
    assert raft.calls == [("sent", "b", 50, True)]
    traffic.on_ack("b", SnapshotAck(50, 6), 2, effects)
    assert len(raft.calls) == 1


def test_where_the_newest_snapshot_ends_before_the_entries_begin_another_is_taken_first(
    traffic, raft, effects
):
    raft.first_index = 40
    traffic.send_to("b", 0, effects)
    assert effects.read_snapshot == []
    assert traffic.compaction.is_due(5, 0, 1)
    traffic.compaction.started()
    traffic.compaction.failed(0)
    assert not traffic.compaction.is_due(5, 10_000, 1)
    traffic.stop_stalled(10_000)
    assert traffic.compaction.is_due(5, 10_000, 1), "who waits must not be forgotten"
    traffic.taken(META, 10_000, effects)
    assert effects.read_snapshot == [ReadSnapshot("b", 0, 0)]


@pytest.mark.parametrize("end", ["leader", "link"])
def test_who_is_gone_is_not_waited_for(traffic, raft, effects, end):
    raft.first_index = 40
    traffic.send_to("b", 0, effects)
    if end == "leader":
        traffic.follow()
    else:
        traffic.stop_sending("b", 0)
    traffic.taken(META, 0, effects)
    assert effects.read_snapshot == []


def test_entries_that_all_have_leave_the_memory(traffic, raft):
    traffic.trim(77)
    assert raft.calls == [("trim", 77, 20, limits.LOG_BYTES_KEPT_BEHIND)]


def shorten(traffic, revision, effects, now=0):
    machine = SimpleNamespace(revision=revision, tree=(), capture=list)
    return traffic.shorten(machine, now, False, effects)


def test_under_load_it_is_looked_at_again_a_few_entries_later(raft, effects):
    traffic = SnapshotTraffic(raft, Compaction(CompactionSettings(10_000, 10, 20), 0))
    assert traffic.look_at == 0
    assert not shorten(traffic, 77, effects)
    assert raft.calls == [("trim", 77, 20, limits.LOG_BYTES_KEPT_BEHIND)]
    assert traffic.look_at == 77 + TRIM_EVERY


def test_where_a_snapshot_will_be_due_it_is_looked_at(raft, effects):
    traffic = SnapshotTraffic(raft, Compaction(CompactionSettings(100, 1_000, 20), 0))
    assert not shorten(traffic, 77, effects)
    assert traffic.look_at == 100
    assert shorten(traffic, 100, effects)
    assert effects.take_snapshot.meta.index == 100
    assert traffic.look_at == 100 + TRIM_EVERY  # while it is being written no other can begin
    traffic.taken(META, 0, effects)
    assert traffic.look_at == 0


def test_a_transfer_is_given_up_and_told(traffic, raft, effects):
    traffic.stop_sending("b", 0)
    assert raft.calls == []
    traffic.send_to("b", 0, effects)
    traffic.stop_stalled(PATIENCE_MS)
    assert raft.calls == []
    traffic.stop_stalled(PATIENCE_MS + 1)
    assert raft.calls == [("sent", "b", 0, False)]
    traffic.piece(effects.read_snapshot[0], META, total=6, data=b"abc", now=0, effects=effects)
    assert effects.send == []


def test_who_does_not_lead_sends_none(traffic, raft, effects):
    traffic.send_to("b", 0, effects)
    traffic.follow()
    traffic.on_ack("b", SnapshotAck(50, 6), 2, effects)
    assert raft.calls == []


def test_pieces_are_stored_and_acknowledged(traffic, effects):
    chunk = SnapshotChunk(4, META, 0, 6, b"abc")
    traffic.on_chunk("a", chunk, effects)
    traffic.on_chunk("a", chunk, effects)
    assert effects.store_chunk == [StoreChunk("a", META, 0, 6, b"abc")]
    traffic.stored(effects.store_chunk[0], effects)
    assert effects.send == [("a", SnapshotAck(50, 3))]
    traffic.on_chunk("a", chunk, effects)
    assert effects.send[1:] == [("a", SnapshotAck(50, 3))], "go on from here"
