import pytest

from coordsvc_client.greeting import Greeting, Verdict
from coordsvc_client.wire import codes, ops
from coordsvc_client.wire.framing import encode_frame

WELCOME = [ops.WELCOME, 7, b"p", 10_000, 50, "n1", "", "", "c"]
EXPIRED = [ops.GOODBYE, codes.SESSION_EXPIRED, "gone"]


def verdict_on(*messages, session=7):
    return Greeting(b"", session=session, at=0).receive(encode_frame(list(messages)))


def test_a_welcome_is_taken_and_all_that_came_is_kept():
    greeting = Greeting(b"hello", session=7, at=5)
    frame = encode_frame([WELCOME]) + encode_frame([[ops.LEADER, "n1", "n1:1", 5]])
    assert greeting.receive(frame[:10]) is None
    assert greeting.receive(frame[10:20]) is None
    assert greeting.receive(frame[20:]) is Verdict.TAKE
    assert greeting.data == frame


@pytest.mark.parametrize("code", [codes.SESSION_EXPIRED, codes.BAD_PASSWORD])
def test_the_end_of_the_session_is_taken_too_for_it_is_true_everywhere(code):
    assert verdict_on([ops.GOODBYE, code, "gone"]) is Verdict.TAKE
    assert verdict_on([ops.GOODBYE, code, "gone"], session=0) is Verdict.LEAVE
    assert verdict_on([ops.GOODBYE, code, "gone"], session=ops.NO_SESSION) is Verdict.LEAVE


def test_a_server_that_cannot_serve_is_left():
    assert verdict_on([ops.GOODBYE, codes.NO_QUORUM, ""]) is Verdict.LEAVE
    assert verdict_on([ops.LEADER, "n1", "", 1]) is Verdict.LEAVE
    assert verdict_on() is Verdict.LEAVE


@pytest.mark.parametrize("noise", [b"HTTP/1.1 400 Bad Request", b"\0\0\0\1\xc1", b"\0\0\0\0"])
def test_what_is_no_coordsvc_is_left(noise):
    assert Greeting(b"", session=7, at=0).receive(noise) is Verdict.LEAVE


def test_a_verdict_stays():
    greeting = Greeting(b"", session=7, at=0)
    greeting.receive(encode_frame([WELCOME]))
    assert greeting.receive(encode_frame([EXPIRED])) is Verdict.TAKE
