"""From exec to service: fresh nodes, and nodes that have a tree to load."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from typing import cast

from tests.bench.generator import LoadGenerator
from tests.bench.memory import SMALL, TREE
from tests.bench.nodes import Nodes
from tests.bench.workloads import fill, fill_keys

WITHIN_S = 120.0
SETTLE_S = 4.0
"""After filling, before all are killed: what a service does in quiet, it has done."""
KEY = "/bench/key000007"


def time_to_write(
    nodes: Nodes, generator: LoadGenerator, *, expect: str = KEY
) -> tuple[float, float]:
    """Start all nodes; return seconds until a write and a read of `expect`, and until all serve."""
    began = time.time()
    nodes.start_all()
    generator.start("once", addresses=nodes.addresses, within_s=WITHIN_S, expect=expect)
    answer = generator.answer()
    nodes.leader()
    return cast("float", answer["at"]) - began, time.time() - began


def start_times(folder: Path, rounds: int) -> list[tuple[float, float]]:
    """Return the times of fresh clusters."""
    found = []
    with LoadGenerator() as generator:
        for number in range(rounds):
            place = folder / f"start{number}"
            nodes = Nodes(place)
            try:
                found.append(time_to_write(nodes, generator))
            finally:
                nodes.stop()
    return found


def restart_times(folder: Path, rounds: int, count: int = SMALL) -> list[tuple[float, float]]:
    """Return the times of clusters that were killed with `count` nodes in their trees."""
    found = []
    with Nodes(folder / "restart") as nodes, LoadGenerator() as generator:
        fill_keys(generator, nodes)
        fill(generator, nodes, TREE, count=count)
        generator.run("drop_clients")
        time.sleep(SETTLE_S)
        last = TREE.format(number=count - 1, branch=(count - 1) // 1000)
        for _ in range(rounds):
            nodes.kill_all()
            found.append(time_to_write(nodes, generator, expect=last))
    return found


def _print(what: str, found: list[tuple[float, float]]) -> None:
    writes, ready = zip(*found, strict=True)
    print(
        f"{what}: first write accepted after {median(writes):.2f} s"
        f" ({min(writes):.2f} to {max(writes):.2f}), all three ready after {median(ready):.2f} s"
        f" ({min(ready):.2f} to {max(ready):.2f}), {len(found)} rounds"
    )


def start(options: argparse.Namespace) -> None:
    """Print how long fresh nodes take from exec to service."""
    _print("start", start_times(options.folder, options.rounds or 5))


def restart(options: argparse.Namespace) -> None:
    """Print how long nodes with a tree take from exec to service."""
    what = f"restart of all three with {SMALL:,} nodes of 100 B"
    _print(what, restart_times(options.folder, options.rounds or 3))
