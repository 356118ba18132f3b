"""When a snapshot is due."""

import pytest

from coordsvc.replica.compaction import (
    ENTRIES_PER_NODE,
    QUIET_SHARE,
    Compaction,
    CompactionSettings,
)


@pytest.fixture
def compaction():
    return Compaction(CompactionSettings(100, 1_000, 10, retry_ms=50), 500)


def test_it_is_due_after_so_many_entries(compaction):
    assert not compaction.is_due(599, 0, 1)
    assert compaction.is_due(600, 0, 1)


def test_it_is_due_after_so_many_bytes_if_anything_is_new(compaction):
    compaction.logged(999)
    assert not compaction.is_due(501, 0, 1)
    compaction.logged(1)
    assert compaction.is_due(501, 0, 1)
    assert not compaction.is_due(500, 0, 1)


def test_beside_a_large_tree_the_log_may_grow_longer(compaction):
    nodes = 300 // ENTRIES_PER_NODE
    assert not compaction.is_due(799, 0, nodes)
    assert compaction.is_due(800, 0, nodes)
    compaction.logged(2_999)
    assert not compaction.is_due(501, 0, nodes)
    compaction.logged(1)
    assert compaction.is_due(501, 0, nodes)


def test_one_is_written_at_a_time(compaction):
    compaction.logged(5_000)
    compaction.started()
    assert not compaction.is_due(600, 0, 1)
    assert compaction.taken(600) == 590, "some entries are kept for followers a little late"
    assert compaction.last == 600
    assert not compaction.is_due(601, 0, 1)


def test_a_late_one_does_not_move_back(compaction):
    compaction.taken(600)
    compaction.taken(550)
    assert compaction.last == 600
    assert Compaction(CompactionSettings(), 0).taken(5) == 0


def test_it_can_be_asked_for(compaction):
    compaction.ask()
    assert not compaction.is_due(500, 0, 1)
    assert compaction.is_due(501, 0, 1)
    compaction.started()
    compaction.taken(501)
    assert not compaction.is_due(502, 0, 1)


def test_a_failure_is_tried_again_later(compaction):
    compaction.started()
    compaction.failed(1_000)
    assert compaction.failures == 1
    assert not compaction.is_due(600, 1_049, 1)
    assert compaction.is_due(600, 1_050, 1)


def test_a_snapshot_of_another_replica_does_not_end_our_own():
    compaction = Compaction(CompactionSettings(entries=10), 0)
    compaction.started()
    compaction.installed(40)
    assert compaction.last == 40
    assert not compaction.is_due(100, 0, 1), "two captures at once would be too many"
    compaction.taken(16)
    assert compaction.is_due(100, 0, 1)


def test_in_quiet_it_is_due_earlier():
    compaction = Compaction(CompactionSettings(quiet_entries=200), 0)
    assert not compaction.is_due(300, 0, 1), "nothing is known yet"
    assert not compaction.is_due(500, 1_000, 1), "200 in a second are not quiet"
    assert not compaction.is_due(500, 1_999, 1)
    assert not compaction.is_due(500, 2_000, 500 * QUIET_SHARE + QUIET_SHARE)
    assert compaction.is_due(501, 2_001, 500 * QUIET_SHARE)
    compaction.started()
    compaction.taken(501)
    assert not compaction.is_due(700, 2_002, 1)
    assert not compaction.is_due(700 + 1, 3_001, 1), "it was not quiet"
    assert compaction.is_due(701, 4_001, 1)


def test_a_burst_after_quiet_is_not_quiet():
    compaction = Compaction(CompactionSettings(quiet_entries=200), 0)
    compaction.is_due(0, 1_000, 1)
    assert not compaction.is_due(50, 2_000, 1), "quiet, but nothing is new"
    assert not compaction.is_due(250, 2_500, 1)
    assert not compaction.is_due(250, 3_000, 1)
    assert compaction.is_due(250, 4_000, 1)


def test_it_is_known_where_enough_entries_are_behind_the_last_snapshot():
    compaction = Compaction(CompactionSettings(entries=100), 7)
    assert compaction.full_at == 107
    assert not compaction.is_due(106, 0, 1)
    assert compaction.is_due(107, 0, 1)
    compaction.started()
    compaction.taken(50)
    assert compaction.full_at == 150
    compaction.installed(200)
    compaction.installed(90)
    assert compaction.full_at == 300
