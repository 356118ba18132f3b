from hypothesis import given
from hypothesis import strategies as st

from coordsvc.replica.cluster_time import ClusterTime


def test_it_follows_the_wall_clock():
    time = ClusterTime(now=0)
    assert time.read(10, 1_000, 0) == 1_000
    assert time.read(11, 5_000, 0) == 5_000, "also forward in a leap"


def test_ahead_of_a_clock_that_was_set_back_it_goes_on_until_that_has_caught_up():
    time = ClusterTime(now=0)
    time.read(0, 1_000_000, 0)
    assert time.read(20, 999_000, 0) == 1_000_010
    assert time.read(21, 999_001, 0) == 1_000_010
    assert time.read(22, 999_002, 0) == 1_000_011
    assert time.read(1_978, 1_000_958, 0) == 1_000_989
    assert time.read(2_200, 1_001_180, 0) == 1_001_180


def test_after_a_leader_whose_clock_was_ahead_it_goes_on_from_there():
    time = ClusterTime(now=0)
    time.read(10, 1_000, 0)
    assert time.read(20, 1_010, 90_000) == 90_000
    assert time.read(50, 1_040, 90_000) == 90_015


@given(st.lists(st.tuples(st.integers(0, 1_000), st.integers(0, 10**6), st.integers(0, 10**6))))
def test_it_never_goes_back_and_never_stands(readings):
    time, now = ClusterTime(now=0), 0
    first = last = time.read(0, 0, 0)
    for passed, wall_ms, applied_ms in readings:
        now += passed
        read = time.read(now, wall_ms, applied_ms)
        assert read >= max(last, wall_ms, applied_ms)
        assert read - first >= now // 2
        last = read
