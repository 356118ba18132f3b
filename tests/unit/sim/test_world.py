"""The world runs the same way for the same seed, and its processes pause and die."""

from __future__ import annotations

import pytest

from tests.sim.verdicts import NoProgress
from tests.sim.world import MS, SECOND, Process, World


def test_events_run_in_the_order_of_their_times_and_then_of_their_scheduling() -> None:
    world, seen = World(1), list[str]()
    world.after(20, lambda: seen.append("late"))
    world.after(10, lambda: seen.append("first"))
    world.after(10, lambda: seen.append("second"))
    world.run_until_idle(within=SECOND)
    assert seen == ["first", "second", "late"]
    assert world.now == 20


def test_a_cancelled_event_does_not_run() -> None:
    world, seen = World(1), list[str]()
    timer = world.after(10, lambda: seen.append("no"))
    timer.cancel()
    timer.cancel()
    world.run_until_idle(within=SECOND)
    assert seen == []


def test_time_passes_without_events() -> None:
    world = World(1)
    world.run_for(5 * MS)
    assert world.now == 5 * MS


def test_an_event_cannot_be_scheduled_in_the_past() -> None:
    world = World(1)
    world.run_for(10)
    with pytest.raises(AssertionError):
        world.at(9, lambda: None)


def test_waiting_in_vain_is_no_progress() -> None:
    world = World(1)

    def again() -> None:
        world.after(MS, again)

    again()
    with pytest.raises(NoProgress, match="there is still no leader"):
        world.run_until(lambda: False, within=SECOND, what="leader")
    assert world.now == SECOND


def test_a_stream_of_chance_depends_on_seed_and_name_only() -> None:
    one, other = World(7), World(7)
    other.stream("another consumer").random()
    assert one.stream("links").random() == other.stream("links").random()
    assert World(8).stream("links").random() != World(7).stream("links").random()


def test_two_consumers_cannot_share_a_stream() -> None:
    world = World(7)
    world.stream("links")
    with pytest.raises(AssertionError, match="share"):
        world.stream("links")


def test_the_trace_keeps_its_end_and_says_what_it_dropped() -> None:
    world = World(3, trace_lines_max=2)
    for number in range(5):
        world.trace("n1", f"line {number}")
    text = world.trace_text()
    assert "seed 3; 3 earlier lines dropped" in text
    assert "line 4" in text
    assert "line 2" not in text


def test_a_paused_process_runs_what_it_missed_in_order_when_it_resumes() -> None:
    world, seen = World(1), list[int]()
    process = Process(world, "n1")
    process.after(10, lambda: seen.append(1))
    cancelled = process.after(11, lambda: seen.append(9))
    process.after(12, lambda: seen.append(2))
    process.pause()
    world.run_for(100)
    assert seen == []
    cancelled.cancel()
    process.resume()
    assert seen == [1, 2]


def test_a_process_that_pauses_itself_while_resuming_stays_paused() -> None:
    world, seen = World(1), list[int]()
    process = Process(world, "n1")
    process.pause()
    process.call(process.pause)
    process.call(lambda: seen.append(1))
    process.resume()
    assert seen == []
    process.resume()
    assert seen == [1]


def test_a_killed_process_never_runs_again() -> None:
    world, seen = World(1), list[int]()
    process = Process(world, "n1")
    process.after(10, lambda: seen.append(1))
    process.pause()
    process.call(lambda: seen.append(2))
    process.kill()
    process.resume()
    world.run_until_idle(within=SECOND)
    assert seen == []
