from hypothesis import given
from hypothesis import strategies as st

from coordsvc.protocols.zookeeper.operators.facts import Latency
from coordsvc.protocols.zookeeper.operators.meter import Meter, Tally


def test_before_the_first_all_is_zero():
    assert Meter().latency() == Latency(0, 0.0, 0)


@given(st.lists(st.integers(0, 10_000), min_size=1))
def test_least_mean_and_most_are_those_of_what_was_added(durations):
    meter = Meter()
    for duration in durations:
        meter.add(duration)
    mean = sum(durations) / len(durations)
    assert meter.latency() == Latency(min(durations), mean, max(durations))
    assert meter.last == durations[-1]


def test_an_answer_ends_the_wait_of_all_that_was_asked_before():
    tally, server = Tally(), Meter()
    tally.asked(100)
    tally.asked(103)
    tally.answered(2, 107, server)
    tally.answered(1, 150, server)
    assert tally.meter.latency() == server.latency() == Latency(7, 7.0, 7)
    assert (tally.sent, tally.since) == (3, 100)


def test_a_connection_begins_anew_and_stays_as_old_as_it_is():
    tally = Tally()
    tally.asked(100)
    tally.received = 5
    tally.answered(1, 101, Meter())
    tally.reset()
    assert (tally.received, tally.sent, tally.since) == (0, 0, 100)
    assert tally.meter.latency() == Latency(0, 0.0, 0)
