"""Snapshots between a replica and its store, on a simulated disk."""

import random

import pytest

from coordsvc.base import limits
from coordsvc.base.errors import CorruptData, DiskFull
from coordsvc.base.vocabulary import ops
from coordsvc.raft.messages import Membership, SnapshotMeta
from coordsvc.replica.codec import internal_command, names_in
from coordsvc.replica.effects import ReadSnapshot, StoreChunk
from coordsvc.replica.vault import SnapshotGoneError, Vault
from coordsvc.state.machine import StateMachine
from coordsvc.storage.snapshots import SnapshotStore
from tests.sim.disk import SimFiles


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(limits, "SNAPSHOT_CHUNK_BYTES", 50)


@pytest.fixture
def files():
    return SimFiles(random.Random(1))


def vault_on(files, cluster=""):
    return Vault(SnapshotStore.open(files), cluster)


def state(revision):
    machine = StateMachine()
    for index in range(1, revision + 1):
        command = internal_command(ops.OPEN_SESSION, index, b"secret12", 1_000, "n" * 40, "")
        machine.apply(index, 5, command)
    return machine


def meta_of(machine):
    return SnapshotMeta(machine.revision, 3, Membership(("a", "b")), 5)


def take(vault, machine):
    writer = vault.begin(meta_of(machine))
    capture = machine.capture()
    while (chunk := capture.next_chunk()) is not None:
        writer.write(chunk)
    writer.commit()


def send(vault, receiver, wanted=0):
    offset, restored = 0, None
    while restored is None:
        meta, total, data = vault.read(ReadSnapshot("b", wanted, offset))
        restored = receiver.store(StoreChunk("a", meta, offset, total, data))
        offset += len(data)
    return restored


def test_a_new_folder_holds_none(files):
    vault = vault_on(files)
    assert vault.latest() is None
    for ask in (vault.open_latest, lambda: vault.read(ReadSnapshot("b", 0, 0))):
        with pytest.raises(SnapshotGoneError):
            ask()


def test_what_was_written_is_restored(files):
    machine = state(6)
    take(vault_on(files), machine)
    files.crash()
    vault = vault_on(files)
    meta, restored = vault.latest()
    assert meta == meta_of(machine)
    assert (restored.revision, restored.digest) == (6, machine.digest)
    file, reader = vault.open_latest()
    assert (file.index, reader.size) == (6, file.size)
    reader.close()


def test_a_snapshot_arrives_in_pieces(files):
    vault, machine = vault_on(files), state(6)
    take(vault, machine)
    theirs = SimFiles(random.Random(2))
    restored = send(vault, vault_on(theirs))
    assert restored.digest == machine.digest
    theirs.crash()
    assert vault_on(theirs).latest()[0] == meta_of(machine), "it was durable"


def test_a_piece_of_another_snapshot_is_not_to_be_had(files):
    vault = vault_on(files)
    take(vault, state(4))
    with pytest.raises(SnapshotGoneError):
        vault.read(ReadSnapshot("b", 3, 0))


def test_pieces_that_do_not_join_are_refused(files):
    vault = vault_on(files)
    meta = meta_of(state(1))
    with pytest.raises(CorruptData):
        vault.store(StoreChunk("a", meta, 10, 100, b"x"))


def test_a_damaged_snapshot_is_refused_and_leaves_nothing(files):
    vault = vault_on(files)
    take(vault, state(4))
    meta, total, data = vault.read(ReadSnapshot("b", 0, 0))
    theirs = SimFiles(random.Random(2))
    receiver = vault_on(theirs)
    bad = bytes([data[0] ^ 1]) + data[1:]
    with pytest.raises(CorruptData):
        receiver.store(StoreChunk("a", meta, 0, total, bad))
        for offset in range(len(data), total, 50):
            piece = vault.read(ReadSnapshot("b", 0, offset))[2]
            receiver.store(StoreChunk("a", meta, offset, total, piece))
    assert send(vault, receiver).revision == 4, "starting over works"


def test_a_new_transfer_takes_the_place_of_an_unfinished_one(files):
    vault = vault_on(files)
    take(vault, state(4))
    theirs = SimFiles(random.Random(2))
    receiver = vault_on(theirs)
    meta, total, data = vault.read(ReadSnapshot("b", 0, 0))
    assert receiver.store(StoreChunk("a", meta, 0, total, data)) is None
    assert send(vault, receiver).revision == 4
    receiver.store(StoreChunk("a", meta, 0, total, data))
    receiver.abandon()
    receiver.abandon()
    assert [name for name in theirs.names() if name.endswith(".tmp")] == []


def test_newer_snapshots_do_not_take_away_what_a_slow_peer_is_being_sent(files):
    vault = vault_on(files)
    take(vault, state(3))
    meta, total, data = vault.read(ReadSnapshot("b", 0, 0))
    for revision in (4, 5, 6):
        take(vault, state(revision))
    while len(data) < total:
        again, _, piece = vault.read(ReadSnapshot("b", meta.index, len(data)))
        assert again == meta
        data += piece
    other = vault_on(SimFiles(random.Random(2)))
    machine = other.store(StoreChunk("a", meta, 0, total, data))
    assert machine is not None
    assert machine.revision == 3
    with pytest.raises(SnapshotGoneError):
        vault.read(ReadSnapshot("b", meta.index, 0))
    assert vault.read(ReadSnapshot("b", 0, 0))[0].index == 6


def test_the_names_of_the_cluster_go_with_its_snapshots(files):
    vault = vault_on(files, "now")
    vault.formerly = ("before",)
    take(vault, state(3))
    again = vault_on(files, "now")
    assert again.formerly == ("before",), "also after a restart"
    joining = vault_on(SimFiles(random.Random(2)), "now")
    send(again, joining)
    assert joining.formerly == ("before",), "a member that joins learns of them"
    assert vault_on(files, "another").formerly == (), "they are no other cluster's"


def test_a_snapshot_of_the_first_version_has_no_names(files):
    vault = vault_on(files, "now")
    machine = state(1)
    vault.begin(meta_of(machine), version=1).commit()
    assert names_in(SnapshotStore.open(files).latest().extra) == ()
    vault.begin(meta_of(state(2)), version=2).commit()
    assert names_in(SnapshotStore.open(files).latest().extra) == ("now",)


def test_a_snapshot_received_for_which_room_runs_out_takes_none(files):
    """It is begun anew later; until then the room is the log's."""
    sender = vault_on(SimFiles(random.Random(2)))
    take(sender, state(10))
    receiver = vault_on(files)
    files.capacity = 120
    with pytest.raises(DiskFull):
        send(sender, receiver)
    assert files.names() == []
    files.capacity = 10**6
    assert send(sender, receiver).revision == 10
