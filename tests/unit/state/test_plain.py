"""What is plain, and that the parser says the same of it."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordsvc.base import limits
from coordsvc.base.vocabulary import codes, ops
from coordsvc.state import plain, versions
from coordsvc.state.commands import parse, validate

PLAIN = [
    [ops.CREATE, 5, 3, "/a", b"x", ops.EPHEMERAL, False, True, 0, []],
    [ops.PUT, 5, 3, "/a", b"x", True, []],
    [ops.SET, 5, 3, "/a", b"x", -1, []],
    [ops.DELETE, 5, 3, "/a", -1, True, []],
    [ops.ACQUIRE, 5, 3, "/a", True, False, 9, "note"],
    [ops.RELEASE, 5, 3, "/a", 7],
]


def is_plain(request):
    return plain.READERS[request[0]](request) is not None


@pytest.mark.parametrize("request_", PLAIN)
def test_what_is_plain_may_enter_the_log(request_):
    assert is_plain(request_)
    assert validate(request_) == (codes.OK, "")
    assert validate([request_[0], 0, 0, *request_[3:]])[0] == codes.MALFORMED
    assert validate([request_[0], 3, 5, *request_[3:]])[0] == codes.MALFORMED


@pytest.mark.parametrize(
    "request_",
    [
        [ops.SET, 1, 1, "/a", b"x", -1],
        [ops.SET, 1, 1, b"/a", b"x", -1, []],
        [ops.SET, 1, 1, "/a", "x", -1, []],
        [ops.SET, 1, 1, "/a", b"x", -1.0, []],
        [ops.SET, 1, 1, "/a", b"x", 0, []],
        [ops.SET, 1, 1, "/a", b"x", -1, [["/a", 1]]],
        [ops.SET, 1, 1, "/a", bytes(limits.DATA_BYTES_MAX + 1), -1, []],
        [ops.PUT, 1, 1, "/a", None, True, []],
        [ops.PUT, 1, 1, "/a", b"x", 1, []],
        [ops.CREATE, 1, 1, "/a", b"x", ops.CONTAINER, False, True, 0, []],
        [ops.CREATE, 1, 1, "/a", b"x", ops.PERSISTENT, True, True, 0, []],
        [ops.CREATE, 1, 1, "/a", b"x", ops.PERSISTENT, False, True, 1, []],
        [ops.CREATE, 1, 1, "/a", b"x", False, False, True, 0, []],
        [ops.DELETE, 1, 1, "/a", -1, 0, []],
        [ops.ACQUIRE, 1, 1, "/a", False, True, limits.LOCK_DELAY_MS_MAX + 1, ""],
        [ops.ACQUIRE, 1, 1, "/a", False, True, 0, "x" * (plain.NOTE_LENGTH_MAX + 1)],
        [ops.RELEASE, 1, 1, "/a", -1],
        [ops.RELEASE, 1, 1, "/a", 2**63],
        [ops.RELEASE, 1, 1, "/a", 1, 1],
    ],
)
def test_what_is_not_plain_is_left_to_the_parser(request_):
    assert not is_plain(request_)


values = st.one_of(
    st.sampled_from(["/a", b"x", "", -1, 0, 1, 2**63 - 1, -1.0, True, False, None, [], [["/a", 1]]])
)


@given(st.sampled_from(PLAIN), st.data())
def test_the_parser_takes_whatever_is_plain(request_, data):
    request = [*request_]
    for place in data.draw(st.lists(st.integers(3, len(request) - 1), max_size=3)):
        request[place] = data.draw(values)
    request = msgpack.unpackb(msgpack.packb(request))
    if is_plain(request):
        parse(request, internal=False)


def test_all_of_them_are_of_the_first_version():
    assert not plain.READERS.keys() & versions.SINCE.keys()
