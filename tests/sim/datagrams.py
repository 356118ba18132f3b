"""Datagrams: single messages between hosts that may be lost, doubled and overtaken.

Raft must bear this although TCP is kinder, so its core is tried on it directly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from tests.sim.links import Links
from tests.sim.world import Process

M = TypeVar("M")

Take: TypeAlias = Callable[[str, M], None]
"""Called with the sending host and the message."""


@dataclass(frozen=True, slots=True)
class Losses:
    """How often, in percent, a message is lost, and how often it arrives once more."""

    lost_percent: int = 0
    doubled_percent: int = 0


class Datagrams(Generic[M]):
    """Unordered, unreliable messages of one type. A cut link loses them."""

    def __init__(self, links: Links, *, losses: Losses) -> None:
        self.links = links
        self.losses = losses
        self._takers: dict[str, tuple[Process, Take[M]]] = {}

    def listen(self, host: str, process: Process, take: Take[M]) -> None:
        """Hand what arrives at `host` to `take`, from now on, in place of any earlier one."""
        self._takers[host] = (process, take)

    def send(self, source: str, target: str, message: M) -> None:
        """Send one message; each copy arrives after a delay of its own, or never."""
        chance = self.links.chance_of((source, target))
        copies = 1
        if chance.randrange(100) < self.losses.lost_percent:
            copies = 0
        elif chance.randrange(100) < self.losses.doubled_percent:
            copies = 2
        for _ in range(copies):
            delay = self.links.draw_delay((source, target))
            self.links.world.after(delay, lambda: self._arrive(source, target, message))

    def _arrive(self, source: str, target: str, message: M) -> None:
        if not self.links.is_open((source, target)):
            return
        taker = self._takers.get(target)
        if taker is not None:
            process, take = taker
            process.call(lambda: take(source, message))
