"""A history orders what happens at one instant, and knows what a client cannot know."""

from __future__ import annotations

import pytest

from coordsvc.base.vocabulary import codes, ops
from tests.sim.history import NEVER, History, Outcome, outcome_of
from tests.sim.world import World


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (codes.OK, Outcome.DECIDED),
        (codes.BAD_VERSION, Outcome.DECIDED),
        (codes.NOT_LEADER, Outcome.FAILED),
        (codes.OUTCOME_UNKNOWN, Outcome.UNKNOWN),
        (codes.TIMED_OUT, Outcome.UNKNOWN),
    ],
)
def test_a_code_says_whether_a_request_took_effect(code: int, outcome: Outcome) -> None:
    assert outcome_of(code) is outcome


def test_what_happens_at_one_instant_has_an_order() -> None:
    history = History(World(1))
    first = history.invoke("a", ops.GET, ("/x",))
    history.complete(first, code=codes.OK)
    second = history.invoke("b", ops.GET, ("/x",))
    assert first.completed_at == second.invoked_at
    assert first.completed < second.invoked


def test_an_unknown_outcome_never_completes() -> None:
    history = History(World(1))
    operation = history.invoke("a", ops.SET, ("/x",))
    history.complete(operation, code=codes.OUTCOME_UNKNOWN)
    assert operation.completed == NEVER
    assert not operation.is_ok
    assert "..." in str(operation)


def test_an_operation_completes_once() -> None:
    history = History(World(1))
    operation = history.invoke("a", ops.SET, ("/x",))
    history.complete(operation, code=codes.OK, revision=3)
    with pytest.raises(AssertionError, match="completed twice"):
        history.complete(operation, code=codes.OK)
    assert "set('/x') -> None @3" in str(operation)
