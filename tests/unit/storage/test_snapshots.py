"""The store: whole or absent, two kept, the older one when the newest is damaged."""

from __future__ import annotations

import random

import pytest

from coordsvc.base import limits
from coordsvc.base.errors import CorruptData, DiskFailed, DiskFull
from coordsvc.storage.snapshots import SnapshotStore
from tests.sim.disk import PowerLoss, SimFiles


def disk(seed=0):
    return SimFiles(random.Random(seed))


def written(store, index, term=1, chunks=(b"state", b"more")):
    writer = store.begin(index, term, b"extra %d" % index)
    for chunk in chunks:
        writer.write(chunk)
    return writer.commit()


def chunks_of(store, snapshot):
    reader = store.open_file(snapshot)
    try:
        return list(reader.chunks())
    finally:
        reader.close()


def raw_of(store, snapshot, piece=1000):
    reader = store.open_file(snapshot)
    return [reader.read(at, piece) for at in range(0, reader.size, piece)]


class Log:
    """A logger that remembers."""

    def __init__(self):
        self.events = []

    def error(self, event, **fields):
        self.events.append((event, fields))

    debug = info = warning = error


def test_an_empty_store_has_no_latest():
    store = SnapshotStore.open(disk())
    assert store.latest() is None
    assert store.bytes_on_disk == 0


def test_a_snapshot_is_read_as_it_was_written_also_after_a_crash():
    files = disk()
    snapshot = written(SnapshotStore.open(files), 10, 3, [b"a" * 5000, b"b"])
    files.crash()
    store = SnapshotStore.open(files)
    assert store.latest() == snapshot
    assert (snapshot.index, snapshot.term, snapshot.extra) == (10, 3, b"extra 10")
    assert chunks_of(store, snapshot) == [b"a" * 5000, b"b"]
    assert store.bytes_on_disk == snapshot.size == len(files.content_of(snapshot.name))


def test_only_the_newest_are_kept():
    files = disk()
    store = SnapshotStore.open(files)
    for index in (10, 20, 30):
        written(store, index)
    files.crash()
    assert len(files.names()) == limits.SNAPSHOTS_KEPT == 2
    latest = SnapshotStore.open(files).latest()
    assert latest is not None
    assert latest.index == 30


def test_the_same_snapshot_again_replaces_the_first():
    files = disk()
    store = SnapshotStore.open(files)
    written(store, 10, chunks=[b"old"])
    again = written(store, 10, chunks=[b"new"])
    assert len(files.names()) == 1
    assert chunks_of(store, again) == [b"new"]


def test_a_long_snapshot_is_synced_on_the_way_so_that_the_log_never_waits_long():
    files = disk()
    store = SnapshotStore.open(files)
    writer = store.begin(10, 1, b"")
    before = files.syncs
    for _ in range(9):
        writer.write(bytes(limits.MIB))
    assert files.syncs == before + 2


def test_a_draft_is_no_snapshot():
    files = disk()
    store = SnapshotStore.open(files)
    writer = store.begin(10, 1, b"")
    writer.write(b"x")
    assert store.latest() is None
    files.restart()
    assert SnapshotStore.open(files).latest() is None
    assert files.names() == []


def test_an_aborted_draft_leaves_nothing_and_can_begin_again():
    files = disk()
    store = SnapshotStore.open(files)
    store.begin(10, 1, b"").abort()
    assert files.names() == []
    store.begin(10, 1, b"")
    written(store, 10)
    assert len(files.names()) == 1


def test_a_damaged_newest_gives_way_to_the_older_one_and_is_told():
    files = disk()
    store = SnapshotStore.open(files)
    written(store, 10)
    newest = written(store, 20)
    files.flip_bit(newest.name, 50)
    log = Log()
    store = SnapshotStore.open(files, log)
    latest = store.latest()
    assert latest is not None
    assert latest.index == 10
    assert len(store.damaged) == 1
    assert f"sim:/{newest.name}: damaged at byte" in store.damaged[0]
    assert log.events[0][0] == "snapshot_damaged"
    written(store, 30)
    assert newest.name not in files.names()
    assert SnapshotStore.open(files).damaged == []


def test_a_snapshot_under_a_wrong_name_is_damaged():
    files = disk()
    snapshot = written(SnapshotStore.open(files), 10)
    files.rename(snapshot.name, snapshot.name.replace("10-", "11-"))
    store = SnapshotStore.open(files)
    assert store.latest() is None
    assert "another index" in store.damaged[0]


@pytest.mark.parametrize("part", ["header", "chunk", "trailer"])
def test_reading_a_file_that_is_damaged_later_ends_with_an_error(part):
    files = disk()
    store = SnapshotStore.open(files)
    snapshot = written(store, 10)
    behind = {"header": snapshot.size, "chunk": len(b"more") + 60, "trailer": 1}[part]
    files.flip_bit(snapshot.name, snapshot.size - behind)
    with pytest.raises(CorruptData, match=snapshot.name):
        chunks_of(store, snapshot)


def test_a_reader_goes_on_when_its_snapshot_is_pruned():
    files = disk()
    store = SnapshotStore.open(files)
    reader = store.open_file(written(store, 10))
    written(store, 20)
    written(store, 30)
    assert list(reader.chunks()) == [b"state", b"more"]


