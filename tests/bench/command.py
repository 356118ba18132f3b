"""The command line of the benchmarks."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from coordsvc.base.compiled import is_compiled
from tests.bench import (
    against,
    failover,
    fanout,
    growth,
    large,
    machine,
    memory,
    stages,
    start,
    workloads,
    zookeeper,
)
from tests.bench.driven import PeersError
from tests.bench.generator import LoadError, LoadGenerator
from tests.bench.nodes import Nodes, NotDurableError
from tests.bench.proc import describe_machine, raise_file_limit

Action = Callable[[argparse.Namespace], None]

LOOPS = {"write": ("write",), "read": ("read", "local"), "lock": ("lock",), "churn": ("churn",)}


def quick(options: argparse.Namespace) -> None:
    """The most telling of everything, in two minutes."""
    machine.print_limits(options.folder, seconds=0.5)
    with Nodes(options.folder) as nodes, LoadGenerator() as generator:
        workloads.fill_keys(generator, nodes)
        rounds = options.rounds or 3
        found = workloads.rounds_of(
            generator, nodes, workloads.selection(), rounds=rounds, seconds=options.seconds or 0.7
        )
        workloads.print_loops(found)
        fans = fanout.rounds_of(
            generator, nodes, fanout.FANOUTS[:3], rounds=1, seconds=options.seconds or 2.0
        )
        print()
        fanout.print_fanouts(fans)


def loops(options: argparse.Namespace) -> None:
    """One workload in all forms."""
    with Nodes(options.folder) as nodes, LoadGenerator() as generator:
        workloads.fill_keys(generator, nodes)
        found = workloads.rounds_of(
            generator,
            nodes,
            workloads.matrix(LOOPS[options.subject]),
            rounds=options.rounds or 3,
            seconds=options.seconds or 1.0,
        )
        workloads.print_loops(found)


def watch(options: argparse.Namespace) -> None:
    """Watch fan-out in all forms."""
    with Nodes(options.folder) as nodes, LoadGenerator() as generator:
        workloads.fill_keys(generator, nodes)
        found = fanout.rounds_of(
            generator,
            nodes,
            fanout.FANOUTS,
            rounds=options.rounds or 3,
            seconds=options.seconds or 3.0,
        )
        fanout.print_fanouts(found)


SUBJECTS: dict[str, tuple[Action, str]] = {
    "all": (quick, "the most telling of everything, in about two minutes (default)"),
    "write": (loops, "durable writes of existing keys"),
    "read": (loops, "linearizable and local reads"),
    "lock": (loops, "lock and unlock, uncontended"),
    "churn": (loops, "create and delete"),
    "watch": (watch, "one write to the last of many watchers"),
    "sessions": (memory.sessions, "10,000 idle sessions: memory, cost while writing"),
    "failover": (failover.main, "outage of writes when the leader is killed, or falls silent"),
    "restart": (start.restart, "all three restarted with 100,000 nodes"),
    "memory": (memory.nodes, "idle memory; memory per node of 100 bytes"),
    "start": (start.start, "from exec to the first write"),
    "growth": (growth.main, "cost of a write as everything grows; then as `large`"),
    "large": (large.main, "bytes, pauses and a snapshot of a large tree (--large: a million)"),
    "zookeeper": (zookeeper.main, "our ZooKeeper door beside a real ZooKeeper (needs the peers)"),
    "stages": (stages.main, "where the CPU goes: microseconds by stage; the machine's limits"),
    "limits": (machine.main, "what this machine can do: echo, fdatasync, calls"),
}


def path_from_where_one_stands(text: str) -> Path:
    """Return a path of the command line: the compiled copy runs in a folder of its own."""
    return Path(os.environ.get("DEV_STANDS_IN", ""), text)


def parser() -> argparse.ArgumentParser:
    """Return what the command line may say."""
    told = "\n".join(f"  {name:9} {text}" for name, (_, text) in SUBJECTS.items())
    found = argparse.ArgumentParser(
        prog="./dev bench",
        description=f"{__doc__}\n\nsubjects:\n{told}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("subject", nargs="?", default="all", choices=SUBJECTS, metavar="subject")
    found.add_argument("--rounds", type=int, default=0, help="rounds, interleaved")
    found.add_argument("--seconds", type=float, default=0.0, help="measured time of each row")
    found.add_argument(
        "--folder",
        type=path_from_where_one_stands,
        help="where data goes (default: a temporary folder)",
    )
    found.add_argument("--large", action="store_true", help="also a million nodes")
    found.add_argument("--stop", action="store_true", help="failover: SIGSTOP instead of SIGKILL")
    found.add_argument(
        "--against", metavar="PEERS", help="compare with other services: etcd,zookeeper"
    )
    found.add_argument("--only", default="", help="tables: only rows whose name contains this")
    found.add_argument(
        "--out",
        type=path_from_where_one_stands,
        help="comparisons: write OUT.json and OUT.svg",
    )
    return found


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """Leave by the way of an exception, so that every process that was started is stopped."""
    sys.exit(128 + number)


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    options = parser().parse_args()
    action = SUBJECTS[options.subject][0] if not options.against else against.main
    raise_file_limit()
    signal.signal(signal.SIGTERM, _end)
    print(describe_machine() + ("; compiled" if is_compiled() else ""), flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix="coordsvc-bench-", dir=options.folder) as folder:
            options.folder = Path(folder)
            action(options)
    except (NotDurableError, LoadError, PeersError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    return 0
