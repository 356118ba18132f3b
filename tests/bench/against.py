"""The same workloads on other services and on ours, side by side in one run.

All clusters stand at the same time, and each row of each round drives one after another, so
that whatever else this machine does falls on all of them alike. Idle sessions are held on one
cluster at a time, as keeping them alive takes processor time. What ends or fills a cluster has a
cluster to itself.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench import alone, fanout, proc, report, workloads
from tests.bench.comparison import OURS, Comparison, figure_of
from tests.bench.driven import PeersError, unless_it_stands_still
from tests.bench.figures import Measure, Summary
from tests.bench.generator import LoadGenerator
from tests.bench.goals import (
    AMONG_SESSIONS_ROWS,
    FANOUT_ROWS,
    LOOP_ROWS,
    PEER_WORKLOADS,
    SINGLE_ROWS,
    VARIANT_ROWS,
    Load,
    Row,
)
from tests.bench.nodes import Nodes
from tests.bench.peers import Peer, find_folder

ROUNDS = 3
SECONDS = 1.0
WARM_S = 0.3
CLIENTS_OPEN_MAX = 256
"""Our load generator keeps connections for the next round of a row; more are dropped."""

Measures = dict[tuple[Load, str], list[Measure]]
"""By load and service, one for each round."""


class Progress:
    """Says what was done and when, so that a long run can be followed."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def say(self, what: str) -> None:
        """Print one line."""
        print(f"  {time.monotonic() - self._began:5.0f} s  {what}", flush=True)


def require_alike(peers: Sequence[Peer], folder: Path) -> None:
    """Refuse to compare services that do not do the same on the same disk.

    Raises:
        PeersError: saying in what they differ.

    """
    ours = proc.disk_of(folder)
    found = [
        f"{peer.name} writes to {theirs.device} ({theirs.system}), we to {ours.device}"
        f" ({ours.system}): give --folder on the same disk"
        for peer in peers
        if (theirs := proc.disk_of(peer.data)) != ours
    ]
    for peer in peers:
        found += peer.unlike()
        found += [
            f"{peer.name} listens beyond this machine at {address}"
            for address in peer.addresses
            if not address.startswith("127.")
        ]
    if found:
        raise PeersError("unlike settings, not comparable:\n  " + "\n  ".join(found))


def compare_loops(
    rows: Sequence[Row], peers: Sequence[Peer], options: argparse.Namespace, progress: Progress
) -> list[Comparison]:
    """Return closed loops and fan-outs of everybody, interleaved."""
    if not rows:
        return []
    measures: Measures = {}
    loads = list(dict.fromkeys(row.load for row in rows))
    plain = [load for load in loads if not load.idle_sessions]
    among = [load for load in loads if load.idle_sessions]
    rounds, seconds = options.rounds or ROUNDS, options.seconds or SECONDS
    with (
        contextlib.ExitStack() as running,
        Nodes(options.folder / "side") as nodes,
        LoadGenerator() as generator,
        LoadGenerator() as holder,
    ):
        for peer in peers:
            running.enter_context(peer)
            peer.warm_up()
            progress.say(f"{peer.name} is up and warm")
        require_alike(peers, options.folder)
        workloads.fill_keys(generator, nodes)
        drivers: list[Driver] = [
            Ours(nodes, generator, holder),
            *(Theirs(peer, progress) for peer in peers),
        ]
        for number in range(rounds if plain else 0):
            for load in plain:
                random.shuffle(drivers)
                for driver in drivers:
                    _measure(driver, load, seconds, measures)
            progress.say(f"round {number + 1} of {rounds} done")
        for driver in drivers if among else ():
            with driver.idle_sessions(max(load.idle_sessions for load in among)):
                for load in among * rounds:
                    _measure(driver, load, seconds, measures)
            progress.say(f"{driver.name} among idle sessions: done")
    return [_comparison(row, measures) for row in rows]


