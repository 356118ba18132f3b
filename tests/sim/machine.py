"""Machine: what outlives the servers that run on it, its disk and its clock."""

from __future__ import annotations

import random
from typing import Final

from coordsvc.base.ids import NodeId
from tests.sim.clock import SimClock
from tests.sim.damage import Damage
from tests.sim.disk import SimFiles
from tests.sim.verdicts import WrongResult
from tests.sim.world import MS, SECOND, Micros, World

SLOWER_MAX: Final[Micros] = 2 * SECOND
"""What all that slows a disk together adds at most."""


class Machine:
    """One machine. `name` is that of the server that it runs."""

    def __init__(self, world: World, name: NodeId, *, drift_ppm_max: int) -> None:
        self.name = name
        self.chance: random.Random = world.stream(f"machine {name}")
        self.log = SimFiles(self.chance)
        self.snapshots = SimFiles(self.chance)
        self.clock = SimClock.random(world, self.chance, drift_ppm_max=drift_ppm_max)
        self.salt = self.chance.getrandbits(32)
        self.boots = 0
        self.slower: Micros = 0
        """By how much longer each sync takes at present."""
        self.condemned = False
        """Whether the operator wants nothing of what is on this disk."""
        self.damage: list[Damage] = []
        """What was done to the disk and may still be there."""
        self._to_be_noticed: list[Damage] = []

    def sync_time(self) -> Micros:
        """Return how long the next sync takes."""
        usual = self.chance.randint(100, 2 * MS)
        if self.chance.randrange(100) == 0:
            usual += self.chance.randint(0, 50 * MS)
        return usual + min(self.slower, SLOWER_MAX)

    def look_for_damage(self) -> None:
        """A server is about to start: note what it must find."""
        self.damage = [each for each in self.damage if each.is_there]
        self._to_be_noticed = [each for each in self.damage if each.must_be_noticed]

    def check_damage(self) -> None:
        """A server has started: what it took for good must not be damaged.

        Raises:
            WrongResult: it read damaged bytes without noticing.

        """
        for each in self._to_be_noticed:
            if each.file_is_there:  # else it went unread, as part of what a reset had voided
                raise WrongResult(f"{self.name} has started on damage: {each}")

    @property
    def number(self) -> int:
        """The number of the data folder, by which the others tell it from an empty one."""
        return self.salt + 1

    def wipe(self) -> None:
        """Put an empty disk in the place of this one."""
        self.salt = self.chance.getrandbits(32)
        self.log = SimFiles(self.chance)
        self.snapshots = SimFiles(self.chance)
        self.damage = []
        self.condemned = False

    def lose_power(self) -> None:
        """Keep of both folders what a crash keeps."""
        self.log.crash()
        self.snapshots.crash()

    def end_process(self) -> None:
        """Keep both folders as they are in the page cache."""
        self.log.restart()
        self.snapshots.restart()
