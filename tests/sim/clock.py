"""SimClock: what one machine believes the time to be."""

from __future__ import annotations

import random
from typing import Final

from coordsvc.base.ids import Millis
from tests.sim.world import MS, SECOND, Micros, World

EPOCH_MS: Final[Millis] = 1_700_000_000_000
"""What the calendar shows when a run starts."""

MILLION: Final = 1_000_000


class SimClock:
    """A monotonic clock with an offset and a rate of its own, and a wall clock that may jump.

    `drift_ppm` is how much faster than true time it runs, in parts per million.
    """

    def __init__(self, world: World, *, offset: Micros = 0, drift_ppm: int = 0) -> None:
        assert offset >= 0, "a monotonic clock starts at zero or later"
        self._world = world
        self._true_base = world.now
        self._local_base: Micros = offset
        self._wall_skew: Micros = 0
        self.drift_ppm = drift_ppm

    @classmethod
    def random(cls, world: World, chance: random.Random, *, drift_ppm_max: int) -> SimClock:
        """Return a clock with any offset, and any drift up to `drift_ppm_max` either way."""
        return cls(
            world,
            offset=chance.randrange(0, 1_000 * SECOND),
            drift_ppm=chance.randint(-drift_ppm_max, drift_ppm_max),
        )

    def now(self) -> Micros:
        """Return what the monotonic clock shows, in microseconds."""
        passed = self._world.now - self._true_base
        return self._local_base + passed * (MILLION + self.drift_ppm) // MILLION

    def now_ms(self) -> Millis:
        """Return what the monotonic clock shows, in whole milliseconds."""
        return self.now() // MS

    def wall_ms(self) -> Millis:
        """Return what the calendar shows, in milliseconds since 1970."""
        return EPOCH_MS + (self._world.now + self._wall_skew) // MS

    def set_drift(self, drift_ppm: int) -> None:
        """Change the rate from now on; what was shown stays shown."""
        assert drift_ppm > -MILLION, "a monotonic clock never stands still"
        self._local_base = self.now()
        self._true_base = self._world.now
        self.drift_ppm = drift_ppm

    def jump_wall(self, by: Micros) -> None:
        """Set the calendar forward or back, as an operator or NTP does."""
        self._wall_skew += by

    def delay_until_ms(self, local_ms: Millis) -> Micros:
        """Return how long it takes until `now_ms()` shows at least `local_ms`; 0 if it does."""
        behind = local_ms * MS - self.now()
        if behind <= 0:
            return 0
        rate = MILLION + self.drift_ppm
        passed = self._world.now - self._true_base
        due = -(-(local_ms * MS - self._local_base) * MILLION // rate)
        return max(due - passed, 1)
