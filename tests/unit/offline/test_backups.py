"""Backups as files: whole, durable, checked; or not there."""

from __future__ import annotations

import msgpack
import pytest

from coordsvc.base.errors import CorruptData, SetupError, VersionUnknown
from coordsvc.base.vocabulary import ops
from coordsvc.offline import backups
from coordsvc.offline.backups import Download, contents_of
from coordsvc.raft.messages import Membership, SnapshotMeta
from coordsvc.replica.codec import encode_meta, internal_command
from coordsvc.state import image, versions
from coordsvc.state.machine import StateMachine
from coordsvc.storage.snapshot_format import Encoder, SnapshotHead


def filled(names="abc"):
    machine = StateMachine()
    for index, name in enumerate(names, 1):
        create = [ops.CREATE, f"/{name}", b"x", 0, False, False, 0, []]
        machine.apply(index, 1_000 + index, internal_command(create[0], index, *create[1:]))
    return machine


def backup_of(machine, *, said=None, cluster="home"):
    meta = SnapshotMeta(said or machine.revision, 2, Membership(("n1", "n2"), (), ("n3",)), 1_003)
    encoder, capture = Encoder(), machine.capture()
    parts = [
        encoder.header(
            SnapshotHead(meta.index, 2, encode_meta(meta, (cluster,) if cluster else ()))
        )
    ]
    while (chunk := capture.next_chunk()) is not None:
        parts.append(encoder.chunk(chunk))
    return b"".join([*parts, encoder.trailer()])


@pytest.fixture
def data():
    return backup_of(filled())


@pytest.fixture
def place(tmp_path):
    return tmp_path / "b.snap"


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def save(place, data, *, replace=False, pieces=7):
    with Download(place, replace=replace) as target:
        for at in range(0, len(data), pieces):
            target.write(data[at : at + pieces])
        return target.finish()


def test_a_backup_is_there_when_it_is_finished_and_not_before(place, data):
    with Download(place, replace=False) as target:
        target.write(data)
        assert not place.exists()
        assert target.finish().index == 3
    assert place.read_bytes() == data
    assert names(place.parent) == ["b.snap"]


@pytest.mark.parametrize("cut", [0, 1, 50, -1])
def test_what_ends_too_early_leaves_nothing(place, data, cut):
    with pytest.raises(CorruptData, match="ends too early"):
        save(place, data[:cut])
    assert names(place.parent) == []


def test_what_was_damaged_on_the_way_leaves_nothing(place, data):
    for at in range(0, len(data), 11):
        bad = bytearray(data)
        bad[at] ^= 4
        with pytest.raises(CorruptData):
            save(place, bytes(bad))
    assert names(place.parent) == []


def test_nothing_is_overwritten_unless_asked(place, data):
    place.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        save(place, data)
    assert place.read_bytes() == b"precious"
    with pytest.raises(CorruptData):
        save(place, data[:-1], replace=True)
    assert place.read_bytes() == b"precious", "the old one stays until the new one is good"
    save(place, data, replace=True)
    assert place.read_bytes() == data


def test_a_file_that_comes_to_be_meanwhile_is_not_overwritten(place, data):
    with Download(place, replace=False) as target:
        target.write(data)
        place.write_bytes(b"somebody else's")
        with pytest.raises(FileExistsError):
            target.finish()
    assert place.read_bytes() == b"somebody else's"
    assert names(place.parent) == ["b.snap"]


def test_a_disk_that_keeps_something_else_is_found_out(place, data, monkeypatch):
    monkeypatch.setattr(backups, "_pieces", lambda _place: iter([data[:-1], b"?"]))
    with pytest.raises(CorruptData, match="the disk does not have what was written"):
        save(place, data)
    assert names(place.parent) == []


def test_contents_are_told_after_all_of_it_was_checked(place, data):
    place.write_bytes(data)
    found = contents_of(place)
    assert (found.cluster, found.revision, found.term, found.written_ms) == ("home", 3, 2, 1_003)
    assert (found.voters, found.learners) == (("n1", "n2"), ("n3",))
    assert (found.nodes, found.sessions, found.locks) == (4, 0, 0)
    assert (found.state_version, found.digest) == (1, filled().digest)
    assert found.size_bytes == len(data)


def test_equal_states_have_equal_fingerprints_and_others_have_not(place):
    def fingerprint(machine, cluster="home"):
        place.write_bytes(backup_of(machine, cluster=cluster))
        return contents_of(place).fingerprint

    one = filled("abc")
    again = StateMachine.restore([b"".join(iter(filled("abc").capture().next_chunk, None))])
    assert fingerprint(one) == fingerprint(again, cluster="another")
    assert fingerprint(one) != fingerprint(filled("abd"))


def test_a_backup_without_a_cluster_is_an_older_one(place):
    place.write_bytes(backup_of(filled(), cluster=""))
    assert contents_of(place).cluster == ""


def test_a_backup_that_contradicts_itself_is_refused(place):
    place.write_bytes(backup_of(filled(), said=9))
    with pytest.raises(CorruptData, match="says revision 9, holds 3"):
        contents_of(place)


def test_a_state_that_loads_as_another_one_is_found_out(place, data, monkeypatch):
    place.write_bytes(data)
    monkeypatch.setattr(StateMachine, "restore", lambda _chunks: filled("abz"))
    with pytest.raises(CorruptData, match="is not the one in the file"):
        contents_of(place)


def test_what_cannot_be_read_is_the_operators_to_mend(tmp_path):
    with pytest.raises(SetupError, match="cannot be read"):
        contents_of(tmp_path)


def test_a_backup_of_a_newer_program_is_not_called_damaged(place):
    machine = filled()
    whole = b"".join(iter(machine.capture().next_chunk, None))
    header = [image.MAGIC, versions.NEWEST + 1, 3, 1_003, machine.digest, 0]
    old = msgpack.packb([image.MAGIC, 1, *header[2:]])
    encoder = Encoder()
    meta = SnapshotMeta(3, 2, Membership(("n1",)))
    parts = [encoder.header(SnapshotHead(3, 2, encode_meta(meta)))]
    parts.append(encoder.chunk(msgpack.packb(header) + whole[len(old) :]))
    place.write_bytes(b"".join([*parts, encoder.trailer()]))
    with pytest.raises(VersionUnknown, match="newer program"):
        contents_of(place)
