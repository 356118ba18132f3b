"""Records: what is written is read, at its place only."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc.storage import framing
from coordsvc.storage.framing import ENTRIES, MARK, STATE, Record

SEED = framing.seed_of(salt=7, segment=3)


def encoded(payload=b"payload", *, kind=ENTRIES, offset=64, synced=0, seed=SEED):
    head = framing.header_of(kind, (5, 9), payload, seed=seed, offset=offset, synced=synced)
    return head + payload + framing.padding_of(len(payload))


def test_a_record_is_read_back_where_it_was_written():
    buffer = bytes(64) + encoded(synced=48)
    assert framing.read_record(buffer, 64, seed=SEED) == Record(
        kind=ENTRIES,
        first_index=5,
        last_index=9,
        synced=48,
        payload=b"payload",
        offset=64,
        end=64 + 48,
    )


@pytest.mark.parametrize("kind", [ENTRIES, STATE, MARK])
def test_every_kind_has_its_mark(kind):
    found = framing.read_record(encoded(kind=kind, offset=0), 0, seed=SEED)
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize("length", range(20))
def test_records_are_aligned(length):
    data = encoded(bytes(length))
    assert len(data) == framing.record_bytes(length)
    assert len(data) % framing.ALIGNMENT == 0


@pytest.mark.parametrize(
    ("salt", "segment", "offset"), [(8, 3, 64), (7, 4, 64), (7, 3, 72)], ids=str
)
def test_a_record_from_another_place_is_not_valid(salt, segment, offset):
    foreign = encoded(seed=framing.seed_of(salt=salt, segment=segment), offset=offset)
    assert framing.read_record(bytes(64) + foreign, 64, seed=SEED) is None


def test_every_flipped_bit_outside_the_padding_is_found():
    data = encoded(offset=0)
    for place in range((40 + 7) * 8):
        broken = bytearray(data)
        broken[place // 8] ^= 1 << place % 8
        assert framing.read_record(bytes(broken), 0, seed=SEED) is None, place


def test_a_record_that_is_cut_anywhere_is_not_valid():
    data = encoded(offset=0)
    for cut in range(40 + 7):
        assert framing.read_record(data[:cut], 0, seed=SEED) is None


def test_zeros_hold_no_record():
    assert framing.read_record(bytes(100), 0, seed=SEED) is None
    assert framing.read_record(bytes(100), 100, seed=SEED) is None


def test_the_search_finds_valid_records_behind_a_place_and_nothing_else():
    first = encoded(b"rec\x01 inside", offset=0)
    unaligned = b"rec\x01"
    second = encoded(b"x", offset=len(first) + 8)
    buffer = first + unaligned + bytes(4) + second
    found = list(framing.records_behind(buffer, 0, seed=SEED))
    assert [each.payload for each in found] == [b"x"]
    assert list(framing.records_behind(buffer, len(first) + 8, seed=SEED)) == []


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 200))
def test_random_bytes_never_break_the_reader(data, offset):
    framing.read_record(b"rec\x01" + data, 0, seed=SEED)
    list(framing.records_behind(data, offset, seed=SEED))
