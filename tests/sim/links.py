"""Links: what can go wrong between two named hosts, direction by direction.

Faults overlap: a direction is open only when nothing cuts it, and it is as slow as all that
clogs it together. Each fault is a `Fault` that is healed once; healing one leaves the others.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from tests.sim.world import MS, SECOND, Callback, Micros, World

Direction: TypeAlias = tuple[str, str]
"""From a host to a host."""


CLOG_MAX: Final[Micros] = 3 * SECOND
"""What all that clogs a direction together adds at most: what it delays outlives the healing."""


@dataclass(frozen=True, slots=True)
class Delays:
    """How long bytes travel: mostly about `usual`, now and then up to `rare_max`."""

    least: Micros = 100
    usual: Micros = 1 * MS
    rare_max: Micros = 50 * MS
    rare_percent: int = 1

    def draw(self, chance: random.Random) -> Micros:
        """Return one travelling time."""
        if chance.randrange(100) < self.rare_percent:
            return chance.randint(self.usual, self.rare_max)
        return self.least + chance.randrange(self.usual)


class Fault:
    """Something that is wrong until it is healed."""

    def __init__(self, heal: Callback) -> None:
        self._heal: Callback | None = heal

    def heal(self) -> None:
        """End the fault. Harmless when repeated."""
        heal, self._heal = self._heal, None
        if heal is not None:
            heal()


class Links:
    """The state of all directions between hosts."""

    def __init__(self, world: World, *, delays: Delays | None = None) -> None:
        self.world = world
        self.delays = delays or Delays()
        self.hosts: list[str] = []
        self._chances: dict[Direction, random.Random] = {}
        self._cuts: dict[Direction, int] = {}
        self._clogs: dict[Direction, Micros] = {}
        self._healed: list[Callable[[Direction], None]] = []

    def add_host(self, name: str) -> None:
        """Make a host known; whole-host faults reach the hosts known at that time."""
        assert name not in self.hosts
        self.hosts.append(name)

    def notify_healed(self, listener: Callable[[Direction], None]) -> None:
        """Call `listener` whenever a direction that was cut is open again."""
        self._healed.append(listener)

    def is_open(self, direction: Direction) -> bool:
        """Tell whether bytes pass now."""
        return not self._cuts.get(direction, 0)

    def chance_of(self, direction: Direction) -> random.Random:
        """Return the random numbers of one direction."""
        chance = self._chances.get(direction)
        if chance is None:
            chance = self._chances[direction] = self.world.stream(f"link {direction}")
        return chance

    def draw_delay(self, direction: Direction) -> Micros:
        """Return how long something sent now travels."""
        clog = min(self._clogs.get(direction, 0), CLOG_MAX)
        return self.delays.draw(self.chance_of(direction)) + clog

    def cut(self, directions: Iterable[Direction]) -> Fault:
        """Stop all bytes in the given directions, silently."""
        cut = sorted(set(directions))
        for direction in cut:
            self._cuts[direction] = self._cuts.get(direction, 0) + 1
        self.world.trace("network", f"cut {_text(cut)}")
        return Fault(lambda: self._uncut(cut))

    def clog(self, directions: Iterable[Direction], extra: Micros) -> Fault:
        """Delay everything in the given directions by `extra`."""
        clogged = sorted(set(directions))
        for direction in clogged:
            self._clogs[direction] = self._clogs.get(direction, 0) + extra
        self.world.trace("network", f"clog {_text(clogged)} by {extra // MS} ms")
        return Fault(lambda: self._unclog(clogged, extra))

    def cut_pair(self, one: str, other: str) -> Fault:
        """Cut both directions between two hosts."""
        return self.cut([(one, other), (other, one)])

    def isolate(self, name: str) -> Fault:
        """Cut a host off from all others, both ways."""
        return self.cut(between([name], [host for host in self.hosts if host != name]))

    def partition(self, groups: Sequence[Sequence[str]]) -> Fault:
        """Cut every pair of hosts whose groups differ. Hosts in no group keep all links."""
        directions: list[Direction] = []
        for at, group in enumerate(groups):
            for other in groups[at + 1 :]:
                directions += between(group, other)
        return self.cut(directions)

    def flap(self, directions: Sequence[Direction], *, chance: random.Random) -> Fault:
        """Cut and open the given directions over and over, each for up to a second."""
        flapping = _Flapping(self, directions, chance)
        return Fault(flapping.stop)

    def _uncut(self, directions: Sequence[Direction]) -> None:
        self.world.trace("network", f"heal {_text(directions)}")
        for direction in directions:
            self._cuts[direction] -= 1
            assert self._cuts[direction] >= 0
            if not self._cuts[direction]:
                for listener in self._healed:
                    listener(direction)

    def _unclog(self, directions: Sequence[Direction], extra: Micros) -> None:
        self.world.trace("network", f"unclog {_text(directions)}")
        for direction in directions:
            self._clogs[direction] -= extra
            assert self._clogs[direction] >= 0


class _Flapping:
    def __init__(
        self, links: Links, directions: Sequence[Direction], chance: random.Random
    ) -> None:
        self._links = links
        self._directions = directions
        self._chance = chance
        self._stopped = False
        self._cut: Fault | None = None
        self._turn()

    def stop(self) -> None:
        self._stopped = True
        if self._cut is not None:
            self._cut.heal()

    def _turn(self) -> None:
        if self._stopped:
            return
        if self._cut is None:
            self._cut = self._links.cut(self._directions)
        else:
            self._cut.heal()
            self._cut = None
        self._links.world.after(self._chance.randint(10 * MS, SECOND), self._turn)


def between(some: Iterable[str], others: Iterable[str]) -> list[Direction]:
    """Return both directions of every pair of a host in `some` and a host in `others`."""
    others = list(others)
    return [pair for a in some for b in others for pair in ((a, b), (b, a))]


def _text(directions: Sequence[Direction]) -> str:
    return " ".join(f"{source}>{target}" for source, target in directions)
