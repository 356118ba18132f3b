"""A second effect, a second answer, a lost or doubled count are caught."""

from __future__ import annotations

import pytest

from coordsvc.base.vocabulary import codes, ops
from tests.sim.checkers.exactly_once import ExactlyOnceChecker, check_count, check_unique
from tests.sim.history import History, Operation
from tests.sim.verdicts import WrongResult
from tests.sim.world import World


def test_copies_and_replicas_may_report_one_effect() -> None:
    checker = ExactlyOnceChecker()
    for _ in range(3):
        checker.applied(1, 1, revision=5, code=codes.OK, value="x")
    checker.applied(1, 1, revision=9, code=codes.SUPERSEDED, value=None)
    checker.applied(1, 2, revision=6, code=codes.OK, value="x")


def test_a_double_apply() -> None:
    checker = ExactlyOnceChecker()
    checker.applied(1, 1, revision=5, code=codes.OK, value="x")
    with pytest.raises(WrongResult, match="took effect at 5 and 6"):
        checker.applied(1, 1, revision=6, code=codes.OK, value="x")


def test_two_answers() -> None:
    checker = ExactlyOnceChecker()
    checker.applied(1, 1, revision=5, code=codes.OK, value="x")
    with pytest.raises(WrongResult, match="was answered"):
        checker.applied(1, 1, revision=5, code=codes.OK, value="y")


def counted() -> list[Operation]:
    """Two sure increments, one unknown, one refused."""
    history = History(World(1))
    for code in (codes.OK, codes.OK, codes.OUTCOME_UNKNOWN, codes.BAD_VERSION):
        history.complete(history.invoke("a", ops.SET, ()), code=code)
    return history.operations


@pytest.mark.parametrize("final", [2, 3])
def test_a_count_may_include_the_unknown(final: int) -> None:
    check_count(counted(), final, "count")


@pytest.mark.parametrize("final", [1, 4])
def test_a_count_that_lost_or_doubled_an_effect(final: int) -> None:
    with pytest.raises(WrongResult, match=r"of 2 to 3 requests"):
        check_count(counted(), final, "count")


def test_names_are_given_once_and_kept() -> None:
    check_unique(["a", "b"], {"a", "b", "c"}, "names")
    with pytest.raises(WrongResult, match="a was given twice"):
        check_unique(["a", "a"], {"a"}, "names")
    with pytest.raises(WrongResult, match="missing"):
        check_unique(["a", "b"], {"a"}, "names")
