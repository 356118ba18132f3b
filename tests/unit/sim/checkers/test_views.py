"""What an answer shows is compared with the state at the revision it names."""

from __future__ import annotations

import pytest

from coordsvc.base.vocabulary import codes, ops
from tests.sim.checkers.views import KEPT_MAX, ViewChecker
from tests.sim.verdicts import WrongResult

OLD = (b"old", (3, 3), ())
NEW = (b"new", (3, 8), ("child",))


def checker() -> ViewChecker:
    views = ViewChecker()
    views.changed("/a", 3, OLD)
    views.changed("/a", 8, NEW)
    views.changed("/a", 12, None)
    return views


@pytest.mark.parametrize(
    ("op", "revision", "value"),
    [
        (ops.GET, 3, [b"old", (3, 3)]),
        (ops.GET, 7, [b"old", [3, 3]]),
        (ops.GET, 11, [b"new", (3, 8)]),
        (ops.STAT, 8, (3, 8)),
        (ops.SET, 8, (3, 8)),
        (ops.PUT, 8, [False, (3, 8)]),
        (ops.CHILDREN, 9, [["child"], 0]),
    ],
)
def test_the_state_of_that_revision_is_right(op, revision, value) -> None:
    views = checker()
    views.answered("c", op, ("/a",), (codes.OK, revision, value))
    assert views.checked == 1


@pytest.mark.parametrize("revision", [2, 12, 20])
def test_a_node_that_is_not_there_is_right_before_and_after_its_life(revision) -> None:
    checker().answered("c", ops.GET, ("/a",), (codes.NO_NODE, revision, None))


@pytest.mark.parametrize(
    ("op", "code", "revision", "value"),
    [
        (ops.GET, codes.OK, 8, [b"old", (3, 3)]),
        (ops.GET, codes.OK, 7, [b"new", (3, 8)]),
        (ops.GET, codes.OK, 8, [b"new", (3, 9)]),
        (ops.GET, codes.OK, 12, [b"new", (3, 8)]),
        (ops.GET, codes.NO_NODE, 8, None),
        (ops.CHILDREN, codes.OK, 8, [[], 0]),
        (ops.SET, codes.OK, 8, (3, 9)),
    ],
)
def test_any_other_state_is_wrong(op, code, revision, value) -> None:
    with pytest.raises(WrongResult, match="was shown"):
        checker().answered("c", op, ("/a",), (code, revision, value))


def test_a_node_with_a_number_is_looked_up_by_its_name() -> None:
    views = checker()
    views.answered("c", ops.CREATE, ("/",), (codes.OK, 8, ["/a", (3, 8)]))
    assert views.checked == 1


def test_what_is_too_long_ago_is_passed_over() -> None:
    views = ViewChecker()
    for index in range(1, KEPT_MAX + 2):
        views.changed("/a", index, OLD)
    views.answered("c", ops.GET, ("/a",), (codes.OK, 1, [b"?", ()]))
    assert views.checked == 0
