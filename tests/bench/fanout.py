"""Watch fan-out: one write, until the last of many watchers has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from tests.bench.figures import Measure, Summary, print_table, thousands
from tests.bench.generator import LoadGenerator
from tests.bench.nodes import Nodes
from tests.bench.workloads import VALUE_BYTES, measure_of


@dataclass(frozen=True, slots=True)
class Fanout:
    """So many watchers, each on a connection of its own."""

    watchers: int
    door: str = "leader"
    """leader, follower, or all: spread over the nodes."""
    library: bool = False
    """Whether the client library receives; else bare connections, which cost the machine less."""

    @property
    def title(self) -> str:
        """Return how a table names it."""
        return f"{self.door}, {'library' if self.library else 'bare connections'}"


FANOUTS = [
    Fanout(100),
    Fanout(1000),
    Fanout(1000, library=True),
    Fanout(100, "follower"),
    Fanout(1000, "follower"),
    Fanout(1000, "all"),
]


def run_fanout(
    generator: LoadGenerator, nodes: Nodes, fanout: Fanout, *, seconds: float
) -> tuple[Measure, float]:
    """Return the times to the last delivery, and the median time to the first."""
    leader = nodes.door("leader")
    answer = generator.run(
        "fanout",
        addresses=nodes.addresses if fanout.door == "all" else [nodes.door(fanout.door)],
        writer_at=[leader],
        watchers=fanout.watchers,
        library=fanout.library,
        measure_s=seconds,
        value_bytes=VALUE_BYTES,
        pids=nodes.roles(),
    )
    return measure_of(answer), cast("float", answer["first_p50_us"])


def rounds_of(
    generator: LoadGenerator,
    nodes: Nodes,
    fanouts: Sequence[Fanout],
    *,
    rounds: int,
    seconds: float,
) -> list[tuple[Fanout, Summary, float]]:
    """Return every fan-out over `rounds` rounds, one round of all before the next."""
    found: dict[Fanout, list[tuple[Measure, float]]] = {fanout: [] for fanout in fanouts}
    for _ in range(rounds):
        for fanout, measures in found.items():
            measures.append(run_fanout(generator, nodes, fanout, seconds=seconds))
    return [
        (fanout, Summary.of([m for m, _ in measures]), min(first for _, first in measures))
        for fanout, measures in found.items()
    ]


def print_fanouts(found: Sequence[tuple[Fanout, Summary, float]]) -> None:
    """Print a row for each fan-out."""
    print("One write to the last of N watchers, each on its own connection; CPU µs per delivery")
    print_table(
        ("watchers at", "N", "last p50 µs", "last p99 µs", "first p50", "leader", "followers",
         "client"),
        (
            [
                fanout.title,
                str(fanout.watchers),
                thousands(summary.p50_us),
                thousands(summary.p99_us),
                thousands(first),
                f"{summary.cpu_us['leader']:.1f}",
                "/".join(f"{v:.1f}" for n, v in summary.cpu_us.items() if n.startswith("fol")),
                f"{summary.cpu_us['client']:.1f}",
            ]
            for fanout, summary, first in found
        ),
    )  # fmt: skip
