"""A simulated clock drifts, never goes back, and knows when it will show a time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.sim.clock import EPOCH_MS, SimClock
from tests.sim.world import SECOND, World


def test_a_fast_clock_shows_more_than_has_passed() -> None:
    world = World(1)
    clock = SimClock(world, offset=5 * SECOND, drift_ppm=100_000)
    world.run_for(10 * SECOND)
    assert clock.now() == 16 * SECOND
    assert clock.now_ms() == 16_000


def test_a_change_of_rate_keeps_what_was_shown() -> None:
    world = World(1)
    clock = SimClock(world, drift_ppm=-500_000)
    world.run_for(2 * SECOND)
    clock.set_drift(0)
    assert clock.now() == 1 * SECOND
    world.run_for(SECOND)
    assert clock.now() == 2 * SECOND


def test_only_the_wall_clock_jumps() -> None:
    world = World(1)
    clock = SimClock(world)
    clock.jump_wall(-3 * SECOND)
    assert clock.now() == 0
    assert clock.wall_ms() == EPOCH_MS - 3_000


def test_a_random_clock_keeps_within_its_drift() -> None:
    world = World(1)
    clock = SimClock.random(world, world.stream("clock"), drift_ppm_max=500)
    assert abs(clock.drift_ppm) <= 500


@given(
    offset=st.integers(0, 10**9),
    drift=st.integers(-900_000, 900_000),
    passed=st.integers(0, 10**7),
    ahead_ms=st.integers(-10, 10_000),
)
def test_the_delay_until_a_local_time_is_exact(
    offset: int, drift: int, passed: int, ahead_ms: int
) -> None:
    world = World(1)
    clock = SimClock(world, offset=offset, drift_ppm=drift)
    world.run_for(passed)
    target = clock.now_ms() + ahead_ms
    delay = clock.delay_until_ms(target)
    if delay:
        world.run_for(delay - 1)
        assert clock.now_ms() < target
        world.run_for(1)
    assert clock.now_ms() >= target
