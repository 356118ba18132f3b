"""Who is told of an entry, and in which order."""

import pytest

from coordsvc.base.vocabulary import codes, ops
from coordsvc.replica.codec import internal_command
from coordsvc.replica.desk import Desk
from coordsvc.replica.liveness import Liveness
from coordsvc.replica.telling import Telling
from coordsvc.state.events import Event, LockChange
from coordsvc.state.machine import StateMachine
from coordsvc.state.results import Applied
from coordsvc.watch.paths import Watches

STAT = (0,) * 13


class Caller:
    def __init__(self, session=0):
        self.session = session
        self.pending = {}
        self.told = []

    def __getattr__(self, name):
        return lambda *args: self.told.append((name, *args))


class Member:
    def __init__(self, leading):
        self.machine = StateMachine()
        self.leading = leading


@pytest.fixture(params=[True, False])
def member(request):
    return Member(request.param)


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def watches():
    return Watches()


@pytest.fixture
def telling(member, desk, watches):
    return Telling(member, desk, watches, Liveness())


def test_events_come_before_grants_and_grants_before_the_answer(telling, desk, watches):
    caller = Caller(7)
    desk.attach(caller, 7)
    desk.submit(caller, 1, b"command")
    watches.add(caller, 5, "/a", ops.WATCH_NODE, with_data=True)
    event, change = Event(ops.CHANGED, "/a", 9, STAT, b""), LockChange(7, "/b", 3, ops.HELD, 9)
    applied = Applied(7, 1, codes.OK, 9, None, [event], [change])
    telling.tell(applied, 0)
    assert caller.told == [("notify", 5, event), ("lock_changed", change, 9), ("decided", applied)]


def test_who_began_to_watch_later_is_found(telling, watches):
    caller = Caller()
    event = Event(ops.CHANGED, "/a", 9, STAT, b"")
    telling.tell(Applied(7, 1, codes.OK, 9, None, [event]), 0)
    watches.add(caller, 5, "/a", ops.WATCH_NODE, with_data=True)
    telling.tell(Applied(7, 2, codes.OK, 9, None, [event]), 0)
    watches.remove_listener(caller)
    telling.tell(Applied(7, 3, codes.OK, 9, None, [event]), 0)
    assert caller.told == [("notify", 5, event)]


def test_whoever_asked_for_a_session_is_attached_to_it(telling, member, desk):
    command = internal_command(ops.OPEN_SESSION, 99, b"p" * 16, 5_000, "", "")
    asker = Caller()
    desk.open(asker, 99, command)
    telling.tell(member.machine.apply(1, 10, command), 0)
    assert asker.told == [("welcomed", 1, b"p" * 16, 5_000)]
    assert desk.attached == {1: asker}


def test_whoever_asked_in_vain_is_sent_away(telling, desk):
    asker = Caller()
    desk.open(asker, 99, b"")
    telling.tell(Applied(0, 99, codes.TOO_MANY, 9, None), 0)
    assert asker.told == [("rejected", codes.TOO_MANY, "no session could be opened")]


def test_the_client_of_a_session_that_ended_hears_of_it(telling, desk):
    caller = Caller(7)
    desk.attach(caller, 7)
    telling.tell(Applied(0, 5, codes.OK, 9, True, ended=(7, 8)), 0)
    assert [name for name, *_ in caller.told] == ["rejected"]
    assert not desk.attached
