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
    ("text", "millis"), [("250", 250), ("250ms", 250), ("2s", 2000), ("1.5s", 1500), ("1m", 60_000)]
)
def test_a_time_may_have_a_unit(text, millis):
    assert options.ELECTION_MS.kind.parse(text) == millis


@pytest.mark.parametrize("text", ["", "x", "-5", "5 s", "1h", "10"])
def test_a_time_that_is_none_or_out_of_range_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        options.ELECTION_MS.kind.parse(text)


@pytest.mark.parametrize("text", ["true", "YES", "on", "1"])
def test_a_switch_has_several_words_for_on(text):
    assert options.INSECURE.kind.parse(text) is True


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


def test_numbers_may_be_grouped():
    assert options.SNAPSHOT_EVERY_ENTRIES.kind.parse("1_000") == 1000


def test_a_secret_is_what_its_file_holds(tmp_path):
    parse = options.ADMIN_TOKEN_FILE.kind.parse
    place = tmp_path / "token"
    place.write_text("0123456789abcdef\n")
    assert parse(str(place)) == "0123456789abcdef"
    assert not parse("")
    for content in ("short", "0123456789abcdef\x00", "ünprintable-0123456789"):
        place.write_text(content)
        with pytest.raises(ValueError, match="too short, or not printable"):
            parse(str(place))
    with pytest.raises(ValueError, match="cannot be read"):
        parse(str(tmp_path / "none"))


def test_a_super_user_is_named_with_his_digest():
    parse = options.ZOOKEEPER_SUPER_DIGEST.kind.parse
    assert not parse("")
    assert parse("super:xQJmxLMiHGwaqBvst5y6rkB6HQs=") == "super:xQJmxLMiHGwaqBvst5y6rkB6HQs="
    for text in ("super", "super:", ":xQJmxLMiHGwaqBvst5y6rkB6HQs=", "super:secret"):
        with pytest.raises(ValueError, match="not a user and a digest"):
            parse(text)
