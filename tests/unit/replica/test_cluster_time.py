"""Cluster time goes on as true time does, whatever the wall clock is set to."""

from hypothesis import given
from hypothesis import strategies as st

from coordsvc.replica.cluster_time import DRAWN_PER_MILLE, ClusterTime

HOUR = 3_600_000


def test_it_begins_with_the_wall_clock_or_where_the_log_ends():
    assert ClusterTime(now=0).read(10, 1_000, 0, leads=False) == 1_000
    assert ClusterTime(now=0).read(10, 1_000, 90_000, leads=False) == 90_000


def test_it_follows_a_wall_clock_that_goes_on_evenly():
    time = ClusterTime(now=0)
    assert [time.read(at, 1_000 + at, 0, leads=True) for at in (0, 7, 40)] == [1_000, 1_007, 1_040]


def test_it_does_not_leap_forward_with_a_wall_clock():
    time = ClusterTime(now=0)
    time.read(0, 1_000, 0, leads=True)
    assert time.read(100, HOUR, 0, leads=True) == 1_105


def test_ahead_of_a_clock_that_was_set_back_it_goes_on_until_that_has_caught_up():
    time = ClusterTime(now=0)
    time.read(0, 1_000_000, 0, leads=True)
    assert time.read(1_000, 1_000_000, 0, leads=True) == 1_000_950
    assert time.read(20_000, 1_019_000, 0, leads=True) == 1_019_000


def test_the_stamps_of_another_leader_tell_it_the_time():
    time = ClusterTime(now=0)
    time.read(10, HOUR, 0, leads=False)
    assert time.read(20, HOUR + 10, 90_000, leads=False) == 90_000
    assert time.read(50, 90_030, 90_000, leads=False) == 90_030
    assert time.read(60, 90_040, 90_033, leads=True) == 90_040, "its own do not hold it up"


@given(
    st.lists(st.tuples(st.integers(0, 60_000), st.integers(-HOUR, HOUR)), min_size=1, max_size=40),
    st.booleans(),
)
def test_no_jump_of_the_wall_clock_makes_it_jump_or_stand(steps, leads):
    time = ClusterTime(now=0)
    now, skew = 0, 0
    before = time.read(now, 10 * HOUR, 0, leads=leads)
    for passed, jump in steps:
        now += passed
        skew += jump
        shown = time.read(now, 10 * HOUR + now + skew, 0, leads=leads)
        most = passed * DRAWN_PER_MILLE // 1_000
        assert passed - most <= shown - before <= passed + most
        before = shown


def test_it_comes_back_to_a_wall_clock_that_was_set():
    time = ClusterTime(now=0)
    time.read(0, HOUR, 0, leads=True)
    for now in range(0, 21 * HOUR, HOUR // 10):
        shown = time.read(now, 2 * HOUR + now, 0, leads=True)
    assert shown == 2 * HOUR + now
