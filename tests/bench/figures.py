"""What is measured, and what several rounds of it come to."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field


@dataclass(slots=True)
class Measure:
    """One row in one round."""

    per_s: float
    p50_us: float
    p99_us: float
    cpu_us: dict[str, float] = field(default_factory=dict)
    """CPU microseconds per operation, by process: leader, follower..., client."""
    errors: int = 0
    foreign_cores: float = 0.0
    """How many processors others kept busy meanwhile."""


@dataclass(slots=True)
class Summary:
    """One row over all rounds: medians, and the range of what was compared."""

    per_s: float
    low: float
    high: float
    p50_us: float
    p99_us: float
    cpu_us: dict[str, float]
    errors: int
    foreign_cores: float
    rounds: int

    @classmethod
    def of(cls, measures: Sequence[Measure]) -> Summary:
        """Return what `measures` come to."""
        rates = [m.per_s for m in measures]
        names = list(dict.fromkeys(name for m in measures for name in m.cpu_us))
        return cls(
            per_s=statistics.median(rates),
            low=min(rates),
            high=max(rates),
            p50_us=statistics.median(m.p50_us for m in measures),
            p99_us=statistics.median(m.p99_us for m in measures),
            cpu_us={
                name: statistics.median(m.cpu_us.get(name, 0.0) for m in measures) for name in names
            },
            errors=sum(m.errors for m in measures),
            foreign_cores=max(m.foreign_cores for m in measures),
            rounds=len(measures),
        )

    @property
    def load_share(self) -> float:
        """Return the load generator's share of the processor time that an operation takes."""
        total = sum(self.cpu_us.values())
        return self.cpu_us.get("client", 0.0) / total if total else 0.0

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return asdict(self) | {"load_share": self.load_share}


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which `share` of `ordered` lies; 0 of nothing."""
    if not ordered:
        return 0.0
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns: the first to the left, the others to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for number, line in enumerate(lines):
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        print("  ".join(cells).rstrip(), flush=True)
        if number == 0:
            print("  ".join("-" * width for width in widths), flush=True)


def thousands(value: float) -> str:
    """Return a rate or a time as people read it."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"
