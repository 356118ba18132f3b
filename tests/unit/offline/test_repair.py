"""A damaged log is mended where that loses nothing; else it is told what would be lost."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coordsvc.base.errors import SetupError
from coordsvc.offline.inspection import inspect_folder
from coordsvc.offline.repair import Action, mend, plan_of
from coordsvc.raft.messages import Membership
from coordsvc.replica.recover import recover
from coordsvc.replica.vault import Vault
from coordsvc.storage.layout import DataFolder
from coordsvc.storage.snapshots import SnapshotStore
from coordsvc.storage.wal import WriteAheadLog
from tests.samples.later import take_snapshot

SAMPLE = Path(__file__).parents[2] / "samples" / "v1" / "node"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(SAMPLE, tmp_path / "node")
    folder = DataFolder.open_existing(tmp_path / "node")
    yield folder
    folder.close()


def segments(folder):
    return sorted((folder.path / "log").glob("*.log"))


def spoil(file, offset):
    data = bytearray(file.read_bytes())
    data[offset] ^= 1
    file.write_bytes(data)


def start(folder):
    """Recover as a node does when it starts."""
    wal = WriteAheadLog.open(folder.log, salt=folder.identity.salt)
    found = recover(wal, Vault(SnapshotStore.open(folder.snapshots)), Membership(("n1",)))
    wal.close()
    return found


def test_there_is_nothing_to_do_about_a_sound_log(folder):
    report = inspect_folder(folder)
    plan = plan_of(folder, report)
    assert plan.action is Action.NOTHING
    with pytest.raises(SetupError, match="there is nothing to repair"):
        mend(folder, report, plan, now=NOW)


def test_damage_that_a_snapshot_covers_is_dropped_without_loss(folder):
    take_snapshot(folder, 60)
    first, second = segments(folder)
    before = first.read_bytes()
    spoil(first, 540)
    report = inspect_folder(folder)
    plan = plan_of(folder, report)
    assert (plan.action, plan.segment) == (Action.DROP, 3)
    kept = mend(folder, report, plan, now=NOW)
    assert kept == folder.path / "before-repair-20260102T030405"
    assert len(before) == len((kept / first.name).read_bytes())
    after = inspect_folder(folder)
    assert after.is_sound
    assert (after.last_index, after.hard_state.vote) == (62, "n2")
    assert segments(folder) == [second]
    found = start(folder)
    assert found.raft.snapshot.index + len(found.raft.entries) == 62


def test_damage_behind_the_snapshot_costs_what_is_behind_it_and_a_term(folder):
    first, second = segments(folder)
    good = inspect_folder(folder)
    spoil(second, 180)
    report = inspect_folder(folder)
    plan = plan_of(folder, report)
    assert plan.action is Action.CUT
    left = report.log.log.last_index
    assert left == 57
    assert f"everything written behind entry {left} would be lost" in plan.says
    assert "entries up to 63 can still be seen" in plan.says
    kept = mend(folder, report, plan, now=NOW)
    assert [each.name for each in kept.iterdir()] == [second.name]
    after = inspect_folder(folder)
    assert after.is_sound
    assert after.last_index == left
    assert after.hard_state.vote is None
    assert after.hard_state.term >= good.hard_state.term + 1_000, "it votes in no old term again"
    assert start(folder).raft.hard_state.term == after.hard_state.term
    assert first.exists()


def test_a_log_without_a_good_header_is_begun_anew_behind_the_snapshot(folder):
    for each in segments(folder):
        spoil(each, 1)
    report = inspect_folder(folder)
    plan = plan_of(folder, report)
    assert (plan.action, plan.segment, plan.offset) == (Action.CUT, 2, 0)
    mend(folder, report, plan, now=NOW)
    found = start(folder)
    assert (found.raft.snapshot.index, found.raft.entries) == (45, [])
    assert found.raft.hard_state.term > 1_000
