"""From what is on disk to a replica's beginnings."""

import random

import pytest

from coordsvc.base.errors import CorruptData
from coordsvc.raft.messages import NOOP, Entry, HardState, Membership, SnapshotMeta
from coordsvc.replica.codec import EntryEncoder, encode_hard_state
from coordsvc.replica.recover import recover
from coordsvc.replica.vault import Vault
from coordsvc.state.machine import StateMachine
from coordsvc.storage.snapshots import SnapshotStore
from coordsvc.storage.wal import WriteAheadLog
from tests.sim.disk import SimFiles

MEMBERS = Membership(("a", "b", "c"))


class Disk:
    def __init__(self):
        self.log = SimFiles(random.Random(1))
        self.snapshots = SimFiles(random.Random(2))
        self.wal = self.open()

    def open(self):
        return WriteAheadLog.open(self.log, segment_bytes=4_096, first_segment_bytes=4_096)

    def entries(self, first, *terms):
        run = [Entry(term, NOOP, 0, b"") for term in terms]
        self.wal.append(first, first + len(run) - 1, EntryEncoder().encode(run))
        self.wal.sync()

    def snapshot(self, index, term, revision=None):
        machine = StateMachine()
        for at in range(1, (revision or index) + 1):
            machine.skip(at, 0)
        writer = Vault(SnapshotStore.open(self.snapshots)).begin(SnapshotMeta(index, term, MEMBERS))
        capture = machine.capture()
        while (chunk := capture.next_chunk()) is not None:
            writer.write(chunk)
        writer.commit()

    def recover(self):
        self.log.crash()
        self.snapshots.crash()
        self.wal = self.open()
        return recover(self.wal, Vault(SnapshotStore.open(self.snapshots)), MEMBERS)


@pytest.fixture
def disk():
    return Disk()


def test_a_new_node_starts_from_nothing(disk):
    found = disk.recover()
    assert found.raft.hard_state == HardState(0, None)
    assert found.raft.snapshot == SnapshotMeta(0, 0, MEMBERS)
    assert (found.raft.entries, found.machine.revision) == ([], 0)


def test_term_vote_and_entries_behind_the_snapshot_come_back(disk):
    disk.wal.save_state(encode_hard_state(HardState(3, "b")))
    disk.entries(1, 1, 2, 3, 3)
    disk.snapshot(2, 2)
    found = disk.recover()
    assert found.raft.hard_state == HardState(3, "b")
    assert [entry.term for entry in found.raft.entries] == [3, 3]
    assert found.machine.revision == 2
    assert disk.wal.recovered.records == [], "not held twice"


@pytest.mark.parametrize("terms", [(1, 1), (1, 1, 1, 1, 1), (1, 1, 1, 1, 1, 1, 1)])
def test_a_log_that_an_installed_snapshot_overtook_is_emptied(disk, terms):
    """Or what is acknowledged next would be thrown away at the start after the next."""
    disk.entries(1, *terms)
    disk.snapshot(5, 2)
    assert disk.recover().raft.entries == []
    disk.entries(6, 2, 2)
    assert [entry.term for entry in disk.recover().raft.entries] == [2, 2]


def test_a_log_that_was_reset_behind_a_lost_snapshot_is_damage(disk):
    """The node acknowledged what the snapshot held; going on without it would be amnesia."""
    disk.snapshot(5, 2)
    disk.entries(1, 1)
    disk.wal.reset(9)
    with pytest.raises(CorruptData, match="missing"):
        disk.recover()


def test_a_snapshot_that_holds_another_revision_is_damage(disk):
    disk.snapshot(5, 2, revision=4)
    with pytest.raises(CorruptData, match="revision 4"):
        disk.recover()
