from __future__ import annotations

from coordsvc.raft.reads import ReadRounds


def test_one_round_serves_every_read_that_waits() -> None:
    rounds = ReadRounds()
    rounds.add(1)
    rounds.add(2)
    assert rounds.wants_round()
    assert rounds.start(10, now=5) == 1
    assert not rounds.wants_round()
    assert rounds.confirm(1) == [(1, 10), (2, 10)]
    assert rounds.confirm(1) == []


def test_a_read_that_comes_later_waits_for_the_next_round() -> None:
    rounds = ReadRounds()
    rounds.add(1)
    rounds.start(10, now=5)
    rounds.add(2)
    assert not rounds.wants_round()
    assert rounds.confirm(1) == [(1, 10)]
    assert rounds.wants_round()
    rounds.start(11, now=6)
    assert rounds.confirm(2) == [(2, 11)]


def test_a_later_round_confirms_the_earlier_ones_at_their_own_index() -> None:
    rounds = ReadRounds()
    rounds.add(1)
    rounds.start(10, now=5)
    rounds.add(2)
    rounds.start(12, now=6)
    assert rounds.confirm(2) == [(1, 10), (2, 12)]


def test_before_the_term_is_committed_no_read_goes() -> None:
    rounds = ReadRounds()
    rounds.add(1)
    rounds.start(None, now=5)
    assert rounds.confirm(1) == []
    assert rounds.abandon() == [1]


def test_abandoned_reads_are_named_once() -> None:
    rounds = ReadRounds()
    rounds.add(1)
    rounds.start(10, now=5)
    rounds.add(2)
    assert rounds.abandon() == [1, 2]
    assert rounds.abandon() == []
    assert rounds.confirm(1) == []


def test_the_lease_counts_from_the_sending_of_the_last_confirmed_round() -> None:
    rounds = ReadRounds()
    assert rounds.confirmed_ms is None
    rounds.start(None, now=100)
    rounds.start(None, now=200)
    rounds.start(None, now=300)
    rounds.confirm(2)
    assert rounds.confirmed_ms == 200
    rounds.confirm(1)
    assert rounds.confirmed_ms == 200
