"""Rounds of catching up (thesis 4.2.1)."""

from coordsvc.replica.catching_up import CatchingUp


def test_a_round_that_is_short_enough_is_the_last():
    rounds = CatchingUp(1_000)
    assert not rounds.has_caught_up("d", match=0, last=100, now=0)
    assert not rounds.has_caught_up("d", match=99, last=150, now=900)
    assert rounds.has_caught_up("d", match=100, last=200, now=1_000)


def test_a_long_round_is_followed_by_another_to_where_the_log_ends_by_then():
    rounds = CatchingUp(1_000)
    rounds.has_caught_up("d", match=0, last=100, now=0)
    assert not rounds.has_caught_up("d", match=120, last=200, now=1_001)
    assert not rounds.has_caught_up("d", match=199, last=220, now=1_100)
    assert rounds.has_caught_up("d", match=200, last=220, now=2_001)


def test_each_learner_has_its_own_rounds_and_who_goes_away_begins_again():
    rounds = CatchingUp(1_000)
    rounds.has_caught_up("d", match=0, last=100, now=0)
    assert rounds.has_caught_up("e", match=50, last=50, now=0)
    rounds.forget("d")
    assert not rounds.has_caught_up("d", match=100, last=300, now=500)
    rounds.clear()
    rounds.forget("d")
    assert rounds.has_caught_up("d", match=300, last=300, now=600)
