"""What every kind of disk must do: one suite for the real one and the simulated one."""

from __future__ import annotations

import random

import pytest

from coordsvc.base.errors import DiskFailed
from coordsvc.storage.files import Files
from coordsvc.storage.os_files import OsFiles
from tests.sim.disk import SimFiles


@pytest.fixture(params=["real", "simulated"])
def files(request, tmp_path) -> Files:
    return OsFiles(tmp_path) if request.param == "real" else SimFiles(random.Random(0))


def test_a_created_file_is_empty_and_named(files):
    file = files.open("a", create=True)
    assert file.size() == 0
    assert files.names() == ["a"]
    file.close()


def test_a_file_is_created_only_once_and_opened_only_if_it_is_there(files):
    files.open("a", create=True).close()
    with pytest.raises(DiskFailed):
        files.open("a", create=True)
    with pytest.raises(DiskFailed):
        files.open("b")


def test_what_is_written_is_read_also_through_another_handle(files):
    file = files.open("a", create=True)
    file.write_at(3, b"hello")
    file.sync()
    again = files.open("a")
    assert again.read_at(0, 100) == b"\0\0\0hello"
    assert again.read_at(4, 2) == b"el"
    assert again.read_at(8, 10) == b""
    assert again.read_at(100, 10) == b""
    assert again.size() == 8
    for each in (file, again):
        each.close()


def test_a_write_inside_changes_only_its_place(files):
    file = files.open("a", create=True)
    file.write_at(0, b"0123456789")
    file.write_at(3, b"xx")
    assert file.read_at(0, 10) == b"012xx56789"
    file.close()


def test_allocation_adds_zeros_and_never_shrinks(files):
    file = files.open("a", create=True)
    file.write_at(0, b"abc")
    file.allocate(2_000_000)
    assert file.size() == 2_000_000
    assert file.read_at(0, 10) == b"abc" + bytes(7)
    file.allocate(10)
    assert file.size() == 2_000_000
    file.close()


def test_truncation_cuts(files):
    file = files.open("a", create=True)
    file.write_at(0, b"x" * 2000)
    file.truncate(700)
    assert file.size() == 700
    file.write_at(800, b"y")
    assert file.read_at(690, 200) == b"x" * 10 + bytes(100) + b"y"
    file.close()


def test_a_rename_replaces_what_had_the_name(files):
    for name in ("a", "b"):
        file = files.open(name, create=True)
        file.write_at(0, name.encode())
        file.close()
    files.rename("a", "b")
    files.sync_names()
    assert files.names() == ["b"]
    file = files.open("b")
    assert file.read_at(0, 9) == b"a"
    file.close()


def test_a_removed_file_stays_readable_for_who_has_it_open(files):
    file = files.open("a", create=True)
    file.write_at(0, b"still")
    files.remove("a")
    assert files.names() == []
    assert file.read_at(0, 9) == b"still"
    file.close()


def test_what_is_not_there_cannot_be_renamed_or_removed(files):
    with pytest.raises(DiskFailed):
        files.rename("a", "b")
    with pytest.raises(DiskFailed):
        files.remove("a")


def test_names_are_sorted_and_places_end_with_the_name(files):
    for name in ("b", "c", "a"):
        files.open(name, create=True).close()
    assert files.names() == ["a", "b", "c"]
    assert files.place_of("b").endswith("/b")


def test_there_is_room(files):
    assert files.free_bytes() > 0
