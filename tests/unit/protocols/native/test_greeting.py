"""The first frame of a native connection."""

import pytest

from coordsvc.base import limits
from coordsvc.protocols.native.greeting import Hello, HelloError, read_hello
from coordsvc_client.wire import codes, ops

GOOD = [ops.HELLO, ops.MAGIC, [1], 0, b"password", 10_000, 5, "me"]


def changed(position, value):
    return [*GOOD[:position], value, *GOOD[position + 1 :]]


def test_a_greeting_is_read():
    assert read_hello(GOOD) == Hello(0, b"password", 10_000, 5, "me")
    assert read_hello([*GOOD, "what a later version adds"]) == read_hello(GOOD)


def test_a_connection_that_only_reads_needs_no_password():
    assert read_hello([*GOOD[:3], ops.NO_SESSION, b"", 0, 0, ""]).session == ops.NO_SESSION


@pytest.mark.parametrize(
    ("greeting", "code"),
    [
        (None, codes.BAD_FRAME),
        ([], codes.BAD_FRAME),
        ("HELLO", codes.BAD_FRAME),
        (GOOD[:-1], codes.BAD_FRAME),
        (changed(0, 1), codes.BAD_FRAME),
        (changed(1, "zookeeper"), codes.BAD_FRAME),
        (changed(2, 1), codes.BAD_FRAME),
        (changed(3, "1"), codes.BAD_FRAME),
        (changed(4, "text"), codes.BAD_FRAME),
        (changed(7, b"bytes"), codes.BAD_FRAME),
        (changed(2, []), codes.UNSUPPORTED),
        (changed(2, [2, [], "x"]), codes.UNSUPPORTED),
        (changed(3, -2), codes.BAD_ARGUMENTS),
        (changed(4, b"short"), codes.BAD_ARGUMENTS),
        (changed(4, bytes(limits.PASSWORD_BYTES_MAX + 1)), codes.BAD_ARGUMENTS),
        (changed(5, -1), codes.BAD_ARGUMENTS),
        (changed(6, -1), codes.BAD_ARGUMENTS),
        (changed(7, "n" * (limits.CLIENT_NAME_BYTES_MAX + 1)), codes.BAD_ARGUMENTS),
    ],
)
def test_what_is_not_spoken_here_is_refused(greeting, code):
    with pytest.raises(HelloError) as refused:
        read_hello(greeting)
    assert refused.value.code == code
    assert refused.value.text
