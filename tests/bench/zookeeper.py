"""Our ZooKeeper door beside a real ZooKeeper: one load generator drives both, in one run."""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.bench import failover
from tests.bench.against import require_alike
from tests.bench.comparison import OURS, Comparison, figure_of
from tests.bench.driven import Driven, unless_it_stands_still
from tests.bench.figures import Measure, Summary
from tests.bench.goals import Figure, Load, Row
from tests.bench.nodes import Nodes
from tests.bench.peers import Peer, find_folder
from tests.bench.report import print_comparisons, write_results

THEIRS: Final = "zookeeper"
LOADS: Final = {"write": "put", "read": "sread", "synced read": "lread"}
"""What the load generator calls each workload."""

LOOP_ROWS: Final = [
    *(Row("write", Load("write", w), Figure.RATE, times=1.0) for w in (16, 64, 256)),
    *(Row("write, p99", Load("write", w), Figure.P99, times=1.0) for w in (16, 64, 256)),
    *(Row("read", Load("read", w), Figure.RATE, times=1.0) for w in (1, 16, 64, 256)),
    *(Row("sync + read", Load("synced read", w), Figure.RATE, times=1.0) for w in (16, 64, 256)),
]
OUTAGE_ROWS: Final = [
    Row("outage after kill -9 of the leader", Load("kill"), Figure.SECONDS, times=1.0),
    Row("outage when the leader falls silent", Load("silence"), Figure.SECONDS, times=1.0),
]


class Door(Driven):
    """Three nodes of ours, driven as a ZooKeeper. Use as a context manager."""

    def __init__(self, folder: Path, peers: Path) -> None:
        super().__init__(THEIRS, peers)
        self._nodes = Nodes(folder)

    def __enter__(self) -> Self:
        self._nodes.__enter__()
        self._look()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._nodes.__exit__(kind, error, at)

    def _look(self) -> None:
        """Note who leads."""
        leader = self._nodes.leader()
        self.pids = [self._nodes.pid(name) for name in self._nodes.nodes]
        self.addresses = self._nodes.addresses
        self.leader_address = self._nodes.address_of(leader)
        self.leader_pid = self._nodes.pid(leader)

    def start_leader_again(self) -> None:
        """Start the node that was killed as leader."""
        for name, node in self._nodes.nodes.items():
            if node.pid == self.leader_pid:
                self._nodes.kill(name)
                self._nodes.restart(name)
        self._look()


def compare_loops(
    rows: list[Row], folder: Path, peers: Path, *, rounds: int, seconds: float
) -> list[Comparison]:
    """Return the closed loops of both, interleaved."""
    measures: dict[tuple[str, int, str], list[Measure]] = {}
    subjects = list(dict.fromkeys((row.load.subject, row.load.outstanding) for row in rows))
    if not subjects:
        return []
    with Peer(THEIRS, peers) as theirs, Door(folder / "loops", peers) as ours:
        require_alike([theirs], folder)
        sides: list[tuple[str, Driven]] = [(OURS, ours), (THEIRS, theirs)]
        for _, side in sides:
            side.warm_up()
        for number in range(rounds):
            for subject, outstanding in subjects:
                random.shuffle(sides)
                for service, side in sides:
                    measure = _measured(side, LOADS[subject], outstanding, seconds)
                    measures.setdefault((subject, outstanding, service), []).append(measure)
            print(f"  round {number + 1} done", flush=True)
    return [_comparison(row, measures) for row in rows]


def _measured(side: Driven, workload: str, outstanding: int, seconds: float) -> Measure:
    """Return one round. Only the peer is forgiven for answering nothing in it."""
    if isinstance(side, Door):
        return side.loop(workload, outstanding, seconds)
    return unless_it_stands_still(lambda: side.loop(workload, outstanding, seconds), print)


def _comparison(row: Row, measures: dict[tuple[str, int, str], list[Measure]]) -> Comparison:
    found = Comparison(row)
    for (subject, outstanding, service), taken in measures.items():
        if (subject, outstanding) == (row.load.subject, row.load.outstanding):
            found.figures[service] = [figure_of(row, one) for one in taken]
            found.summaries[service] = Summary.of(taken)
    return found


def compare_outages(
    rows: list[Row], folder: Path, peers: Path, *, rounds: int
) -> Iterator[Comparison]:
    """Yield the outages of both, one cluster at a time."""
    found = {row.load.subject: Comparison(row) for row in rows}
    sides: list[tuple[str, Driven]] = [
        (THEIRS, Peer(THEIRS, peers)),
        (OURS, Door(folder / "outages", peers)),
    ]
    for service, side in sides if found else ():
        with side:
            side.warm_up_writes()
            for subject, comparison in found.items():
                for _ in range(rounds):
                    silent = subject == "silence"
                    seconds = side.outage_s(silent=silent, before_s=failover.BEFORE_S)
                    comparison.add(service, seconds)
        print(f"  outages of {service}: done", flush=True)
    yield from found.values()


def main(options: argparse.Namespace) -> None:
    """Compare, print, and write what was found."""
    peers = find_folder()
    rounds = options.rounds or 3

    def chosen(rows: list[Row]) -> list[Row]:
        return [row for row in rows if options.only in row.title]

    seconds = options.seconds or 2.0
    found = compare_loops(chosen(LOOP_ROWS), options.folder, peers, rounds=rounds, seconds=seconds)
    found += compare_outages(chosen(OUTAGE_ROWS), options.folder, peers, rounds=rounds)
    services = [OURS, THEIRS]
    print_comparisons(found, services)
    if options.out:
        write_results(options.out, found, services, rounds=rounds, seconds=seconds)
