"""Inspection tells what is in a log, good or damaged, and changes nothing."""

import random
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc.base.errors import CorruptData
from coordsvc.storage import segment
from coordsvc.storage.inspection import examine_log, examine_snapshots
from coordsvc.storage.os_files import OsFiles
from coordsvc.storage.recovery import recover
from coordsvc.storage.snapshots import SnapshotStore
from coordsvc.storage.wal import WriteAheadLog
from tests.sim.disk import SimFiles

SALT = 77
SEGMENT = 1_024


def log_in(files, entries=60, *, close=True):
    wal = WriteAheadLog.open(files, salt=SALT, segment_bytes=SEGMENT, first_segment_bytes=SEGMENT)
    wal.save_state(b"state 1")
    for index in range(1, entries + 1):
        wal.append(index, index, b"entry %d " % index * 4)
        wal.sync()
    wal.save_state(b"state 2")
    wal.sync()
    if close:
        wal.close()
    return wal


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "log"
    place.mkdir()
    log_in(OsFiles(place))
    return place


def examine(folder, **options):
    return examine_log(OsFiles(folder), salt=SALT, **options)


def segments(folder):
    return sorted(folder.glob("*.log"))


def spoil(place, offset, byte=0xAA):
    data = bytearray(place.read_bytes())
    data[offset] ^= byte
    place.write_bytes(data)


def bytes_of(folder):
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def test_a_sound_log_is_told_as_recovery_finds_it(folder):
    before = bytes_of(folder)
    report = examine(folder)
    assert bytes_of(folder) == before, "nothing was changed"
    assert (report.damage, report.log.last_index, report.log.state) == ([], 60, b"state 2")
    assert report.is_vouched
    assert len(report.segments) == len(segments(folder)) > 2
    assert [each.number for each in report.segments] == list(range(1, len(report.segments) + 1))
    assert report.segments[0].entries[0] == 1
    assert report.segments[-1].entries[1] == 60
    found, _, active = recover(OsFiles(folder), salt=SALT)
    active.close(vouch=False)
    assert found.records == report.log.records


def test_damage_in_the_middle_is_placed_and_what_is_behind_it_is_counted(folder):
    second = segments(folder)[1]
    offset = examine(folder).segments[1]
    spoil(second, segment.HEADER_BYTES + 60)
    report = examine(folder)
    (damage,) = report.damage
    assert damage.place == str(second)
    assert segment.HEADER_BYTES <= damage.offset <= segment.HEADER_BYTES + 60
    assert "synced up to byte" in damage.what
    assert report.log.last_index < offset.entries[1]
    assert report.last_index_behind == 60
    assert report.states_behind[-1] == b"state 2"


def test_a_bad_header_and_a_missing_segment_are_damage(folder):
    first, second, third, *_ = segments(folder)
    spoil(second, 10)
    third.unlink()
    report = examine(folder)
    assert {(each.place, each.offset) for each in report.damage} >= {
        (str(second), 0),
        (str(third), 0),
    }
    assert any("missing" in each.what for each in report.damage)
    assert report.log.last_index == examine(folder).segments[0].entries[1]
    assert first.exists()


def test_one_can_begin_behind_the_damage(folder):
    spoil(segments(folder)[0], 200)
    assert examine(folder).damage
    rest = examine(folder, first=2)
    assert (rest.damage, rest.log.last_index, rest.log.state) == ([], 60, b"state 2")


def test_what_was_never_synced_is_a_torn_tail_and_no_damage(tmp_path):
    files = SimFiles(random.Random(1))
    wal = log_in(files, 3, close=False)
    wal.append(4, 4, b"x" * 200)
    wal.write()
    files.restart()
    name = [n for n in files.names() if n.endswith(".log")][-1]
    file = files.open(name)
    end = examine_log(files, salt=SALT).segments[-1].used_bytes
    file.write_at(end - 150, b"torn")
    report = examine_log(files, salt=SALT)
    assert report.damage == []
    assert report.log.bytes_cut > 0
    assert report.log.last_index == 3


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_inspection_and_recovery_never_disagree(tmp_path_factory, data):
    """Whatever byte is spoilt: the first damage is where recovery stops, if it stops."""
    place = tmp_path_factory.mktemp("log")
    log_in(OsFiles(place), 12)
    victim = data.draw(st.sampled_from(segments(place)))
    spoil(victim, data.draw(st.integers(0, SEGMENT - 1)), data.draw(st.integers(1, 255)))
    report = examine(place)
    copy = place.parent / f"{place.name}-copy"
    shutil.copytree(place, copy)
    found, stopped = None, ""
    try:
        found, _, active = recover(OsFiles(copy), salt=SALT)
        active.close(vouch=False)
    except CorruptData as error:
        stopped = str(error)
    shutil.rmtree(copy)
    if found is None:
        first = report.damage[0]
        assert first.place == str(victim)
        assert f"{copy / victim.name}: damaged at byte {first.offset}:" in stopped
    else:
        assert report.damage == []
        assert found.records == report.log.records
        assert found.state == report.log.state


def test_snapshots_are_told_good_or_damaged(tmp_path):
    store = SnapshotStore.open(OsFiles(tmp_path))
    for index in (5, 9):
        writer = store.begin(index, 2, b"extra")
        writer.write(b"chunk" * 10)
        writer.commit()
    spoil(sorted(tmp_path.glob("*.snap"))[1], 70)
    good, bad = examine_snapshots(OsFiles(tmp_path))
    assert (good.head.index, good.damage) == (5, None)
    assert bad.damage.offset > 0
    assert "checksum" in bad.damage.what
