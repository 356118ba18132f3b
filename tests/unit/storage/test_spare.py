"""The spare: zeros that are really there, in pieces, whatever was in the file before."""

from __future__ import annotations

import random

import pytest

from coordsvc.base.errors import DiskFull
from coordsvc.storage import spare
from coordsvc.storage.spare import NAME, PIECE_BYTES, Spare
from tests.sim.disk import SimFiles


def disk():
    return SimFiles(random.Random(1))


def test_a_spare_gets_ready_piece_by_piece():
    files = disk()
    it = Spare(files)
    assert not it.exists
    assert not it.prepare_piece(2 * PIECE_BYTES + 1)
    assert not it.prepare_piece(2 * PIECE_BYTES + 1)
    assert it.prepare_piece(2 * PIECE_BYTES + 1)
    assert it.is_ready(2 * PIECE_BYTES + 1)
    assert files.content_of(NAME) == bytes(2 * PIECE_BYTES + 1)


def test_a_ready_spare_costs_nothing_more():
    files = disk()
    it = Spare(files)
    it.prepare_piece(1000)
    steps = files.steps
    assert it.prepare_piece(1000)
    assert files.steps == steps


def test_what_is_left_to_do_is_done_when_it_is_taken():
    files = disk()
    it = Spare(files)
    it.prepare_piece(PIECE_BYTES * 3)
    assert it.take(PIECE_BYTES * 3).size() == PIECE_BYTES * 3


def test_a_spare_that_was_taken_and_not_renamed_is_filled_again():
    files = disk()
    it = Spare(files)
    it.take(1000).write_at(0, b"header")
    assert not it.is_ready(1000)
    assert it.take(1000).read_at(0, 10) == bytes(10)


def test_a_spare_left_by_a_crash_is_not_trusted():
    files = disk()
    files.open(NAME, create=True).write_at(0, b"junk" * 500)
    it = Spare(files)
    assert it.exists
    assert it.take(1000).read_at(0, 5000) == bytes(2000)


def test_an_old_segment_is_adopted_only_if_there_is_no_spare():
    files = disk()
    files.open("old", create=True).write_at(0, b"x" * 3000)
    files.open("older", create=True)
    it = Spare(files)
    assert it.adopt("old")
    assert not it.adopt("older")
    files.capacity = 0
    assert it.take(2000).read_at(0, 4000) == bytes(3000)


def test_a_renamed_spare_makes_room_for_the_next():
    files = disk()
    it = Spare(files)
    it.take(100)
    files.rename(NAME, "1.log")
    it.renamed()
    assert not it.exists
    it.take(100)
    assert files.names() == ["1.log", NAME]


def test_a_full_disk_is_told_and_later_forgiven():
    files = disk()
    it = Spare(files)
    files.capacity = 10
    with pytest.raises(DiskFull):
        it.prepare_piece(100)
    files.capacity = 1000
    assert it.prepare_piece(100)


def test_closing_releases_the_file_and_may_be_repeated():
    it = Spare(disk())
    it.prepare_piece(spare.PIECE_BYTES)
    it.close()
    it.close()
