import pytest

from coordsvc.base.vocabulary import codes
from coordsvc.cli import exits


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        (codes.NO_NODE, 3),
        (codes.NODE_EXISTS, 4),
        (codes.BAD_VERSION, 4),
        (codes.NO_QUORUM, 5),
        (codes.NOT_LEADER, 5),
        (codes.DENIED, 6),
        (codes.SESSION_EXPIRED, 7),
        (codes.STALE_TOKEN, 7),
        (codes.TIMED_OUT, 124),
        (codes.OUTCOME_UNKNOWN, 124),
        (codes.BAD_PATH, 2),
        (codes.MALFORMED, 1),
        (999, 1),
    ],
)
def test_exit_codes_are_what_scripts_rely_on(code, exit_code):
    assert exits.exit_of(code) == exit_code


def test_every_refusal_that_may_pass_is_told_as_one():
    assert {exits.exit_of(code) for code in codes.RETRYABLE} == {exits.UNREACHABLE}


def test_a_code_has_words():
    assert exits.text_of(codes.NO_NODE, "") == "no such node"
    assert exits.text_of(codes.NO_NODE, "no such node") == "no such node"
    assert exits.text_of(codes.BAD_PATH, "it ends with /") == "bad path: it ends with /"
    assert exits.text_of(999, "") == "code 999"
