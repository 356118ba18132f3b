"""Recovery on folders made by hand: what only damage or an interrupted reset can leave."""

from __future__ import annotations

import random

import pytest

from coordsvc.base.errors import CorruptData
from coordsvc.storage import framing, segment
from coordsvc.storage.recovery import recover
from coordsvc.storage.segment import Active, SegmentHeader
from tests.sim.disk import SimFiles

SIZE = 2000


def disk():
    return SimFiles(random.Random(0))


def put(files, number, *records, first_index=1, previous_end=0, resets=False):
    """Write a segment; return where it ends. A record is (kind, first, last, payload)."""
    file = files.open(segment.name_of(number), create=True)
    file.allocate(SIZE)
    header = SegmentHeader(7, number, first_index, previous_end, resets)
    file.write_at(0, segment.encode_header(header))
    it = Active(file, salt=7, number=number, end=segment.HEADER_BYTES, last_index=0)
    for kind, first, last, payload in records:
        it.push(kind, (first, last), payload)
        it.write_and_sync()
    file.sync()
    files.sync_names()
    return it.end


def entry(first, last=None, payload=b"x"):
    return (framing.ENTRIES, first, last or first, payload)


def test_an_empty_folder_is_a_new_log():
    log, sealed, active = recover(disk(), salt=7)
    assert (log.state, log.records, log.last_index) == (None, [], 0)
    assert sealed == []
    assert active is None


def test_segments_are_read_in_order_with_the_last_state():
    files = disk()
    end = put(files, 4, (framing.STATE, 0, 0, b"old"), entry(50, 60), first_index=50)
    put(files, 5, (framing.STATE, 0, 0, b"new"), entry(61), first_index=61, previous_end=end)
    log, sealed, active = recover(files, salt=7)
    assert log.state == b"new"
    assert log.records == [(50, 60, b"x"), (61, 61, b"x")]
    assert log.last_index == 61
    assert [(each.number, each.last_index, each.size) for each in sealed] == [(4, 60, SIZE)]
    assert active is not None
    assert (active.number, active.last_index) == (5, 61)


def test_what_was_before_a_reset_is_removed_and_not_even_looked_at():
    files = disk()
    put(files, 1, entry(1, 9))
    put(files, 2, entry(10), first_index=77)  # would not join
    files.flip_bit(segment.name_of(1), 3)
    put(files, 3, (framing.STATE, 0, 0, b"s"), first_index=101, resets=True)
    log, sealed, _ = recover(files, salt=7)
    assert (log.state, log.records, log.last_index, sealed) == (b"s", [], 100, [])
    assert files.names() == [segment.name_of(3)]


def test_a_hole_before_a_reset_is_only_the_rest_of_its_removal():
    files = disk()
    put(files, 1, entry(1))
    put(files, 3, first_index=101, resets=True)
    log, _, _ = recover(files, salt=7)
    assert log.last_index == 100


def test_a_hole_in_the_live_log_names_the_missing_file():
    files = disk()
    end = put(files, 1, entry(1))
    put(files, 3, first_index=2, previous_end=end)
    with pytest.raises(CorruptData, match=r"sim:/0000000000000002\.log: .* is missing"):
        recover(files, salt=7)


def test_a_segment_that_starts_at_another_index_is_damage():
    files = disk()
    end = put(files, 1, entry(1))
    put(files, 2, first_index=5, previous_end=end)
    with pytest.raises(CorruptData, match="follows index 4, the log ends at 1"):
        recover(files, salt=7)


def test_records_that_leave_a_gap_are_damage():
    files = disk()
    put(files, 1, entry(1), entry(3))
    with pytest.raises(CorruptData, match="index 3 follows 1"):
        recover(files, salt=7)


@pytest.mark.parametrize("shift", [-8, 48])
def test_a_sealed_segment_must_end_where_its_successor_says(shift):
    files = disk()
    end = put(files, 1, entry(1))
    put(files, 2, first_index=2, previous_end=end + shift)
    with pytest.raises(CorruptData, match="damaged at byte"):
        recover(files, salt=7)


def test_files_that_are_no_segments_are_left_alone():
    files = disk()
    files.open("notes.txt", create=True)
    put(files, 1, entry(1))
    recover(files, salt=7)
    assert "notes.txt" in files.names()


def test_the_tail_is_durable_before_anything_is_built_on_it():
    files = disk()
    put(files, 1, entry(1))
    file = files.open(segment.name_of(1))
    records = segment.scan(
        files.content_of(segment.name_of(1)), seed=framing.seed_of(salt=7, segment=1)
    )
    it = Active(file, salt=7, number=1, end=records[1], last_index=1)
    it.push(framing.ENTRIES, (2, 2), b"in the cache only")
    files.fail_syncs = True
    with pytest.raises(Exception, match="simulated"):
        it.write_and_sync()
    files.fail_syncs = False
    files.restart()
    assert recover(files, salt=7)[0].last_index == 2
    files.crash()
    assert recover(files, salt=7)[0].last_index == 2
