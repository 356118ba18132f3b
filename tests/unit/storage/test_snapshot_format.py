"""Snapshot bytes: checked in any pieces, at any damage."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc.base.errors import CorruptData
from coordsvc.storage import snapshot_format
from coordsvc.storage.snapshot_format import Checker, Encoder, SnapshotHead, verify

HEAD = SnapshotHead(index=77, term=5, extra=b"members")
CHUNKS = [b"first", b"second" * 20, b"3"]


def encoded(head=HEAD, chunks=CHUNKS):
    encoder = Encoder()
    return b"".join(
        [encoder.header(head), *[encoder.chunk(each) for each in chunks], encoder.trailer()]
    )


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_a_snapshot_is_read_in_pieces_of_any_size(size):
    data = encoded()
    checker = Checker("here")
    got = []
    for start in range(0, len(data), size):
        assert not checker.ended
        got += checker.feed(data[start : start + size])
    assert got == CHUNKS
    assert checker.ended
    assert checker.finish() == HEAD


def test_a_snapshot_may_have_no_chunks_and_no_extra():
    head = SnapshotHead(1, 1, b"")
    assert verify([encoded(head, [])], "here") == head


def test_every_flipped_bit_is_found():
    data = encoded()
    for place in range(len(data) * 8):
        if place // 8 == 11:
            continue  # the one byte that is only there to align
        broken = bytearray(data)
        broken[place // 8] ^= 1 << place % 8
        with pytest.raises(CorruptData, match="here: "):
            verify([bytes(broken)], "here")


def test_a_snapshot_that_is_cut_anywhere_is_found():
    data = encoded()
    for cut in range(len(data)):
        with pytest.raises(CorruptData, match=f"damaged at byte {cut}: .* too early"):
            verify([data[:cut]], "here")


def test_bytes_behind_the_end_are_found():
    with pytest.raises(CorruptData, match="behind the end"):
        verify([encoded() + b"x"], "here")
    with pytest.raises(CorruptData, match="behind the end"):
        verify([encoded(), b"x"], "here")


def test_chunks_in_another_order_are_found_at_the_first_one():
    encoder = Encoder()
    head = encoder.header(HEAD)
    one, two = encoder.chunk(b"aaaa"), encoder.chunk(b"bbbb")
    with pytest.raises(CorruptData, match=f"byte {len(head)}: a chunk fails"):
        verify([head, two, one, encoder.trailer()], "here")


def test_a_chunk_of_another_snapshot_is_found_by_the_whole():
    other = Encoder()
    other.header(HEAD)
    foreign = other.chunk(b"fake")
    encoder = Encoder()
    head = encoder.header(HEAD)
    encoder.chunk(b"real")
    with pytest.raises(CorruptData, match="as a whole"):
        verify([head, foreign, encoder.trailer()], "here")


def test_other_files_and_newer_formats_are_told(monkeypatch):
    with pytest.raises(CorruptData, match="not a snapshot"):
        verify([b"PK" + bytes(100)], "here")
    monkeypatch.setattr(snapshot_format, "VERSION", 9)
    newer = encoded()
    monkeypatch.undo()
    with pytest.raises(CorruptData, match="format 9 is not known"):
        verify([newer], "here")


def test_impossible_lengths_are_refused_before_anything_is_gathered():
    data = bytearray(encoded())
    data[15] = 0xFF
    with pytest.raises(CorruptData, match="header fails"):
        verify([bytes(data[:40])], "here")
    chunk = len(encoded(chunks=[])) - 40
    data = bytearray(encoded())
    data[chunk + 3] = 0xFF
    with pytest.raises(CorruptData, match="impossible length"):
        verify([bytes(data[: chunk + 8])], "here")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_damage_and_nothing_worse(data):
    for start in (b"", encoded()[:43]):
        with pytest.raises(CorruptData):
            verify([start + data], "here")