def _comparison(row: Row, measures: Measures) -> Comparison:
    comparison = Comparison(row)
    for (load, service), taken in measures.items():
        if load == row.load:
            comparison.figures[service] = [figure_of(row, one) for one in taken]
            comparison.summaries[service] = Summary.of(taken)
    return comparison


class Ours:
    """Our three nodes, driven through our client library."""

    name = OURS

    def __init__(self, nodes: Nodes, generator: LoadGenerator, holder: LoadGenerator) -> None:
        self._nodes = nodes
        self._generator = generator
        self._holder = holder

    def drive(self, load: Load, seconds: float) -> Measure:
        """Return one round of one load."""
        nodes, generator = self._nodes, self._generator
        if load.subject == "watch":
            wanted = fanout.Fanout(load.outstanding)
            return fanout.run_fanout(generator, nodes, wanted, seconds=seconds)[0]
        loop = workloads.Loop(load.subject, load.outstanding, load.connections or 1, load.door)
        found = workloads.run_loop(generator, nodes, loop, seconds=seconds, warm_s=WARM_S)
        if loop.connections > CLIENTS_OPEN_MAX:
            generator.run("drop_clients")
        return found

    @contextlib.contextmanager
    def idle_sessions(self, count: int) -> Iterator[None]:
        """Hold so many sessions meanwhile."""
        addresses = self._nodes.addresses
        self._holder.run("hold_sessions", addresses=addresses, sessions=count)
        yield
        lost = self._holder.run("hold_sessions", addresses=addresses, sessions=count)["lost"]
        self._holder.run("hold_sessions", addresses=addresses, sessions=0)
        if lost:
            raise PeersError(f"{lost} of {count} idle sessions were lost: not comparable")


class Theirs:
    """Another service, driven by its load generator."""

    def __init__(self, peer: Peer, progress: Progress) -> None:
        self.name = peer.name
        self._peer = peer
        self._progress = progress

    def drive(self, load: Load, seconds: float) -> Measure:
        """Return one round of one load; one in which it stood still is not held against it.

        Raises:
            NothingAnsweredError: it does nothing else.

        """
        return unless_it_stands_still(lambda: self._drive(load, seconds), self._progress.say)

    def _drive(self, load: Load, seconds: float) -> Measure:
        peer = self._peer
        if load.subject == "watch":
            return peer.fanout(load.outstanding, seconds)
        return peer.loop(
            PEER_WORKLOADS[load.subject],
            load.outstanding,
            seconds,
            connections=load.connections,
            door=load.door,
        )

    def idle_sessions(self, count: int) -> contextlib.AbstractContextManager[None]:
        """Hold so many sessions meanwhile."""
        return self._peer.idle_sessions(count)


Driver = Ours | Theirs


def _measure(driver: Driver, load: Load, seconds: float, measures: Measures) -> None:
    measures.setdefault((load, driver.name), []).append(driver.drive(load, seconds))


def main(options: argparse.Namespace) -> None:
    """Compare, print, and write what was found."""
    folder = find_folder()
    peers = [Peer(name, folder) for name in options.against.split(",")]
    progress = Progress()

    def chosen(rows: Sequence[Row]) -> list[Row]:
        return [row for row in rows if options.only in row.title]

    loops = [*LOOP_ROWS, *VARIANT_ROWS, *FANOUT_ROWS, *AMONG_SESSIONS_ROWS]
    services = [OURS, *(peer.name for peer in peers)]
    found = compare_loops(chosen(loops), peers, options, progress)
    try:
        if singles := chosen(SINGLE_ROWS):
            found += alone.compare_singles(singles, peers, options, progress.say, require_alike)
    finally:  # a quarter of an hour is not thrown away because a service did not start again
        _tell(found, services, options)
    progress.say("done")


def _tell(
    found: Sequence[Comparison], services: Sequence[str], options: argparse.Namespace
) -> None:
    report.print_comparisons(found, services)
    if options.out:
        rounds, seconds = options.rounds or ROUNDS, options.seconds or SECONDS
        report.write_results(options.out, found, services, rounds=rounds, seconds=seconds)
