"""What is a plain SET, and that it is read as the parser reads it."""

import pytest

from coordsvc.base import limits
from coordsvc.base.vocabulary import codes, ops
from coordsvc.state.commands import parse, validate
from coordsvc.state.plain import plain_set


@pytest.mark.parametrize(
    "request_",
    [
        [ops.SET, 1, 1, "/a", b"x", -1],
        [ops.PUT, 1, 1, "/a", b"x", -1, []],
        [ops.SET, 1, 2, "/a", b"x", -1, []],
        [ops.SET, True, True, "/a", b"x", -1, []],
        [float(ops.SET), 1, 1, "/a", b"x", -1, []],
        [ops.SET, 1, 1, b"/a", b"x", -1, []],
        [ops.SET, 1, 1, "/a", "x", -1, []],
        [ops.SET, 1, 1, "/a", b"x", -1.0, []],
        [ops.SET, 1, 1, "/a", b"x", 0, []],
        [ops.SET, 1, 1, "/a", b"x", -1, [["/a", 1]]],
        [ops.SET, 1, 1, "/a", bytes(limits.DATA_BYTES_MAX + 1), -1, []],
        [ops.SET, 2**63, 1, "/a", b"x", -1, []],
    ],
)
def test_only_a_plain_set_is_one(request_):
    assert plain_set(request_) is None


def test_a_plain_set_is_read_as_the_parser_reads_it():
    request = [ops.SET, 5, 3, "/a", b"x", -1, []]
    command = parse(request, internal=False)
    assert plain_set(request) == (5, 3, command.path, command.data)
    assert validate(request) == (codes.OK, "")
    assert validate([ops.SET, 0, 0, "/a", b"x", -1, []])[0] == codes.MALFORMED
