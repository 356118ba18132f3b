import pytest

from coordsvc.base import limits
from coordsvc.base.vocabulary import codes
from coordsvc.state import arguments
from coordsvc.state.arguments import MalformedCommand


@pytest.mark.parametrize(
    ("read", "good", "bad"),
    [
        (arguments.read_path, ["", "/a", "x//"], [None, b"/a", 1]),
        (arguments.read_data, [None, b"", b"x"], ["x", 1, []]),
        (arguments.read_flag, [True, False], [0, 1, None]),
        (arguments.read_number, [0, 2**63 - 1], [-1, 2**63, True, 1.0]),
        (arguments.read_version, [-1, 0, -(2**31)], [2**63, -(2**31) - 1, True, None]),
    ],
)
def test_a_value_is_returned_as_it_is_or_refused(read, good, bad):
    for value in good:
        assert read(value) is value
    for value in bad:
        with pytest.raises(MalformedCommand) as caught:
            read(value)
        assert caught.value.code == codes.MALFORMED


def test_bounds_are_in_bytes_and_exact():
    assert arguments.read_data(b"x" * limits.DATA_BYTES_MAX)
    assert arguments.read_text("\u00e9\u00e9", 4)
    with pytest.raises(MalformedCommand) as caught:
        arguments.read_text("\u00e9\u00e9", 3)
    assert caught.value.code == codes.TOO_LARGE


def test_guards_become_pairs():
    assert arguments.read_guards([["/a", 1], ["/b", 2]]) == [("/a", 1), ("/b", 2)]
    assert arguments.take([1, 2], 2) == [1, 2]
    with pytest.raises(MalformedCommand):
        arguments.take([1], 2)
