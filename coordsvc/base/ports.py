"""What pure rooms are handed from outside."""

from __future__ import annotations

from typing import Protocol


class Logger(Protocol):
    """The part of a structlog logger that pure rooms use."""

    def debug(self, event: str, **fields: object) -> object:
        """Record what only a developer wants to know."""

    def info(self, event: str, **fields: object) -> object:
        """Record what an operator may want to know."""

    def warning(self, event: str, **fields: object) -> object:
        """Record what an operator should look at."""

    def error(self, event: str, **fields: object) -> object:
        """Record what an operator must act on."""


class Chance(Protocol):
    """The part of `random.Random` that pure rooms use."""

    def randrange(self, start: int, stop: int, /) -> int:
        """Return a number in `start <= n < stop`."""


class SilentLogger:
    """A Logger that drops everything: the default of tests and tools."""

    def debug(self, event: str, **fields: object) -> None:
        """Drop it."""

    def info(self, event: str, **fields: object) -> None:
        """Drop it."""

    def warning(self, event: str, **fields: object) -> None:
        """Drop it."""

    def error(self, event: str, **fields: object) -> None:
        """Drop it."""
