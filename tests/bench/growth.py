"""What a write costs as everything around it grows: it should cost the same.

The leader's CPU per write is compared, at 64 outstanding on one connection: it depends far less
on what else the machine does than a rate does.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

from tests.bench.figures import Summary, print_table, thousands
from tests.bench.generator import LoadGenerator
from tests.bench.memory import TREE
from tests.bench.nodes import Nodes
from tests.bench.workloads import Loop, fill, fill_keys, run_loop

COUNTS = (1_000, 10_000, 100_000, 1_000_000)
FLAT = 1.2
"""The dearest step may cost so many times what the cheapest does."""
WRITE = Loop("write", 64, 1)
CHURN = Loop("churn", 64, 1)
WIDE = "/bench/wide{number:07d}"
"""Beside the nodes that the probe creates and deletes."""

Row = tuple[str, int, float, Summary]
"""Subject, how many, the leader's CPU µs per write, and the rest."""


def measured(
    generator: LoadGenerator, nodes: Nodes, options: argparse.Namespace, loop: Loop = WRITE
) -> tuple[float, Summary]:
    """Return several rounds of the probe: the least cost, as others can only add to it."""
    rounds, seconds = options.rounds or 5, options.seconds or 1.0
    found = [run_loop(generator, nodes, loop, seconds=seconds) for _ in range(rounds)]
    return min(each.cpu_us["leader"] for each in found), Summary.of(found)


def steps(
    subject: str,
    counts: Iterable[int],
    grow: Callable[[int, int], object],
    probe: Callable[[], tuple[float, Summary]],
) -> list[Row]:
    """Grow from step to step; return the cost at each."""
    rows: list[Row] = []
    done = 0
    for count in counts:
        grow(done, count)
        done = count
        rows.append((subject, count, *probe()))
        print(f"  {subject}: {count:,}", flush=True)
    return rows


def grow_tree(options: argparse.Namespace, subject: str, template: str, loop: Loop) -> list[Row]:
    """Measure with more and more nodes at paths made from `template`."""
    counts = COUNTS if options.large else COUNTS[:-1]
    with Nodes(options.folder / template.split("/")[1]) as nodes, LoadGenerator() as generator:
        fill_keys(generator, nodes)
        return steps(
            subject,
            counts,
            lambda done, count: fill(generator, nodes, template, first=done, count=count),
            lambda: measured(generator, nodes, options, loop),
        )


def grow_clients(options: argparse.Namespace) -> list[Row]:
    """Measure with more and more sessions, and with more and more watches that never match."""
    rows: list[Row] = []
    with (
        Nodes(options.folder / "clients") as nodes,
        LoadGenerator() as generator,
        LoadGenerator() as holder,
    ):
        fill_keys(generator, nodes)

        def hold(what: str) -> Callable[[int, int], object]:
            return lambda _done, count: holder.run(
                f"hold_{what}", addresses=nodes.addresses, **{what: count}
            )

        def probe() -> tuple[float, Summary]:
            return measured(generator, nodes, options)

        rows += steps("watches elsewhere", (10, 1_000, 10_000, 100_000), hold("watches"), probe)
        holder.run("hold_watches", addresses=nodes.addresses, watches=0)
        rows += steps("idle sessions", (10, 1_000, 10_000), hold("sessions"), probe)
    return rows


def main(options: argparse.Namespace) -> None:
    """Print the cost of a write at every size, and whether it is flat."""
    rows = [
        *grow_tree(options, "nodes", TREE, WRITE),
        *grow_tree(options, "children of one parent", WIDE, CHURN),
        *grow_clients(options),
    ]
    cheapest: dict[str, float] = {}
    for subject, _, cost, _ in rows:
        cheapest[subject] = min(cheapest.get(subject, cost), cost)
    print_table(
        ("as these grow", "count", "leader µs", "of least", "per s", "p99 µs", ""),
        (
            [
                subject,
                f"{count:,}",
                f"{summary.cpu_us['leader']:.2f}",
                f"{summary.cpu_us['leader'] / cheapest[subject]:.2f}",
                thousands(summary.per_s),
                thousands(summary.p99_us),
                "" if cost <= FLAT * cheapest[subject] else "not flat",
            ]
            for subject, count, cost, summary in rows
        ),
    )
