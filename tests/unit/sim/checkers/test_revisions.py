"""A past that answers, one revision for two writes, and a step back are caught."""

from __future__ import annotations

import pytest

from coordsvc.base.vocabulary import codes, ops
from tests.sim.checkers.revisions import SeenChecker, check_real_time
from tests.sim.history import History
from tests.sim.verdicts import WrongResult
from tests.sim.world import World


def history_of(*steps: tuple[int, int]) -> History:
    """Return operations one after the other, given as op and revision."""
    history = History(World(1))
    for op, revision in steps:
        history.complete(history.invoke("a", op, ()), code=codes.OK, revision=revision)
    return history


def test_revisions_that_grow_pass() -> None:
    check_real_time(history_of((ops.SET, 1), (ops.GET, 1), (ops.SET, 3)).operations)


@pytest.mark.parametrize("late", [(ops.GET, 2), (ops.SET, 2)])
def test_the_past_does_not_answer(late: tuple[int, int]) -> None:
    with pytest.raises(WrongResult, match="the past answers"):
        check_real_time(history_of((ops.SET, 1), (ops.SET, 3), late).operations)


def test_concurrent_writes_may_commit_in_either_order() -> None:
    history = History(World(1))
    one, other = history.invoke("a", ops.SET, ()), history.invoke("b", ops.SET, ())
    history.complete(one, code=codes.OK, revision=2)
    history.complete(other, code=codes.OK, revision=1)
    check_real_time(history.operations)


def test_two_writes_have_two_revisions() -> None:
    with pytest.raises(WrongResult, match="one revision for two writes"):
        check_real_time(history_of((ops.SET, 1), (ops.SET, 1)).operations)


def test_a_client_does_not_see_the_past_again() -> None:
    seen = SeenChecker()
    seen.saw("a", 2)
    seen.saw("b", 1)
    seen.saw("a", 2)
    with pytest.raises(WrongResult, match="a saw revision 2, then 1"):
        seen.saw("a", 1)
