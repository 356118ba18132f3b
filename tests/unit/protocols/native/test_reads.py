"""The shapes of reads, and what each asks of the state."""

import pytest

from coordsvc.protocols.native.reads import BadReadError, Read, Watch, answer, read_request
from coordsvc.state.machine import StateMachine
from coordsvc.state.queries import Pages
from coordsvc_client.wire import codes, ops


def read(op, *arguments, consistency=0, revision=0):
    return read_request(op, 5, [op, 5, consistency, revision, *arguments])


GOOD = {
    ops.GET: ("/",),
    ops.STAT: ("/",),
    ops.CHILDREN: ("/", 0, None, 0, True),
    ops.PING: (),
    ops.LOCK_GET: ("/",),
    ops.LOCK_LIST: ("/", 0, None),
    ops.LOCK_STATE: ("/", 1),
    ops.TOKEN_GET: ("/", 1),
    ops.SESSIONS: (0, 0),
}


@pytest.mark.parametrize("op", GOOD)
def test_every_question_has_an_answer(op):
    question, consistency, revision = read(op, *GOOD[op], consistency=1, revision=3)
    assert (consistency, revision) == (1, 3)
    code, value = answer(StateMachine(), Pages(), question, ())
    assert code == (codes.STALE_TOKEN if op == ops.TOKEN_GET else codes.OK), value


@pytest.mark.parametrize("op", GOOD)
def test_a_question_of_another_shape_is_refused(op):
    with pytest.raises(BadReadError, match="takes"):
        read(op, *GOOD[op], "more")
    for at in range(len(GOOD[op])):
        with pytest.raises(BadReadError, match="does not take a float"):
            read(op, *GOOD[op][:at], 1.5, *GOOD[op][at + 1 :])


def test_a_flag_is_not_a_number():
    with pytest.raises(BadReadError):
        read(ops.LOCK_STATE, "/", True)


@pytest.mark.parametrize(
    "request_", [[32, 5], [32, 5, 3, 0, "/"], [32, 5, -1, 0, "/"], [32, 5, 0, -1, "/"],
                 [32, 5, True, 0, "/"], [32, 5, 0, None, "/"]],
)  # fmt: skip
def test_the_head_of_a_read_is_checked(request_):
    with pytest.raises(BadReadError):
        read_request(32, 5, request_)


def test_a_watch_never_falls_behind_the_revision_it_resumes_from():
    watch, consistency, revision = read(
        ops.WATCH, "/a", ops.WATCH_SUBTREE, 9, True, consistency=1, revision=4
    )
    assert watch == Watch(5, "/a", ops.WATCH_SUBTREE, 9, True)
    assert (consistency, revision) == (1, 9)
    for arguments in (("/a", 3, 0, True), ("/a", -1, 0, True), ("/a", 0, -1, True)):
        with pytest.raises(BadReadError):
            read(ops.WATCH, *arguments)


def test_a_question_that_was_not_checked_is_our_own_fault():
    with pytest.raises(AssertionError):
        answer(StateMachine(), Pages(), Read(1, 99, []), ())
