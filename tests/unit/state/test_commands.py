import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc.base import limits
from coordsvc.base.vocabulary import codes, ops
from coordsvc.state import commands
from coordsvc.state.arguments import MalformedCommand

CREATE = ["/a", b"x", ops.PERSISTENT, False, True, 0, [["/l", 5]]]
GOOD = {
    ops.CREATE: CREATE,
    ops.PUT: ["/a", None, False, []],
    ops.SET: ["/a", b"x", -1, []],
    ops.DELETE: ["/a", 3, True, []],
    ops.TXN: [
        [[ops.CHECK_EXISTS, "/a", True], [ops.CHECK_DATA, "/a", None], [ops.CHECK_MZXID, "/a", 1]],
        [[ops.CREATE, *CREATE], [ops.CHECK_VERSION, "/a", 0]],
        [[ops.CHECK_TOKEN, "/a", 1]],
    ],
    ops.ACQUIRE: ["/a", True, False, 100, "note"],
    ops.RELEASE: ["/a", 7],
    ops.BREAK: ["/a", "why"],
    ops.CLOSE: [],
}
INTERNAL = {
    ops.OPEN_SESSION: [b"pw", 5000, "name", "address"],
    ops.EXPIRE_SESSION: [5],
    ops.TICK: [],
    ops.END_SESSION: [5, "why"],
}


def test_every_good_request_is_accepted_and_typed():
    for op, arguments in GOOD.items():
        assert commands.validate([op, 2, 1, *arguments]) == (codes.OK, "")
    for op, arguments in {**GOOD, **INTERNAL}.items():
        assert commands.parse([op, 0, 0, *arguments], internal=True)
    command = commands.parse([ops.CREATE, 1, 1, *CREATE], internal=False)
    assert command == commands.Create("/a", b"x", ops.PERSISTENT, False, True, 0, [("/l", 5)])


def test_what_only_the_service_may_do_is_refused_from_clients():
    for op, arguments in INTERNAL.items():
        assert commands.validate([op, 1, 1, *arguments])[0] == codes.MALFORMED


def test_a_missing_or_extra_argument_is_refused():
    for op, arguments in GOOD.items():
        assert commands.validate([op, 1, 1, *arguments, None])[0] == codes.MALFORMED
        if arguments:
            assert commands.validate([op, 1, 1, *arguments[:-1]])[0] == codes.MALFORMED


def test_an_argument_of_another_type_is_refused():
    for op, arguments in {**GOOD, **INTERNAL}.items():
        for at in range(len(arguments)):
            wrong = [*arguments[:at], 1.5, *arguments[at + 1 :]]
            with pytest.raises(MalformedCommand) as caught:
                commands.parse([op, 1, 1, *wrong], internal=True)
            assert caught.value.code == codes.MALFORMED


BIG = b"x" * (limits.DATA_BYTES_MAX + 1)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (None, codes.MALFORMED),
        ([], codes.MALFORMED),
        ([ops.CLOSE, 1], codes.MALFORMED),
        ([ops.CLOSE, 0, 0], codes.MALFORMED),
        ([ops.CLOSE, 1, 2], codes.MALFORMED),
        ([ops.CLOSE, -1, -1], codes.MALFORMED),
        ([ops.CLOSE, True, 1], codes.MALFORMED),
        ([ops.CLOSE, 2**63, 1], codes.MALFORMED),
        (["close", 1, 1], codes.MALFORMED),
        ([[], 1, 1], codes.MALFORMED),
        ([True, 1, 1], codes.MALFORMED),
        ([99, 1, 1], codes.MALFORMED),
        ([ops.SET, 1, 1, "/a", BIG, -1, []], codes.TOO_LARGE),
        ([ops.SET, 1, 1, "/a", BIG, 3, []], codes.TOO_LARGE),
        ([ops.SET, 1, 1, "/a", b"", True, []], codes.MALFORMED),
        ([ops.SET, 1, 1, "/a", b"", -1.0, []], codes.MALFORMED),
        ([ops.SET, 1, 1, "/a", b"", -1, [["/a"]]], codes.MALFORMED),
        ([ops.SET, 1, 1, "/a", b"", -1, [["/a", 1]] * 17], codes.TOO_MANY),
        ([ops.CREATE, 1, 1, "/a", b"", 9, False, False, 0, []], codes.BAD_ARGUMENTS),
        ([ops.CREATE, 1, 1, "/a", b"", ops.TTL, False, False, 0, []], codes.BAD_ARGUMENTS),
        ([ops.CREATE, 1, 1, "/a", b"", ops.TTL, False, False, 2**40, []], codes.BAD_ARGUMENTS),
        ([ops.CREATE, 1, 1, "/a", b"", 0, False, False, 5, []], codes.BAD_ARGUMENTS),
        ([ops.ACQUIRE, 1, 1, "/a", True, True, 2**40, ""], codes.BAD_ARGUMENTS),
        ([ops.ACQUIRE, 1, 1, "/a", True, True, 0, "n" * 1025], codes.TOO_LARGE),
        ([ops.TXN, 1, 1, [], [[ops.ACQUIRE, "/a", 1, 1, 0, ""]], []], codes.MALFORMED),
        ([ops.TXN, 1, 1, [[ops.SET, "/a", b"", -1, []]], [], []], codes.MALFORMED),
        ([ops.TXN, 1, 1, [[]], [], []], codes.MALFORMED),
        ([ops.TXN, 1, 1, [], [[ops.CHECK_TOKEN, "/a", 1]] * 1025, []], codes.TOO_MANY),
    ],
)
def test_what_is_out_of_bounds_is_refused_with_its_code(request_, code):
    refused, text = commands.validate(request_)
    assert refused == code
    assert text


def test_a_session_timeout_has_bounds():
    for timeout_ms in (0, limits.SESSION_TIMEOUT_MS_MAX + 1):
        with pytest.raises(MalformedCommand) as caught:
            commands.parse([ops.OPEN_SESSION, 0, 0, b"", timeout_ms, "", ""], internal=True)
        assert caught.value.code == codes.BAD_ARGUMENTS


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        msgpack.packb([1]),
        msgpack.packb([-1, [9, 1, 1]]),
        msgpack.packb([1, [9, 1]]),
        msgpack.packb({1: 2}),
        msgpack.packb([1, [9, 1, 1]]) + b"\0",
        b"\x91" * 5000,
        msgpack.packb([1, [9, 1, {}]]),
        b"\x92\x01\x93\x03\x01\xa1\xff",
    ],
)
def test_what_is_not_an_entry_is_told_apart(data):
    with pytest.raises(MalformedCommand):
        commands.read_entry(data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=3)
    | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=8),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(VALUES, max_size=10), st.sampled_from([*ops.MUTATIONS, 99]))
def test_validate_never_raises(arguments, op):
    code, text = commands.validate([op, 1, 1, *arguments])
    assert (code == codes.OK) == (text == "")
