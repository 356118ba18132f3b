"""From a backup file to a data folder."""

from __future__ import annotations

import pytest

from coordsvc.base.errors import CorruptData, SetupError
from coordsvc.base.vocabulary import ops
from coordsvc.offline.restore import read_backup, restore
from coordsvc.raft.messages import Membership, SnapshotMeta
from coordsvc.replica.codec import decode_hard_state, encode_meta, internal_command
from coordsvc.replica.recover import recover
from coordsvc.replica.vault import Vault
from coordsvc.state.machine import StateMachine
from coordsvc.storage.layout import DataFolder
from coordsvc.storage.snapshot_format import Encoder, SnapshotHead
from coordsvc.storage.snapshots import SnapshotStore
from coordsvc.storage.wal import WriteAheadLog


def write(place, *, revision_said=3, extra=None):
    machine = StateMachine()
    for index in (1, 2, 3):
        machine.apply(
            index,
            1_000 + index,
            internal_command(ops.CREATE, index, f"/n{index}", b"x", 0, False, False, 0, []),
        )
    meta = SnapshotMeta(revision_said, 2, Membership(("old",)), 1_003)
    encoder, capture = Encoder(), machine.capture()
    parts = [encoder.header(SnapshotHead(meta.index, 2, extra or encode_meta(meta)))]
    while (chunk := capture.next_chunk()) is not None:
        parts.append(encoder.chunk(chunk))
    place.write_bytes(b"".join([*parts, encoder.trailer()]))
    return place


@pytest.fixture
def place(tmp_path):
    return write(tmp_path / "b.snap")


def restored(place, folder, node="n1"):
    return restore(
        read_backup(place), folder, cluster="new", node=node, voters=["n2", "n1"], bump=1_000_000
    )


def opened(path):
    folder = DataFolder.open(path, cluster="new", node="n1")
    wal = WriteAheadLog.open(folder.log, salt=folder.identity.salt)
    assert wal.last_index == 1_000_003, "the log begins behind the snapshot"
    state = decode_hard_state(wal.recovered.state)
    found = recover(wal, Vault(SnapshotStore.open(folder.snapshots)), Membership(()))
    return folder, wal, state, found


def test_a_node_starts_from_what_was_restored(place, tmp_path):
    done = restored(place, tmp_path / "d")
    assert (done.revision, done.revision_of_backup, done.nodes) == (1_000_003, 3, 4)
    folder, wal, state, found = opened(tmp_path / "d")
    assert found.machine.revision == found.raft.snapshot.index == 1_000_003
    assert found.machine.tree.nodes["/n2"].data == b"x"
    assert found.raft.snapshot.membership == Membership(("n1", "n2"))
    assert state.term == found.raft.snapshot.term > 2
    wal.append(1_000_004, 1_000_004, b"next")  # the log goes on right behind the snapshot
    wal.close()
    folder.close()


def test_every_node_starts_with_the_same_state(place, tmp_path):
    machines = []
    for node in ("a", "b"):
        restored(place, tmp_path / node)
        folder, wal, _, found = opened(tmp_path / node)
        machines.append(found.machine)
        wal.close()
        folder.close()
    assert machines[0].digest == machines[1].digest


def test_a_folder_with_something_in_it_is_refused(place, tmp_path):
    restored(place, tmp_path / "d")
    with pytest.raises(SetupError, match="is a data folder already"):
        restored(place, tmp_path / "d")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine").touch()
    with pytest.raises(SetupError, match="not empty"):
        restored(place, tmp_path / "other")


def test_a_restore_that_was_cut_short_is_not_opened_as_a_node(place, tmp_path, monkeypatch):
    monkeypatch.setattr(WriteAheadLog, "save_state", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        restored(place, tmp_path / "d")
    with pytest.raises(SetupError, match="not empty"):
        DataFolder.open(tmp_path / "d", cluster="new", node="n1")


@pytest.mark.parametrize("cut", [1, 50, 200])
def test_a_backup_that_is_cut_short_is_refused(place, cut):
    place.write_bytes(place.read_bytes()[:-cut])
    with pytest.raises(CorruptData, match="ends too early"):
        read_backup(place)


def test_every_byte_of_a_backup_counts(place):
    whole = place.read_bytes()
    for at in range(0, len(whole), 7):
        place.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(CorruptData):
            read_backup(place)


def test_a_backup_that_contradicts_itself_is_refused(tmp_path):
    with pytest.raises(CorruptData, match="holds 3"):
        read_backup(write(tmp_path / "b", revision_said=4))
    with pytest.raises(CorruptData, match="not the description"):
        read_backup(write(tmp_path / "b", extra=b"\x90"))


def test_a_file_that_cannot_be_read_is_for_the_operator_to_mend(tmp_path):
    with pytest.raises(SetupError, match="cannot be read"):
        read_backup(tmp_path / "none")
