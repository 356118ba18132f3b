"""Who is attached, whose commands are pending."""

import pytest

from coordsvc.base import limits
from coordsvc.base.vocabulary import codes
from coordsvc.replica.desk import Desk
from coordsvc.state.results import Applied


class Caller:
    def __init__(self, session=0):
        self.session = session
        self.pending = {}
        self.told = []

    def rejected(self, code, text):
        self.told.append(code)

    def decided(self, applied):
        self.told.append(applied.serial)


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def caller(desk):
    caller = Caller(7)
    desk.attach(caller, 7)
    return caller


def outcome(session, serial):
    return Applied(session, serial, codes.OK, 1, None)


def test_a_command_is_sent_on_once_and_stays_pending_until_it_is_seen(desk, caller):
    assert desk.submit(caller, 1, b"one")
    assert desk.take_outgoing() == [b"one"]
    assert desk.take_outgoing() == []
    assert desk.pending_count() == 1
    assert desk.decided(outcome(7, 1)) is None
    assert caller.told == [1]
    assert desk.pending_count() == 0


def test_a_second_copy_in_the_log_is_not_answered(desk, caller):
    desk.submit(caller, 1, b"one")
    desk.decided(outcome(7, 1))
    desk.decided(outcome(7, 1))
    assert caller.told == [1]


def test_everything_pending_is_sent_again_in_the_order_given(desk, caller):
    desk.open(caller, 99, b"open")
    desk.administer(98, b"admin", lambda applied: None)
    for serial in (1, 2, 3):
        desk.submit(caller, serial, b"%d" % serial)
    desk.take_outgoing()
    desk.take_touched()
    desk.submit(caller, 4, b"4")
    desk.resubmit()
    assert desk.take_outgoing() == [b"open", b"admin", b"1", b"2", b"3", b"4"]
    assert desk.take_touched() == [7], "the command may prove a lease"


def test_what_must_not_be_done_twice_is_sent_once(desk):
    answers = []
    desk.administer(5, b"x", answers.append, once=True)
    desk.resubmit()
    assert desk.take_outgoing() == [b"x"], "it had not left"
    desk.resubmit()
    assert desk.take_outgoing() == []
    assert [(each.serial, each.code) for each in answers] == [(5, codes.OUTCOME_UNKNOWN)]
    desk.decided(outcome(0, 5))
    assert len(answers) == 1


def test_what_waits_for_its_answer_is_bounded(desk, caller, monkeypatch):
    monkeypatch.setattr(limits, "PROPOSALS_BYTES_MAX", 10)
    desk.attach(caller, 7)
    assert desk.submit(caller, 1, bytes(10))
    desk.take_outgoing()
    assert not desk.submit(caller, 2, b"x"), "it still waits for the first one's answer"
    assert list(caller.pending) == [1]
    desk.decided(outcome(7, 1))
    assert desk.submit(caller, 2, b"x")
    desk.leave(caller)
    assert desk.pending_bytes == 0


def test_what_a_session_left_pending_makes_room_when_it_ends(desk, caller):
    desk.attach(caller, 7)
    desk.submit(caller, 1, b"abc")
    desk.ended(7)
    assert (desk.pending_bytes, caller.pending) == (0, {})


def test_the_answer_to_an_opening_goes_to_who_asked_for_it(desk):
    one, two = Caller(), Caller()
    desk.open(one, 101, b"a")
    desk.open(two, 102, b"b")
    assert desk.decided(outcome(0, 102)) is two
    assert desk.decided(outcome(0, 102)) is None
    desk.leave(one)
    assert desk.decided(outcome(0, 101)) is None


def test_an_operator_is_answered(desk):
    answers = []
    desk.administer(5, b"x", answers.append)
    assert desk.decided(outcome(0, 5)) is None
    assert [each.serial for each in answers] == [5]


def test_a_session_that_moves_takes_the_answers_along(desk, caller):
    desk.submit(caller, 1, b"1")
    newer = Caller(7)
    desk.attach(newer, 7)
    assert caller.told == [codes.SESSION_MOVED]
    assert not caller.pending
    desk.leave(caller)
    assert desk.attached == {7: newer}
    desk.submit(newer, 1, b"1")
    desk.decided(outcome(7, 1))
    assert newer.told == [1]


def test_attaching_twice_changes_nothing(desk, caller):
    desk.attach(caller, 7)
    assert caller.told == []


def test_an_ended_session_is_turned_away(desk, caller):
    desk.submit(caller, 1, b"1")
    desk.ended(7)
    desk.ended(7)
    assert caller.told == [codes.SESSION_EXPIRED]
    assert not caller.pending
    assert desk.attached == {}


def test_leaving_forgets_the_client_but_not_what_it_sent(desk, caller):
    desk.connected[caller] = None
    desk.submit(caller, 1, b"1")
    desk.leave(caller)
    assert desk.attached == {}
    assert desk.connected == {}
    assert desk.take_outgoing() == [b"1"]
