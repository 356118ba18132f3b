import pytest

from coordsvc.server import options
from coordsvc.server.options import OPTIONS


def test_every_option_accepts_its_own_default():
    for option in OPTIONS:
        option.kind.parse(option.default)


def test_every_option_is_in_the_table_once_and_under_its_own_name():
    declared = [value for value in vars(options).values() if isinstance(value, options.Option)]
    assert [id(option) for option in OPTIONS] == [id(option) for option in declared]
    assert len({option.name for option in OPTIONS}) == len(OPTIONS)


def test_an_option_has_one_name_in_three_spellings():
    assert options.DATA_DIR.flag == "--data-dir"
    assert options.DATA_DIR.variable == "COORDSVC_DATA_DIR"


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (options.INSECURE, "maybe"),
        (options.LOG_LEVEL, "loud"),
        (options.NODE, "a b"),
        (options.DATA_DIR, ""),
        (options.SNAPSHOT_EVERY_ENTRIES, "99"),
        (options.SNAPSHOT_EVERY_ENTRIES, "1e6"),
        (options.CLOCK_DRIFT_PPM, "200001"),
    ],
)
def test_what_an_option_does_not_accept_is_refused(option, text):
    with pytest.raises(ValueError, match=r"."):
        option.kind.parse(text)
