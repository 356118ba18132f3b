"""A log is cut or shortened; what was there is kept; after a crash it can be done again."""

import random

import pytest

from coordsvc.storage import repair, segment
from coordsvc.storage.inspection import examine_log
from coordsvc.storage.wal import WriteAheadLog
from tests.sim.disk import PowerLoss, SimFiles

SALT = 7
SEGMENT = 1_024


def log_of(seed=1):
    files = SimFiles(random.Random(seed))
    wal = WriteAheadLog.open(files, salt=SALT, segment_bytes=SEGMENT, first_segment_bytes=SEGMENT)
    wal.save_state(b"state")
    for index in range(1, 31):
        wal.append(index, index, b"entry %d " % index * 4)
        wal.sync()
    wal.close()
    return files


def spoil(files, name, offset):
    file = files.open(name)
    file.write_at(offset, bytes([file.read_at(offset, 1)[0] ^ 1]))
    file.sync()
    file.close()


def contents(files):
    found = {}
    for name in files.names():
        file = files.open(name)
        found[name] = file.read_at(0, file.size())
        file.close()
    return found


def examine(files):
    return examine_log(files, salt=SALT)


def test_a_cut_ends_the_log_where_the_damage_began_and_keeps_the_rest():
    files, kept = log_of(), SimFiles(random.Random(2))
    second = segment.name_of(2)
    spoil(files, second, 400)
    before = contents(files)
    damage = examine(files).damage[0]
    good = examine(files).log.last_index
    repair.cut(files, kept, 2, damage.offset)
    after = examine(files)
    assert (after.damage, after.log.last_index, after.log.bytes_cut) == ([], good, 0)
    assert [each.number for each in after.segments] == [1, 2]
    gone = {name: data for name, data in before.items() if name >= second and name != "spare.tmp"}
    assert contents(kept) == gone
    wal = WriteAheadLog.open(files, salt=SALT, segment_bytes=SEGMENT)
    wal.append(good + 1, good + 1, b"goes on")
    wal.close()
    assert examine(files).log.last_index == good + 1


def test_a_segment_with_a_bad_header_goes_as_a_whole():
    files, kept = log_of(), SimFiles(random.Random(2))
    spoil(files, segment.name_of(2), 3)
    repair.cut(files, kept, 2, 0)
    assert [each.number for each in examine(files).segments] == [1]
    assert examine(files).damage == []


def test_segments_before_a_sound_one_are_dropped():
    files, kept = log_of(), SimFiles(random.Random(2))
    spoil(files, segment.name_of(1), 200)
    repair.drop_before(files, kept, 2)
    after = examine(files)
    assert (after.damage, after.log.last_index, after.log.state) == ([], 30, b"state")
    assert list(contents(kept)) == [segment.name_of(1)]


@pytest.mark.parametrize("step", range(1, 12))
def test_a_crash_at_any_step_of_a_cut_leaves_damage_or_the_log_that_was_wanted(step):
    files = log_of(step)
    spoil(files, segment.name_of(2), 400)
    damage = examine(files).damage[0]
    good = examine(files).log.last_index
    files.stop_at = files.steps + step
    try:
        repair.cut(files, SimFiles(random.Random(3)), 2, damage.offset)
    except PowerLoss:
        files.crash()
    files.stop_at = None
    report = examine(files)
    if report.damage:
        repair.cut(files, SimFiles(random.Random(4)), 2, report.damage[0].offset)
        report = examine(files)
    assert (report.damage, report.log.last_index) == ([], good)