class TestReceiving:
    def test_the_bytes_of_a_peer_become_the_same_snapshot(self):
        source = SnapshotStore.open(disk())
        snapshot = written(source, 10, 4, [b"x" * 3000, b"y"])
        files = disk()
        store = SnapshotStore.open(files)
        receiver = store.receive(10, 4)
        for piece in raw_of(source, snapshot):
            receiver.write(piece)
        assert receiver.received == snapshot.size
        assert receiver.commit() == snapshot
        files.crash()
        store = SnapshotStore.open(files)
        assert store.latest() == snapshot
        assert chunks_of(store, snapshot) == [b"x" * 3000, b"y"]

    def test_damage_on_the_way_is_noticed_when_it_comes(self):
        source = SnapshotStore.open(disk())
        data = b"".join(raw_of(source, written(source, 10)))
        receiver = SnapshotStore.open(disk()).receive(10, 1)
        with pytest.raises(CorruptData, match="received from a peer: damaged at byte"):
            receiver.write(data[:60] + b"?" + data[61:])

    @pytest.mark.parametrize(("index", "term"), [(11, 1), (10, 2)])
    def test_another_snapshot_than_announced_is_refused_and_nothing_stays(self, index, term):
        source = SnapshotStore.open(disk())
        pieces = raw_of(source, written(source, 10, 1))
        files = disk()
        receiver = SnapshotStore.open(files).receive(index, term)
        for piece in pieces:
            receiver.write(piece)
        with pytest.raises(CorruptData, match="was announced"):
            receiver.commit()
        assert files.names() == []

    def test_a_part_is_not_committed(self):
        source = SnapshotStore.open(disk())
        data = b"".join(raw_of(source, written(source, 10)))
        files = disk()
        receiver = SnapshotStore.open(files).receive(10, 1)
        receiver.write(data[:-1])
        with pytest.raises(CorruptData, match="too early"):
            receiver.commit()
        assert files.names() == []

    def test_one_can_be_received_while_another_is_written(self):
        source = SnapshotStore.open(disk())
        pieces = raw_of(source, written(source, 10))
        files = disk()
        store = SnapshotStore.open(files)
        writer = store.begin(10, 1, b"own")
        receiver = store.receive(10, 1)
        writer.write(b"own")
        for piece in pieces:
            receiver.write(piece)
        receiver.commit()
        writer.abort()
        latest = store.latest()
        assert latest is not None
        assert chunks_of(store, latest) == [b"state", b"more"]

    def test_a_late_one_can_be_read_but_is_not_the_latest(self):
        source = SnapshotStore.open(disk())
        late = written(source, 5)
        store = SnapshotStore.open(disk())
        for index in (10, 20):
            written(store, index)
        receiver = store.receive(5, 1)
        for piece in raw_of(source, late):
            receiver.write(piece)
        assert chunks_of(store, receiver.commit()) == [b"state", b"more"]
        latest = store.latest()
        assert latest is not None
        assert latest.index == 20
        receiver = store.receive(5, 1)
        receiver.abort()


class TestFailures:
    def test_a_full_disk_at_the_beginning_leaves_nothing(self):
        files = disk()
        files.capacity = 10
        with pytest.raises(DiskFull):
            SnapshotStore.open(files).begin(10, 1, b"")
        assert files.names() == []

    def test_a_full_disk_stops_the_snapshot_only(self):
        files = disk()
        store = SnapshotStore.open(files)
        kept = written(store, 10)
        writer = store.begin(20, 1, b"")
        files.capacity = 0
        with pytest.raises(DiskFull):
            writer.write(b"x" * 100)
        writer.abort()
        assert files.names() == [kept.name]
        files.capacity = 10**6
        written(store, 20)

    def test_a_failed_sync_is_fatal_and_leaves_no_snapshot(self):
        files = disk()
        store = SnapshotStore.open(files)
        writer = store.begin(20, 1, b"")
        files.fail_syncs = True
        with pytest.raises(DiskFailed):
            writer.commit()
        files.fail_syncs = False
        files.restart()
        assert SnapshotStore.open(files).latest() is None

    def test_a_name_that_a_killed_process_left_is_durable_before_it_is_used(self):
        for seed in range(10):
            files = disk(seed)
            store = SnapshotStore.open(files)
            writer = store.begin(30, 1, b"")
            files.stop_at = files.steps + 4  # trailer, sync, rename; the name is not synced
            with pytest.raises(PowerLoss):
                writer.commit()
            files.restart()
            assert SnapshotStore.open(files).latest() is not None
            files.crash()
            assert SnapshotStore.open(files).latest() is not None

    @pytest.mark.parametrize("before", [(), (10,), (10, 20)])
    def test_a_crash_at_each_step_leaves_the_new_or_the_old(self, before):
        for step in range(1, 100):
            for seed in range(10):
                files = disk(seed)
                store = SnapshotStore.open(files)
                for index in before:
                    written(store, index)
                files.stop_at = files.steps + step
                try:
                    written(store, 30, chunks=[b"x" * 2000, b"y"])
                    finished = True
                except PowerLoss:
                    finished = False
                files.crash()
                store = SnapshotStore.open(files)
                assert store.damaged == []
                latest = store.latest()
                found = latest.index if latest else 0
                newest_before = before[-1] if before else 0
                assert found in ((30,) if finished else (newest_before, 30))
                if latest is not None:
                    assert chunks_of(store, latest)
                assert not [name for name in files.names() if name.endswith(".tmp")]
            if finished:
                break
        assert finished
        assert step > 5
