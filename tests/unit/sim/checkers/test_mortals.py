"""What goes by itself must have a reason."""

from __future__ import annotations

import pytest

from coordsvc.base.vocabulary import messages, ops
from coordsvc.state.events import Event
from coordsvc.state.results import Applied
from tests.sim.checkers.mortals import MortalChecker
from tests.sim.verdicts import WrongResult


def event(kind: int = ops.DELETED, **fields: int) -> Event:
    stat = tuple(fields.get(name, 0) for name in messages.STAT_FIELDS)
    return Event(kind, "/a", 9, stat, None)


def applied(*events: Event, ended: tuple[int, ...] = ()) -> Applied:
    result = Applied(0, 0, 0, 9, None, list(events))
    result.ended = ended
    return result


def test_what_is_due_may_go() -> None:
    checker = MortalChecker()
    ttl = Event(ops.DELETED, "/a", 9, (*event(mtime=100).stat[:11], ops.TTL, 50), None)
    checker.applied(9, ops.TICK, applied(ttl), 150)
    assert checker.gone == 1
    with pytest.raises(WrongResult, match="1 ms before its time"):
        checker.applied(9, ops.TICK, applied(ttl), 149)


def test_only_mortal_nodes_without_children_go_by_time() -> None:
    checker = MortalChecker()
    box = (*event().stat[:11], ops.CONTAINER, 0)
    checker.applied(9, ops.TICK, applied(Event(ops.DELETED, "/a", 9, box, None)), 1)
    full = (*event(num_children=1).stat[:11], ops.CONTAINER, 0)
    with pytest.raises(WrongResult, match="1 children"):
        checker.applied(9, ops.TICK, applied(Event(ops.DELETED, "/a", 9, full, None)), 1)
    with pytest.raises(WrongResult, match="kind 0"):
        checker.applied(9, ops.TICK, applied(event()), 1)


def test_with_a_session_go_its_own_nodes_only() -> None:
    checker = MortalChecker()
    checker.applied(9, ops.EXPIRE_SESSION, applied(event(owner=4), ended=(4,)), 1)
    for other in (event(owner=5), event(), event(ops.CHANGED, owner=4)):
        with pytest.raises(WrongResult, match="went with session"):
            checker.applied(9, ops.CLOSE, applied(other, ended=(4,)), 1)
    checker.applied(9, ops.DELETE, applied(event()), 1)
