import pytest

from coordsvc_client import errors
from coordsvc_client.wire import codes


@pytest.mark.parametrize("code", sorted(set(codes.NAMES) - {codes.OK}))
def test_every_code_has_an_exception_that_keeps_code_path_and_words(code):
    error = errors.error_for(code, "words", path="/a")
    assert isinstance(error, errors.CoordError)
    assert (error.code, error.path) == (code, "/a")
    assert str(error) == f"{codes.NAMES[code].replace('_', ' ')}: /a: words"


@pytest.mark.parametrize(
    ("code", "builtin"),
    [
        (codes.NO_NODE, LookupError),
        (codes.DENIED, PermissionError),
        (codes.TIMED_OUT, TimeoutError),
        (codes.NO_QUORUM, ConnectionError),
        (codes.BAD_PATH, ValueError),
        (codes.LOCKED, TimeoutError),
        (codes.DISK_FULL, errors.DiskFull),
        (codes.QUOTA_EXCEEDED, errors.QuotaExceeded),
    ],
)
def test_an_exception_is_also_the_builtin_one_that_people_catch(code, builtin):
    with pytest.raises(builtin):
        raise errors.error_for(code)


def test_what_may_be_tried_again_says_so_and_an_unknown_outcome_does_not():
    assert errors.error_for(codes.OVERLOADED).retryable
    assert errors.error_for(codes.TIMED_OUT).retryable
    assert not errors.error_for(codes.OUTCOME_UNKNOWN).retryable
    assert not errors.Closed().retryable
