"""When a slow disk costs a leader its office."""

from coordsvc.replica.slow_log import REST_MS, SLOW_MS, SlowLog

STEP_MS = 50


def looks(slow, waits, *, since=0, logs=((5, 9, 9),)):
    """Look every STEP_MS; return when leadership was to be handed over.

    `logs` are what is durable here, committed, and proposed, at one look after the other; the last
    of them stays.
    """
    handed = []
    for number, waits_ms in enumerate(waits):
        now = since + (number + 1) * STEP_MS
        durable, commit, last = logs[min(number, len(logs) - 1)]
        if slow.look(now, waits_ms=waits_ms, durable=durable, commit=commit, last=last):
            handed.append(now)
    return handed


def test_a_log_that_hangs_is_given_a_second():
    assert looks(SlowLog(0), range(50, 5_000, 50)) == [SLOW_MS]


def test_a_log_that_is_slow_most_of_the_time_counts_too():
    assert looks(SlowLog(0), [0, 50, 100, 150] * 20) == [1_950]


def test_some_hiccups_do_not():
    assert looks(SlowLog(0), [0, 0, 200, 50] * 100) == []


def test_where_nobody_has_more_on_disk_another_would_do_no_better():
    assert looks(SlowLog(0), [500] * 100, logs=[(9, 9, 9)]) == []


def test_where_a_quorum_goes_on_without_this_disk_it_counts():
    logs = [(5, 9 + number, 20 + number) for number in range(100)]
    assert looks(SlowLog(0), [500] * 30, logs=logs) == [SLOW_MS]


def test_where_the_others_were_ahead_and_stand_still_too_it_does_not():
    logs = [(5, 9, 20)]  # a quorum got further than this disk, and then no further
    assert looks(SlowLog(0), [500] * 100, logs=logs) == []


def test_it_does_not_go_round():
    slow = SlowLog(0)
    first = looks(slow, [500] * 100)
    assert len(first) == 1
    assert looks(slow, [500] * 1_000, since=5_000) == [first[0] + REST_MS]


def test_a_process_that_stood_still_says_nothing_of_its_disk():
    slow = SlowLog(0)
    assert not slow.look(60_000, waits_ms=60_000, durable=5, commit=9, last=9)
