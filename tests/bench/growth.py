"""What a write costs as everything around it grows: it should cost the same.

Two clusters stand side by side. One stays small, the other grows; after each step both are
probed in turn, again and again, and the leader's CPU per write is compared, 64 outstanding on one
connection: the lower quartile of the rounds, as whatever else the machine does can only add to it.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench import large, proc
from tests.bench.figures import print_table, quantile
from tests.bench.generator import LoadGenerator
from tests.bench.memory import TREE
from tests.bench.nodes import Nodes
from tests.bench.workloads import Loop, fill, fill_keys, run_loop

FLAT = 1.2
"""The large cluster may spend so many times what the small one does."""
WRITE = Loop("write", 64, 1)
CHURN = Loop("churn", 64, 1)
WIDE = "/bench/wide{number:07d}"
"""Beside the nodes that the probe creates and deletes: all are children of one parent."""
ROUNDS = 7
SECONDS = 0.5
SETTLE_S_MAX = 60.0  # a snapshot of a million nodes takes ten seconds
CALM_S, CALM_LOOKS, CALM_SHARE = 0.5, 6, 0.05
"""At rest is who uses no more than this share of a processor in so many looks."""


@dataclass(slots=True)
class Side:
    """One of the two clusters, with who drives it and who holds sessions and watches on it."""

    nodes: Nodes
    generator: LoadGenerator
    holder: LoadGenerator

    def fill(self, template: str, first: int, count: int) -> None:
        """Create nodes `first` to `count`."""
        if count > first:
            fill(self.generator, self.nodes, template, first=first, count=count)

    def hold(self, what: str, count: int) -> None:
        """Hold so many sessions or watches."""
        self.holder.run(f"hold_{what}", addresses=self.nodes.addresses, **{what: count})

    def settle(self) -> None:
        """Wait until the leader is at rest: growing ends in a snapshot, which is told apart.

        The heartbeats of many sessions may keep it from that for ever, so not without end.
        """
        pid = self.nodes.roles()["leader"]
        until = time.monotonic() + SETTLE_S_MAX
        calm = 0
        while calm < CALM_LOOKS and time.monotonic() < until:
            before = proc.cpu_s(pid)
            time.sleep(CALM_S)
            calm = calm + 1 if proc.cpu_s(pid) - before < CALM_SHARE * CALM_S else 0

    def cost(self, loop: Loop, seconds: float) -> float:
        """Return the leader's CPU µs per operation in one round."""
        return run_loop(self.generator, self.nodes, loop, seconds=seconds).cpu_us["leader"]


@dataclass(frozen=True, slots=True)
class Growth:
    """Something that grows: how, through which sizes, and what is done meanwhile."""

    subject: str
    loop: Loop
    counts: Sequence[int]
    grow: Callable[[Side, int, int], None]
    """Called with the side, the present count and the one to reach."""


@dataclass(frozen=True, slots=True)
class Step:
    """One size, beside the smallest."""

    subject: str
    count: int
    small_us: float
    large_us: float
    spread: float
    """Of the ratios of single rounds, as a share of their median."""

    @property
    def ratio(self) -> float:
        """Return how many times more a write costs than beside the smallest size."""
        return self.large_us / self.small_us

    @property
    def verdict(self) -> str:
        """Return what the table says: ratios that scatter more than the bound prove nothing."""
        if self.ratio <= FLAT:
            return "flat"
        return "not flat" if self.spread < 2 * (FLAT - 1) else "noisy"


def growths(*, a_million: bool) -> list[Growth]:
    """Return everything that is made to grow."""
    nodes = [1_000, 10_000, 100_000] + [1_000_000] * a_million
    return [
        Growth("nodes", WRITE, nodes, lambda side, now, to: side.fill(TREE, now, to)),
        Growth(
            "children of one parent",
            CHURN,
            [1, 1_000, 100_000],
            lambda side, now, to: side.fill(WIDE, now, to),
        ),
        Growth(
            "watches elsewhere",
            WRITE,
            [10, 1_000, 10_000, 100_000],
            lambda side, _now, to: side.hold("watches", to),
        ),
        Growth(
            "idle sessions",
            WRITE,
            [10, 1_000, 10_000],
            lambda side, _now, to: side.hold("sessions", to),
        ),
    ]


def measure(
    growth: Growth, small: Side, large: Side, options: argparse.Namespace
) -> Iterator[Step]:
    """Grow one side step by step; give the cost at each size beside the smallest."""
    rounds, seconds = options.rounds or ROUNDS, options.seconds or SECONDS
    growth.grow(small, 0, growth.counts[0])
    now = 0
    for count in growth.counts:
        growth.grow(large, now, count)
        now = count
        for side in (small, large):
            side.settle()
        pairs = [
            (small.cost(growth.loop, seconds), large.cost(growth.loop, seconds))
            for _ in range(rounds)
        ]
        ratios = sorted(b / a for a, b in pairs)
        middle = ratios[len(ratios) // 4 : -(len(ratios) // 4) or None]
        yield Step(
            growth.subject,
            count,
            quantile(sorted(a for a, _ in pairs), 0.25),
            quantile(sorted(b for _, b in pairs), 0.25),
            (middle[-1] - middle[0]) / median(ratios),
        )
        print(f"  {growth.subject}: {count:,}", flush=True)


def main(options: argparse.Namespace) -> None:
    """Print the cost of a write at every size, and whether it is flat."""
    steps: list[Step] = []
    for number, growth in enumerate(growths(a_million=options.large)):
        if options.only not in growth.subject:
            continue
        with contextlib.ExitStack() as running:
            sides = []
            for name in ("small", "large"):
                nodes = running.enter_context(Nodes(options.folder / f"{name}{number}"))
                generator, holder = (running.enter_context(LoadGenerator()) for _ in "ab")
                fill_keys(generator, nodes)
                sides.append(Side(nodes, generator, holder))
            steps += measure(growth, sides[0], sides[1], options)
    print_table(
        ("as these grow", "count", "small µs", "large µs", "ratio", "spread", "verdict"),
        (
            [
                step.subject,
                f"{step.count:,}",
                f"{step.small_us:.2f}",
                f"{step.large_us:.2f}",
                f"{step.ratio:.2f}",
                f"{step.spread:.0%}",
                step.verdict,
            ]
            for step in steps
        ),
    )
    if not options.only:
        print()
        large.main(options)
