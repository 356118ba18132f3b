"""When a slow disk costs a leader its office."""

from coordsvc.replica.slow_log import REST_MS, SLOW_MS, SlowLog

STEP_MS = 50


def looks(slow, waits, *, since=0, overtaken=True):
    """Look every STEP_MS; return when leadership was to be handed over."""
    return [
        since + (number + 1) * STEP_MS
        for number, waits_ms in enumerate(waits)
        if slow.look(since + (number + 1) * STEP_MS, waits_ms=waits_ms, is_overtaken=overtaken)
    ]


def test_a_log_that_hangs_is_given_a_second():
    assert looks(SlowLog(0), range(50, 5_000, 50)) == [SLOW_MS]


def test_a_log_that_is_slow_most_of_the_time_counts_too():
    assert looks(SlowLog(0), [0, 50, 100, 150] * 20) == [1_950]


def test_some_hiccups_do_not():
    assert looks(SlowLog(0), [0, 0, 200, 50] * 100) == []


def test_where_nobody_has_more_on_disk_another_would_do_no_better():
    assert looks(SlowLog(0), [500] * 100, overtaken=False) == []


def test_it_does_not_go_round():
    slow = SlowLog(0)
    first = looks(slow, [500] * 100)
    assert len(first) == 1
    assert looks(slow, [500] * 1_000, since=5_000) == [first[0] + REST_MS]


def test_a_process_that_stood_still_says_nothing_of_its_disk():
    slow = SlowLog(0)
    assert not slow.look(60_000, waits_ms=60_000, is_overtaken=True)
