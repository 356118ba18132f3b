"""Segments: names, headers, the scan, and the segment that takes records."""

from __future__ import annotations

import random

import pytest

from coordsvc.base.errors import CorruptData, DiskFull, SetupError
from coordsvc.storage import framing, segment
from coordsvc.storage.segment import Active, Sealed, SegmentHeader
from tests.sim.disk import SimFiles

HEADER = SegmentHeader(salt=7, number=3, first_index=100, previous_end=4000, resets=True)


def decoded(data):
    return segment.decode_header(data, salt=7, number=3, place="/log/3")


def active(size=1000):
    files = SimFiles(random.Random(0))
    file = files.open("x", create=True)
    file.allocate(size)
    return Active(file, salt=7, number=3, end=64, last_index=0), files


def test_names_sort_as_their_numbers():
    assert segment.name_of(12) == "0000000000000012.log"
    assert sorted(map(segment.name_of, (10, 9, 100))) == [
        segment.name_of(number) for number in (9, 10, 100)
    ]


@pytest.mark.parametrize(
    "name", ["spare.tmp", "12.log", "0000000000000012", "000000000000001x.log", "²" * 16 + ".log"]
)
def test_other_names_are_no_segments(name):
    assert segment.number_of(name) is None


def test_a_name_gives_its_number_back():
    assert segment.number_of(segment.name_of(12)) == 12


def test_a_header_is_read_back():
    data = segment.encode_header(HEADER)
    assert len(data) == segment.HEADER_BYTES
    assert decoded(data + b"records") == HEADER


def test_every_flipped_bit_of_a_header_is_found():
    data = segment.encode_header(HEADER)
    for place in range(len(data) * 8):
        broken = bytearray(data)
        broken[place // 8] ^= 1 << place % 8
        with pytest.raises(CorruptData, match="/log/3: damaged at byte 0"):
            decoded(bytes(broken))


def test_a_short_header_is_damage():
    with pytest.raises(CorruptData, match="not the header"):
        decoded(segment.encode_header(HEADER)[:-1])


@pytest.mark.parametrize(("salt", "number"), [(8, 3), (7, 4)])
def test_a_header_of_another_place_is_damage(salt, number):
    foreign = segment.encode_header(SegmentHeader(salt, number, 1, 0, resets=False))
    with pytest.raises(CorruptData, match="another folder or another position"):
        decoded(foreign)


def test_a_newer_format_is_for_the_operator(monkeypatch):
    monkeypatch.setattr(segment, "VERSION", 2)
    newer = segment.encode_header(HEADER)
    monkeypatch.undo()
    with pytest.raises(SetupError, match=r"format 2 .* by a newer program"):
        decoded(newer)


def test_the_active_segment_writes_what_a_scan_finds():
    log, files = active()
    log.push(framing.STATE, (0, 0), b"state")
    log.write_and_sync()
    log.push(framing.ENTRIES, (1, 4), b"entries")
    log.push(framing.ENTRIES, (2, 2), b"")
    log.write_and_sync()
    records, end = segment.scan(files.content_of("x"), seed=framing.seed_of(salt=7, segment=3))
    assert [(each.kind, each.payload) for each in records] == [
        (framing.STATE, b"state"),
        (framing.ENTRIES, b"entries"),
        (framing.ENTRIES, b""),
    ]
    assert [each.synced for each in records] == [64, 112, 112]
    assert end == log.end == log.synced
    assert log.sealed() == Sealed(number=3, last_index=4, size=1000)


def test_room_counts_what_is_not_written_yet():
    log, _ = active(size=64 + 48)
    assert log.has_room(8)
    assert not log.has_room(9)
    log.push(framing.ENTRIES, (1, 1), b"12345678")
    assert not log.has_room(0)


def test_a_write_that_finds_no_room_can_be_made_again():
    log, files = active(size=70)
    files.capacity = 0
    log.push(framing.ENTRIES, (1, 1), b"x")
    with pytest.raises(DiskFull):
        log.write_and_sync()
    files.capacity = 10**6
    log.write_and_sync()
    records, _ = segment.scan(files.content_of("x"), seed=framing.seed_of(salt=7, segment=3))
    assert [each.payload for each in records] == [b"x"]


def test_a_segment_without_room_for_the_mark_closes_without_it():
    log, files = active(size=70)
    syncs = files.syncs
    log.close(vouch=True)
    assert files.syncs == syncs
