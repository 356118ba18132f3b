"""Values of options as text: what is taken, and as what."""

import pytest

from coordsvc.server import kinds


@pytest.mark.parametrize(
    ("text", "millis"), [("250", 250), ("250ms", 250), ("2s", 2000), ("1.5s", 1500), ("1m", 60_000)]
)
def test_a_time_may_have_a_unit(text, millis):
    assert kinds.millis(20, 60_000).parse(text) == millis


@pytest.mark.parametrize("text", ["", "x", "-5", "5 s", "1h", "10"])
def test_a_time_that_is_none_or_out_of_range_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        kinds.millis(20, 60_000).parse(text)


@pytest.mark.parametrize("text", ["true", "YES", "on", "1"])
def test_a_switch_has_several_words_for_on(text):
    assert kinds.SWITCH.parse(text) is True


def test_numbers_may_be_grouped():
    assert kinds.number(1, 10_000).parse("1_000") == 1000


def test_a_secret_is_what_its_file_holds(tmp_path):
    parse = kinds.SECRET.parse
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
    parse = kinds.DIGEST.parse
    assert not parse("")
    assert parse("super:xQJmxLMiHGwaqBvst5y6rkB6HQs=") == "super:xQJmxLMiHGwaqBvst5y6rkB6HQs="
    for text in ("super", "super:", ":xQJmxLMiHGwaqBvst5y6rkB6HQs=", "super:secret"):
        with pytest.raises(ValueError, match="not a user and a digest"):
            parse(text)
