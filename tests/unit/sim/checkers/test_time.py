"""Stamps go on like true time."""

from __future__ import annotations

import pytest

from coordsvc.raft.messages import COMMAND, NOOP, Entry
from tests.sim.checkers.time import SLACK, ClusterTimeChecker
from tests.sim.verdicts import WrongResult
from tests.sim.world import MS, SECOND


def command(stamp_ms: int) -> list[Entry]:
    return [Entry(1, COMMAND, stamp_ms, b"")]


def test_stamps_may_go_on_a_little_faster_than_time() -> None:
    checker = ClusterTimeChecker(drift_ppm_max=200)
    checker.stamped("n1", command(5_000_000), now=0)
    checker.stamped("n1", command(5_010_000), now=10 * SECOND)
    checker.stamped("n2", command(5_021_000), now=20 * SECOND)


def test_a_leap_is_found_however_many_stamps_it_takes() -> None:
    checker = ClusterTimeChecker(drift_ppm_max=200)
    checker.stamped("n1", command(5_000_000), now=0)
    with pytest.raises(WrongResult, match="n1 stamps"):
        for second in range(100):
            checker.stamped("n1", command(5_000_000 + 1_200 * second), now=second * SECOND)


def test_one_that_has_just_started_knows_the_calendar_only() -> None:
    checker = ClusterTimeChecker(drift_ppm_max=200)
    checker.stamped("n1", command(5_000_000), now=0)
    checker.restarted("n2")
    checker.stamped("n2", command(9_000_000), now=SECOND)
    checker.restarted("n3")
    checker.led("n3")
    with pytest.raises(WrongResult, match="n3 stamps"):
        checker.stamped("n3", command(9_000_000 + 4_000 + SLACK // MS), now=2 * SECOND)


def test_what_is_no_command_has_no_stamp_of_its_own() -> None:
    checker = ClusterTimeChecker(drift_ppm_max=0)
    checker.stamped("n1", command(1), now=0)
    checker.stamped("n1", [Entry(1, NOOP, 2**40, b"")], now=0)
