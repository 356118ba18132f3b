"""Tables, JSON and a chart of a comparison."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from coordsvc.base.compiled import is_compiled
from tests.bench import chart, proc, workloads
from tests.bench.comparison import OURS, Comparison
from tests.bench.figures import print_table, thousands
from tests.bench.goals import Figure


def print_comparisons(found: Sequence[Comparison], services: Sequence[str]) -> None:
    """Print everybody's medians with their spread, the ratio, and whether the goal is met."""
    head = ["workload", "outst.", "unit"]
    for service in services:
        head += [service, "spread", "CPU µs", "load"]
    head += ["ratio", "of", "goal", "verdict"]
    print()
    print(
        "spread: lowest to highest round as a share of the median; ratio: ours to the better peer;"
    )
    print("CPU: µs per operation of leader + both followers + load generator, whose share follows")
    print_table(head, (_line(comparison, services) for comparison in found))
    met = sum(comparison.is_met for comparison in found)
    foreign = [s.foreign_cores for c in found for s in c.summaries.values()]
    print(
        f"\n{met} of {len(found)} goals met;"
        f" others kept up to {max(foreign, default=0):.1f} cores busy"
    )


def _line(comparison: Comparison, services: Sequence[str]) -> list[str]:
    row = comparison.row
    cells = [row.title, str(row.load.outstanding or ""), row.figure.value]
    for service in services:
        values = comparison.figures.get(service)
        if not values:
            cells += ["-", "", "", ""]
            continue
        middle = median(values)
        spread = (max(values) - min(values)) / middle if middle else 0.0
        cells += [_shown(row.figure, middle), f"{spread:.0%}", *_cpu(comparison, service)]
    ratio, best = comparison.ratio, comparison.best
    verdict = "ok" if comparison.is_met else "MISSED"
    errors = sum(found.errors for found in comparison.summaries.values())
    return [
        *cells,
        "-" if ratio is None else f"{ratio:.2f}",
        best[0] if best else "-",
        row.goal,
        verdict if not errors else f"{verdict}, {errors} errors",
    ]


def _cpu(comparison: Comparison, service: str) -> tuple[str, str]:
    """Return what an operation costs whom, and the load generator's share of it."""
    found = comparison.summaries.get(service)
    if found is None:
        return "", ""
    cpu = found.cpu_us
    followers = sum(cost for name, cost in cpu.items() if name.startswith("follower"))
    costs = f"{cpu.get('leader', 0.0):.1f}+{followers:.1f}+{cpu.get('client', 0.0):.1f}"
    return costs, f"{found.load_share:.0%}"


def _shown(figure: Figure, value: float) -> str:
    return f"{value:.3f}" if figure is Figure.SECONDS else thousands(value)


def write_results(
    out: Path,
    found: Sequence[Comparison],
    services: Sequence[str],
    *,
    rounds: int,
    seconds: float,
) -> None:
    """Write OUT.json and OUT.svg."""
    out.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "machine": proc.describe_machine(),
        "coordsvc": "compiled" if is_compiled() else "as written",
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "services": list(services),
        "settings": {
            "nodes": 3,
            "keys": workloads.KEYS,
            "value_bytes": workloads.VALUE_BYTES,
            "rounds": rounds,
            "seconds": seconds,
        },
        "rows": [comparison.as_dict() for comparison in found],
    }
    out.with_suffix(".json").write_text(json.dumps(told, indent=1))
    bars = [
        chart.Bar(
            f"{c.row.title}" + (f", {c.row.load.outstanding}" if c.row.load.outstanding else ""),
            (c.ratio if c.row.figure.more_is_better else 1 / c.ratio),
            (c.row.times if c.row.figure.more_is_better else 1 / c.row.times)
            if c.row.times
            else None,
            c.is_met,
        )
        for c in found
        if c.ratio
    ]
    ours = f"{OURS}, compiled," if is_compiled() else OURS
    title = f"{ours} beside the better of {' and '.join(services[1:])}"
    out.with_suffix(".svg").write_text(chart.draw(title, bars))
    print(f"written: {out.with_suffix('.json')}, {out.with_suffix('.svg')}")
