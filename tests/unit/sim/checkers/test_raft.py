"""Each safety property of Raft has a planted violation that is caught."""

from __future__ import annotations

import pytest

from coordsvc.raft.messages import COMMAND, Entry
from tests.sim.checkers.raft import RaftChecker
from tests.sim.verdicts import WrongResult


def entry(term: int, data: bytes = b"") -> Entry:
    return Entry(term, COMMAND, 0, data)


def settled() -> RaftChecker:
    """n1 leads term 1; n1 and n2 have two entries, both applied by n1 and the first by n2."""
    checker = RaftChecker()
    checker.leads("n1", 1)
    for node in ("n1", "n2"):
        checker.appended(node, 1, [entry(1, b"a"), entry(1, b"b")])
    checker.applied("n1", 1, entry(1, b"a"))
    checker.applied("n1", 2, entry(1, b"b"))
    checker.applied("n2", 1, entry(1, b"a"))
    return checker


def test_a_right_run_passes() -> None:
    checker = settled()
    checker.follows("n1")
    checker.leads("n2", 2)
    checker.leads("n2", 2)
    checker.appended("n2", 3, [entry(2)])
    checker.appended("n1", 3, [entry(2)])
    checker.digest("n1", 2, b"same")
    checker.digest("n2", 2, b"same")
    checker.restored("n3", 2, 1)
    checker.appended("n3", 3, [entry(2)])
    checker.applied("n3", 3, entry(2))


def test_two_leaders_of_one_term() -> None:
    checker = settled()
    with pytest.raises(WrongResult, match="election safety"):
        checker.leads("n2", 1)


def test_a_leader_that_rewrites_its_log() -> None:
    checker = settled()
    checker.appended("n1", 3, [entry(1)])
    with pytest.raises(WrongResult, match="append-only"):
        checker.appended("n1", 3, [entry(1)])


def test_a_follower_may_rewrite_what_is_not_applied() -> None:
    checker = RaftChecker()
    checker.appended("n2", 1, [entry(1), entry(1), entry(1)])
    checker.appended("n2", 2, [entry(2)])
    checker.leads("n2", 3)
    checker.appended("n2", 3, [entry(3)])


def test_a_follower_that_truncates_what_it_applied() -> None:
    checker = settled()
    with pytest.raises(WrongResult, match="truncates"):
        checker.appended("n2", 1, [entry(2)])


def test_a_hole_in_the_log() -> None:
    checker = settled()
    with pytest.raises(WrongResult, match="hole"):
        checker.appended("n2", 4, [entry(1)])


def test_two_entries_of_one_index_and_term() -> None:
    checker = settled()
    with pytest.raises(WrongResult, match="log matching"):
        checker.appended("n3", 1, [entry(1, b"other")])


def test_equal_entries_behind_different_ones() -> None:
    checker = settled()
    checker.appended("n3", 1, [entry(0)])
    with pytest.raises(WrongResult, match="log matching"):
        checker.appended("n3", 2, [entry(1, b"b")])


def test_a_leader_without_a_committed_entry() -> None:
    checker = settled()
    checker.appended("n3", 1, [entry(1, b"a")])
    with pytest.raises(WrongResult, match="leader completeness"):
        checker.leads("n3", 2)


def test_a_leader_that_comes_late_owes_nothing_that_a_later_term_has_committed() -> None:
    checker = settled()
    for node in ("n3", "n4"):
        checker.appended(node, 1, [entry(1, b"a"), entry(1, b"b")])
    checker.leads("n2", 3)
    checker.appended("n2", 3, [entry(3, b"c")])
    checker.applied("n2", 2, entry(1, b"b"))
    checker.applied("n2", 3, entry(3, b"c"))
    checker.leads("n3", 2)
    with pytest.raises(WrongResult, match="leader completeness"):
        checker.leads("n4", 4)


def test_another_entry_applied_at_an_index() -> None:
    checker = settled()
    with pytest.raises(WrongResult, match="state-machine safety"):
        checker.applied("n2", 2, entry(1, b"other"))


def test_an_index_applied_twice() -> None:
    checker = settled()
    with pytest.raises(WrongResult, match="n2 applied 1, then 1"):
        checker.applied("n2", 1, entry(1, b"a"))


def test_an_index_skipped() -> None:
    checker = settled()
    with pytest.raises(WrongResult, match="n2 applied 1, then 3"):
        checker.applied("n2", 3, entry(1))


def test_diverged_digests() -> None:
    checker = settled()
    checker.digest("n1", 2, b"one")
    with pytest.raises(WrongResult, match="states differ"):
        checker.digest("n2", 2, b"two")


def test_a_snapshot_that_moves_back() -> None:
    checker = settled()
    with pytest.raises(WrongResult, match="goes back"):
        checker.restored("n1", 1, 1)


@pytest.mark.parametrize(("index", "term"), [(9, 1), (2, 7)])
def test_a_snapshot_of_what_nobody_applied(index: int, term: int) -> None:
    checker = settled()
    with pytest.raises(WrongResult, match="restored"):
        checker.restored("n3", index, term)


def test_a_snapshot_keeps_a_log_that_matches_and_drops_one_that_does_not() -> None:
    checker = settled()
    checker.appended("n2", 3, [entry(1)])
    checker.restored("n2", 2, 1)
    checker.appended("n2", 4, [entry(1)])
    checker.appended("n3", 1, [entry(0), entry(0), entry(0)])
    checker.restored("n3", 2, 1)
    with pytest.raises(WrongResult, match="hole"):
        checker.appended("n3", 4, [entry(1)])


def test_a_restart_with_its_log_applies_it_again() -> None:
    checker = settled()
    log = [entry(1, b"a"), entry(1, b"b")]
    checker.restarted("n1", snapshot_index=0, snapshot_term=0, entries=log)
    checker.applied("n1", 1, log[0])
    checker.restarted("n1", snapshot_index=1, snapshot_term=1, entries=log[1:])
    checker.applied("n1", 2, log[1])


def test_a_restart_that_lost_a_committed_entry_must_not_lead() -> None:
    checker = settled()
    checker.restarted("n1", snapshot_index=0, snapshot_term=0, entries=[entry(1, b"a")])
    with pytest.raises(WrongResult, match="leader completeness"):
        checker.leads("n1", 2)


def test_a_restart_with_a_foreign_snapshot() -> None:
    checker = settled()
    with pytest.raises(WrongResult, match="snapshot nobody else knows"):
        checker.restarted("n1", snapshot_index=2, snapshot_term=5, entries=[])
