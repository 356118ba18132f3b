"""One row of a comparison: everybody's figures, the ratio, and whether the goal is met."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median

from tests.bench.figures import Measure, Summary
from tests.bench.goals import Figure, Row

OURS = "coordsvc"


@dataclass(slots=True)
class Comparison:
    """One row with everybody's figures."""

    row: Row
    figures: dict[str, list[float]] = field(default_factory=dict)
    """Per service, one figure per round; a service that was not asked is missing."""
    summaries: dict[str, Summary] = field(default_factory=dict)

    def add(self, service: str, value: float) -> None:
        """Take in one figure."""
        self.figures.setdefault(service, []).append(value)

    def of(self, service: str) -> float:
        """Return the median of a service's figures."""
        return median(self.figures[service])

    @property
    def best(self) -> tuple[str, float] | None:
        """Return the better peer and its figure."""
        peers = [(name, self.of(name)) for name in self.figures if name != OURS]
        if not peers:
            return None
        pick = max if self.row.figure.more_is_better else min
        return pick(peers, key=lambda pair: pair[1])

    @property
    def ratio(self) -> float | None:
        """Return how many times the better peer's our figure is."""
        best = self.best
        return self.of(OURS) / best[1] if best and best[1] > 0 else None

    @property
    def is_met(self) -> bool:
        """Tell whether we reach the goal."""
        return self.row.is_met(self.of(OURS), self.best[1] if self.best else None)

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return {
            "row": asdict(self.row) | {"figure": self.row.figure.value, "goal": self.row.goal},
            "figures": self.figures,
            "medians": {name: self.of(name) for name in self.figures},
            "ratio": self.ratio,
            "met": self.is_met,
            "details": {name: found.as_dict() for name, found in self.summaries.items()},
        }


def figure_of(row: Row, found: Measure) -> float:
    """Return what a row compares."""
    return {
        Figure.RATE: found.per_s,
        Figure.P50: found.p50_us,
        Figure.P99: found.p99_us,
    }[row.figure]
