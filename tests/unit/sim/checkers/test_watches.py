"""Missed, doubled, misordered, invented and late events are caught."""

from __future__ import annotations

import pytest

from coordsvc.base.vocabulary import ops
from tests.sim.checkers.watches import WatchChecker, matches
from tests.sim.verdicts import WrongResult


def watching() -> WatchChecker:
    """A watch of the subtree /a from behind revision 2; two events of it, one of others."""
    checker = WatchChecker()
    checker.committed(2, [(ops.CREATED, "/a")])
    checker.started("w", path="/a", mode=ops.WATCH_SUBTREE, connection="c", revision=2)
    checker.committed(3, [(ops.CREATED, "/a/x"), (ops.CREATED, "/b")])
    checker.committed(3, [(ops.CREATED, "/a/x")])
    checker.committed(5, [(ops.CHANGED, "/a/x")])
    return checker


def test_every_event_once_and_in_order() -> None:
    checker = watching()
    checker.delivered("w", ops.CREATED, "/a/x", 3)
    checker.shown("c", 4)
    checker.shown("another connection", 5)
    checker.delivered("w", ops.CHANGED, "/a/x", 5)
    checker.shown("c", 5)
    checker.finish(5)


def test_a_missed_event() -> None:
    checker = watching()
    with pytest.raises(WrongResult, match="where"):
        checker.delivered("w", ops.CHANGED, "/a/x", 5)


def test_a_doubled_event() -> None:
    checker = watching()
    checker.delivered("w", ops.CREATED, "/a/x", 3)
    with pytest.raises(WrongResult, match="is due"):
        checker.delivered("w", ops.CREATED, "/a/x", 3)


def test_an_event_from_before_the_start() -> None:
    checker = watching()
    with pytest.raises(WrongResult):
        checker.delivered("w", ops.CREATED, "/a", 2)


def test_an_event_of_what_was_not_committed() -> None:
    checker = watching()
    checker.delivered("w", ops.CREATED, "/a/x", 3)
    checker.delivered("w", ops.CHANGED, "/a/x", 5)
    with pytest.raises(WrongResult, match="where None is due"):
        checker.delivered("w", ops.DELETED, "/a/x", 6)


def test_an_answer_that_overtakes_an_event() -> None:
    checker = watching()
    with pytest.raises(WrongResult, match="revision 3 shown before"):
        checker.shown("c", 3)


def test_a_resumed_watch_counts_on_its_new_connection() -> None:
    checker = watching()
    checker.moved("w", "d")
    checker.shown("c", 5)
    with pytest.raises(WrongResult):
        checker.shown("d", 5)


def test_an_event_that_never_comes() -> None:
    checker = watching()
    checker.delivered("w", ops.CREATED, "/a/x", 3)
    with pytest.raises(WrongResult, match="before event"):
        checker.finish(9)


def test_a_watch_that_was_told_of_its_loss_or_ended_is_owed_nothing() -> None:
    for end in (WatchChecker.lost, WatchChecker.ended):
        checker = watching()
        end(checker, "w")
        checker.finish(9)


@pytest.mark.parametrize(
    ("mode", "kind", "path", "matching"),
    [
        (ops.WATCH_NODE, ops.CHANGED, "/a", True),
        (ops.WATCH_NODE, ops.CREATED, "/a/x", False),
        (ops.WATCH_CHILDREN, ops.CREATED, "/a/x", True),
        (ops.WATCH_CHILDREN, ops.CHANGED, "/a/x", False),
        (ops.WATCH_CHILDREN, ops.DELETED, "/a/x/y", False),
        (ops.WATCH_CHILDREN, ops.DELETED, "/a", True),
        (ops.WATCH_SUBTREE, ops.CHANGED, "/a/x/y", True),
        (ops.WATCH_SUBTREE, ops.CHANGED, "/ab", False),
    ],
)
def test_what_a_watch_is_told(mode: int, kind: int, path: str, matching: bool) -> None:
    assert matches("/a", mode, kind=kind, path=path) is matching
