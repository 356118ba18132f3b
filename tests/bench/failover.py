"""Outage of writes when the leader dies, or falls silent.

A client with all addresses writes one after another. The outage is the time from the signal to
the end of the longest gap between answers after it.
"""

from __future__ import annotations

import argparse
import random
import signal
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import cast

from coordsvc.cli.localcluster import STOPPED
from tests.bench.generator import LoadGenerator
from tests.bench.nodes import Nodes
from tests.bench.workloads import VALUE_BYTES, fill_keys

BEFORE_S = 1.5
AFTER_S = 6.0
SETTLE_S = 1.0


def outage_s(signalled: float, moments: list[float]) -> float:
    """Return the time from the signal to the end of the longest gap after it.

    The end of the observation counts as an answer, so that no recovery shows as the whole of it.
    """
    after = [signalled, *(moment for moment in moments if moment > signalled)]
    gaps = [(later - earlier, later) for earlier, later in pairwise(after)]
    if not gaps:
        return float("inf")
    return max(gaps)[1] - signalled


def outages(folder: Path, *, rounds: int, silent: bool) -> list[float]:
    """Return the outages of `rounds` deaths of leaders, in seconds."""
    found = []
    with Nodes(folder / "failover") as nodes, LoadGenerator() as generator:
        fill_keys(generator, nodes)
        for _ in range(rounds):
            leader = nodes.leader()
            generator.start(
                "steady",
                addresses=nodes.addresses,
                measure_s=BEFORE_S + AFTER_S,
                value_bytes=VALUE_BYTES,
            )
            time.sleep(BEFORE_S + random.random() / 4)
            signalled = time.time()
            if silent:
                nodes.pause(leader)
            else:
                nodes.nodes[leader].send(signal.SIGKILL)
            moments = cast("list[float]", generator.answer()["moments"])
            found.append(outage_s(signalled, moments))
            _bring_back(nodes, leader, silent=silent)
    return found


def _bring_back(nodes: Nodes, name: str, *, silent: bool) -> None:
    if silent:
        nodes.resume(name)
    else:
        nodes.nodes[name].wait(time.monotonic() + 5)
        nodes.nodes[name].state = STOPPED
        nodes.restart(name)
    time.sleep(SETTLE_S)
    nodes.leader()


def main(options: argparse.Namespace) -> None:
    """Print the outages of writes."""
    found = outages(options.folder, rounds=options.rounds or 5, silent=options.stop)
    how = "SIGSTOP" if options.stop else "kill -9"
    print(
        f"outage of writes after {how} of the leader: median {median(found):.3f} s,"
        f" max {max(found):.3f} s, {len(found)} rounds: "
        + " ".join(f"{seconds:.3f}" for seconds in found)
    )
