import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordsvc_client.silence import NEVER, Silence


@pytest.fixture
def silence():
    return Silence(1_000)


def test_nobody_is_silent_who_owes_nothing(silence):
    assert silence.due() == NEVER
    assert not silence.wake(1 << 40)
    assert not silence.is_silent


def test_first_it_knocks_and_then_it_is_silence(silence):
    silence.asked(100)
    silence.asked(300)  # the first counts
    assert silence.due() == 600
    assert not silence.wake(599)
    assert silence.wake(600)
    assert not silence.wake(1_099)
    assert not silence.is_silent
    assert not silence.wake(1_100)
    assert silence.is_silent
    assert silence.due() == NEVER
    silence.asked(1_200)
    assert silence.due() == NEVER, "it is known already"


def test_whoever_looks_late_still_knocks_and_waits(silence):
    silence.asked(0)
    assert silence.wake(60_000)
    assert not silence.is_silent
    assert silence.due() == 60_500


def test_any_word_ends_it_and_what_is_still_due_starts_anew(silence):
    silence.asked(0)
    silence.wake(500)
    silence.wake(1_000)
    silence.heard(1_500, waiting=True)
    assert not silence.is_silent
    assert silence.due() == 2_000
    silence.heard(1_600, waiting=False)
    assert silence.due() == NEVER


def test_before_the_welcome_there_is_no_knocking(silence):
    silence.greeted(100)
    silence.asked(200)
    assert silence.due() == 1_100
    assert not silence.wake(1_100)
    assert silence.is_silent
    silence.ended()
    assert not silence.is_silent
    assert silence.due() == NEVER


def test_a_short_session_makes_it_quicker_and_a_long_one_not_slower(silence):
    silence.suit(2_000)
    assert silence.limit_ms == 500
    silence.suit(3_600_000)
    assert silence.limit_ms == 1_000


@given(st.lists(st.tuples(st.sampled_from(["ask", "hear", "wake"]), st.integers(0, 400))))
def test_silence_is_never_found_sooner_than_the_limit_after_the_last_word(steps):
    silence, now, word = Silence(1_000), 0, 0
    for step, wait in steps:
        now += wait
        if step == "ask":
            silence.asked(now)
        elif step == "hear":
            silence.heard(now, waiting=True)
            word = now
        else:
            silence.wake(now)
        assert not silence.is_silent or now >= word + 1_000
        assert silence.due() <= now + 1_000 or silence.due() == NEVER
