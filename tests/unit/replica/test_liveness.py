"""The leader's clocks."""

from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc.replica.liveness import Liveness


def leading(now=0, **timeouts):
    liveness = Liveness()
    liveness.lead({int(key[1:]): value for key, value in timeouts.items()}, now)
    return liveness


def test_a_new_leader_gives_every_session_a_full_timeout():
    liveness = leading(now=1_000, s1=100, s2=50)
    assert liveness.deadline() == 1_050
    assert liveness.lapse(1_049) == []
    assert liveness.lapse(1_050) == [2]
    assert liveness.lapse(1_100) == [1]
    assert liveness.lapsed_total == 2


def test_a_sign_of_life_starts_the_timeout_anew():
    liveness = leading(s1=100)
    assert liveness.heard(1, 90)
    assert liveness.lapse(100) == []
    assert liveness.deadline() == 190
    assert liveness.remaining_ms(1, 100) == 90
    assert liveness.lapse(190) == [1]


def test_a_sign_of_life_after_the_lapse_comes_too_late():
    liveness = leading(s1=100)
    liveness.lapse(100)
    assert not liveness.heard(1, 101)
    assert list(liveness.lapsed) == [1]
    assert liveness.lapse(500) == [], "proposed once"
    liveness.ended(1)
    assert not liveness.lapsed
    assert liveness.heard(1, 102), "an unknown session is no matter for the clocks"
    assert liveness.remaining_ms(1, 102) is None


def test_sessions_come_and_go():
    liveness = leading()
    assert liveness.deadline() is None
    liveness.opened(5, 100, 10)
    assert liveness.remaining_ms(5, 60) == 50
    assert liveness.remaining_ms(5, 600) == 0
    liveness.ended(5)
    assert liveness.lapse(1_000) == []


def test_a_follower_keeps_no_clocks():
    liveness = leading(s1=100)
    liveness.lapse(100)
    liveness.follow()
    assert not liveness.lapsed
    assert liveness.deadline() is None


steps = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 60)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_no_session_lapses_within_its_timeout_nor_is_one_forgotten(steps):
    timeouts = {1: 50, 2: 100, 3: 150}
    liveness = Liveness()
    liveness.lead(timeouts, 0)
    heard, now, gone = dict.fromkeys(timeouts, 0), 0, set()
    for session, after in steps:
        now += after
        for over in liveness.lapse(now):
            assert now - heard[over] >= timeouts[over]
            gone.add(over)
        if session in timeouts and session not in gone:
            assert liveness.heard(session, now)
            heard[session] = now
        for alive in timeouts.keys() - gone:
            assert now - heard[alive] < timeouts[alive]
