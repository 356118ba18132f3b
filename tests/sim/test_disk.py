"""The simulated disk itself: it keeps what was synced and can lose everything else."""

from __future__ import annotations

import random

import pytest

from coordsvc.base.errors import DiskFailed, DiskFull
from tests.sim.disk import SECTOR, PowerLoss, SimFiles

SEEDS = range(60)


def with_file(seed, content=b""):
    files = SimFiles(random.Random(seed))
    file = files.open("a", create=True)
    file.write_at(0, content)
    file.sync()
    files.sync_names()
    return files, file


def test_what_was_synced_survives_every_crash():
    for seed in SEEDS:
        files, _ = with_file(seed, b"x" * 2000)
        files.crash()
        assert files.content_of("a") == b"x" * 2000


def test_unsynced_sectors_are_kept_lost_or_torn_independently():
    seen = set()
    for seed in SEEDS:
        files, file = with_file(seed, b"o" * 4 * SECTOR)
        file.write_at(0, b"n" * 4 * SECTOR)
        files.crash()
        after = files.content_of("a")
        sectors = [after[at : at + SECTOR] for at in range(0, 4 * SECTOR, SECTOR)]
        assert all(set(each) <= set(b"on") for each in sectors)
        seen |= {
            "new" if set(s) == {110} else "old" if set(s) == {111} else "torn" for s in sectors
        }
        if len({bytes(each) for each in sectors}) > 1:
            seen.add("mixed")
    assert seen == {"new", "old", "torn", "mixed"}


def test_an_unsynced_size_may_be_lost():
    sizes = set()
    for seed in SEEDS:
        files, file = with_file(seed, b"x" * 10)
        file.write_at(10, b"y" * 3000)
        files.crash()
        sizes.add(len(files.content_of("a")))
    assert 10 in sizes
    assert 3010 in sizes


def test_unsynced_names_may_be_lost():
    seen = set()
    for seed in SEEDS:
        files, _ = with_file(seed)
        files.open("b", create=True)
        files.rename("a", "c")
        files.crash()
        seen.add(tuple(files.names()))
    assert seen == {("a",), ("c",), ("a", "b"), ("b", "c")}


def test_a_restart_loses_nothing_even_after_a_failed_sync_but_a_crash_then_does():
    files, file = with_file(0, b"old")
    file.write_at(0, b"new")
    files.fail_syncs = True
    with pytest.raises(DiskFailed):
        file.sync()
    files.fail_syncs = False
    file.sync()
    files.restart()
    assert files.content_of("a") == b"new"
    files.crash()
    assert files.content_of("a") == b"old"


def test_nothing_works_between_the_loss_of_power_and_the_crash():
    files, file = with_file(0)
    files.stop_at = files.steps + 2
    file.write_at(0, b"fine")
    for use in (lambda: file.write_at(0, b"x"), file.sync, files.names, files.sync_names):
        with pytest.raises(PowerLoss):
            use()
    files.crash()
    assert files.names() == ["a"]
    with pytest.raises(AssertionError, match="before the crash"):
        file.sync()


def test_a_slow_disk_is_only_noted():
    files, file = with_file(0)
    files.sync_ms = 200
    file.sync()
    assert files.waited_ms == 200


def test_a_full_disk_takes_overwrites_only():
    files, file = with_file(0, b"x" * 100)
    files.capacity = 100
    file.write_at(0, b"y" * 100)
    assert files.free_bytes() == 0
    with pytest.raises(DiskFull):
        file.write_at(1, b"y" * 100)
    with pytest.raises(DiskFull):
        file.allocate(101)


def test_a_misdirected_write_lands_elsewhere_once():
    files, file = with_file(0, bytes(30))
    files.misdirect_next = 10
    file.write_at(0, b"x")
    file.write_at(0, b"y")
    assert files.content_of("a") == b"y" + bytes(9) + b"x" + bytes(19)
