"""The same workloads on other services and on ours, side by side in one run.

All clusters stand at the same time, and each row of each round drives one after another, so
that whatever else this machine does falls on all of them alike. What ends or fills a cluster is
measured on one cluster at a time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean, median

from tests.bench import chart, failover, fanout, memory, proc, start, workloads
from tests.bench.driven import PeersError
from tests.bench.figures import Measure, Summary, print_table, thousands
from tests.bench.generator import LoadGenerator
from tests.bench.goals import (
    FANOUT_ROWS,
    LOOP_ROWS,
    PEER_WORKLOADS,
    SINGLE_ROWS,
    Figure,
    Row,
)
from tests.bench.nodes import Nodes
from tests.bench.peers import Peer, find_folder

OURS = "coordsvc"
NODES_OF_TREE = memory.SMALL
SESSIONS = 3_000
PEER_SESSION_TTL_S = 30


@dataclass(slots=True)
class Comparison:
    """One row with everybody's figures."""

    row: Row
    figures: dict[str, list[float]] = field(default_factory=dict)
    """Per service, one figure per round; a service that was not asked is missing."""
    summaries: dict[str, Summary] = field(default_factory=dict)

    def add(self, service: str, value: float) -> None:
        """Take in one figure."""
        self.figures.setdefault(service, []).append(value)

    def of(self, service: str) -> float:
        """Return the median of a service's figures."""
        return median(self.figures[service])

    @property
    def best(self) -> tuple[str, float] | None:
        """Return the better peer and its figure."""
        peers = [(name, self.of(name)) for name in self.figures if name != OURS]
        if not peers:
            return None
        pick = max if self.row.figure.more_is_better else min
        return pick(peers, key=lambda pair: pair[1])

    @property
    def ratio(self) -> float | None:
        """Return how many times the better peer's our figure is."""
        best = self.best
        return self.of(OURS) / best[1] if best and best[1] > 0 else None

    @property
    def is_met(self) -> bool:
        """Tell whether we reach the goal."""
        return self.row.is_met(self.of(OURS), self.best[1] if self.best else None)

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return {
            "row": asdict(self.row) | {"figure": self.row.figure.value, "goal": self.row.goal},
            "figures": self.figures,
            "medians": {name: self.of(name) for name in self.figures},
            "ratio": self.ratio,
            "met": self.is_met,
            "details": {name: found.as_dict() for name, found in self.summaries.items()},
        }


def figure_of(row: Row, found: Measure) -> float:
    """Return what a row compares."""
    return {
        Figure.RATE: found.per_s,
        Figure.P50: found.p50_us,
        Figure.P99: found.p99_us,
    }[row.figure]


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
    rows: Sequence[Row], peers: Sequence[Peer], options: argparse.Namespace
) -> list[Comparison]:
    """Return closed loops and fan-outs of everybody, interleaved."""
    seconds = options.seconds or 2.0
    found = [Comparison(row) for row in rows]
    subjects = list(dict.fromkeys((row.subject, row.outstanding) for row in rows))
    if not subjects:
        return found
    measures: dict[tuple[str, int, str], list[Measure]] = {}
    with (
        contextlib.ExitStack() as running,
        Nodes(options.folder / "side") as nodes,
        LoadGenerator() as generator,
    ):
        for peer in peers:
            running.enter_context(peer)
            peer.warm_up()
        require_alike(peers, options.folder)
        workloads.fill_keys(generator, nodes)
        for number in range(options.rounds or 3):
            for subject, outstanding in subjects:
                for service, measure in _round(
                    subject, outstanding, peers, nodes, generator, seconds
                ):
                    measures.setdefault((subject, outstanding, service), []).append(measure)
            print(f"  round {number + 1} done", flush=True)
    for comparison in found:
        row = comparison.row
        for (subject, outstanding, service), taken in measures.items():
            if (subject, outstanding) == (row.subject, row.outstanding):
                comparison.figures[service] = [figure_of(row, one) for one in taken]
                comparison.summaries[service] = Summary.of(taken)
    return found


def _round(
    subject: str,
    outstanding: int,
    peers: Sequence[Peer],
    nodes: Nodes,
    generator: LoadGenerator,
    seconds: float,
) -> Iterator[tuple[str, Measure]]:
    """Drive one row on everybody, in an order that changes."""

    def ours() -> Measure:
        if subject == "watch":
            wanted = fanout.Fanout(outstanding)
            return fanout.run_fanout(generator, nodes, wanted, seconds=seconds)[0]
        loop = workloads.Loop(subject, outstanding, 1)
        return workloads.run_loop(generator, nodes, loop, seconds=seconds, warm_s=0.3)

    def theirs(peer: Peer) -> Callable[[], Measure]:
        if subject == "watch":
            return lambda: peer.fanout(outstanding, seconds)
        return lambda: peer.loop(PEER_WORKLOADS[subject], outstanding, seconds)

    turns = [(OURS, ours), *((peer.name, theirs(peer)) for peer in peers)]
    random.shuffle(turns)
    for service, turn in turns:
        yield service, turn()


def compare_singles(
    rows: Sequence[Row], peers: Sequence[Peer], options: argparse.Namespace
) -> list[Comparison]:
    """Return what can be measured on one cluster at a time only."""
    found = {row.subject: Comparison(row) for row in rows}
    wanted = frozenset(found)
    for service, subject, values in [
        *_ours_alone(wanted, options),
        *(each for peer in peers for each in _peer_alone(peer, wanted, options)),
    ]:
        for value in values:
            found[subject].add(service, value)
    return list(found.values())


Values = tuple[str, str, list[float]]


def _ours_alone(wanted: frozenset[str], options: argparse.Namespace) -> Iterator[Values]:
    rounds = options.rounds or 3
    for subject in ("kill", "silence"):
        if subject in wanted:
            seconds = failover.outages(
                options.folder / subject, rounds=rounds, silent=subject == "silence"
            )
            yield OURS, subject, seconds
    if wanted & {"idle", "session", "node"}:
        with Nodes(options.folder / "weights") as nodes, LoadGenerator() as generator:
            weights = memory.weigh(nodes, generator, sessions=SESSIONS, count=NODES_OF_TREE)
        weighed = {
            "idle": weights.idle_bytes / 1e6,
            "session": weights.per_session_bytes,
            "node": weights.per_node_bytes,
        }
        yield from ((OURS, name, [value]) for name, value in weighed.items() if name in wanted)
    if "restart" in wanted:
        times = start.restart_times(options.folder, rounds, NODES_OF_TREE)
        yield OURS, "restart", [first for first, _ in times]
    print(f"  {OURS} alone: done", flush=True)


def _peer_alone(
    peer: Peer, wanted: frozenset[str], options: argparse.Namespace
) -> Iterator[Values]:
    rounds = options.rounds or 3
    with peer:
        require_alike([peer], options.folder)
        idle = _sizes(peer)
        peer.warm_up_writes()
        if "idle" in wanted:
            yield peer.name, "idle", [max(idle) / 1e6]
        for subject in ("kill", "silence"):
            if subject in wanted:
                pause = failover.BEFORE_S
                seconds = [
                    peer.outage_s(silent=subject == "silence", before_s=pause)
                    for _ in range(rounds)
                ]
                yield peer.name, subject, seconds
    if wanted & {"node", "restart"}:
        with peer:
            yield from _peer_filled(peer, wanted, rounds)
    if "session" in wanted:
        with peer:
            yield peer.name, "session", [_session_bytes(peer)]
    print(f"  {peer.name} alone: done", flush=True)


def _session_bytes(peer: Peer) -> float:
    """Return by how many bytes a node grows for each session."""
    peer.load("fill", "-n", workloads.KEYS)
    before = _sizes(peer)
    ttl = ("-ttl", PEER_SESSION_TTL_S)
    answer = peer.load("sessions", "-n", SESSIONS, *ttl, "-warm", 1, "-dur", 1, spread=True)
    after = answer["srv_rss_MB"]
    assert isinstance(after, list)
    return mean(float(a) * 2**20 - b for a, b in zip(after, before, strict=True)) / SESSIONS


def _peer_filled(peer: Peer, wanted: frozenset[str], rounds: int) -> Iterator[Values]:
    peer.load("fill", "-n", workloads.KEYS)
    before = _sizes(peer)
    peer.load("fill", "-n", NODES_OF_TREE)
    time.sleep(memory.SETTLE_S)
    grown = mean(a - b for a, b in zip(_sizes(peer), before, strict=True))
    if "node" in wanted:
        yield peer.name, "node", [grown / NODES_OF_TREE]
    if "restart" in wanted:
        yield peer.name, "restart", [_restart_s(peer) for _ in range(rounds)]


def _restart_s(peer: Peer) -> float:
    peer.down("KILL")
    began = time.time()
    starting = peer.start_up(keep=True)
    try:
        return peer.first_write_after(began)
    finally:
        peer.settled(starting)


def _sizes(peer: Peer) -> list[float]:
    return [float(proc.rss_bytes(pid)) for pid in peer.pids]


def print_comparisons(found: Sequence[Comparison], services: Sequence[str]) -> None:
    """Print everybody's medians with their spread, the ratio, and whether the goal is met."""
    head = ["workload", "outst.", "unit"]
    for service in services:
        head += [service, "spread", "CPU µs"]
    head += ["ratio", "of", "goal", "verdict"]
    print()
    print(
        "spread: lowest to highest round as a share of the median; ratio: ours to the better peer;"
    )
    print("CPU: µs per operation of leader + both followers + client")
    print_table(head, (_line(comparison, services) for comparison in found))
    met = sum(comparison.is_met for comparison in found)
    foreign = [s.foreign_cores for c in found for s in c.summaries.values()]
    print(
        f"\n{met} of {len(found)} goals met;"
        f" others kept up to {max(foreign, default=0):.1f} cores busy"
    )


def _line(comparison: Comparison, services: Sequence[str]) -> list[str]:
    row = comparison.row
    cells = [row.title, str(row.outstanding or ""), row.figure.value]
    for service in services:
        values = comparison.figures.get(service)
        if not values:
            cells += ["-", "", ""]
            continue
        middle = median(values)
        spread = (max(values) - min(values)) / middle if middle else 0.0
        cells += [_shown(row.figure, middle), f"{spread:.0%}", _cpu(comparison, service)]
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


def _cpu(comparison: Comparison, service: str) -> str:
    found = comparison.summaries.get(service)
    if found is None:
        return ""
    cpu = found.cpu_us
    followers = sum(cost for name, cost in cpu.items() if name.startswith("follower"))
    return f"{cpu.get('leader', 0.0):.1f}+{followers:.1f}+{cpu.get('client', 0.0):.1f}"


def _shown(figure: Figure, value: float) -> str:
    return f"{value:.3f}" if figure is Figure.SECONDS else thousands(value)


def write_results(
    out: Path, found: Sequence[Comparison], services: Sequence[str], options: argparse.Namespace
) -> None:
    """Write OUT.json and OUT.svg."""
    out.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "machine": proc.describe_machine(),
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "services": list(services),
        "settings": {
            "nodes": 3,
            "keys": workloads.KEYS,
            "value_bytes": workloads.VALUE_BYTES,
            "rounds": options.rounds or 3,
            "seconds": options.seconds or 2.0,
        },
        "rows": [comparison.as_dict() for comparison in found],
    }
    out.with_suffix(".json").write_text(json.dumps(told, indent=1))
    bars = [
        chart.Bar(
            f"{c.row.title}" + (f", {c.row.outstanding}" if c.row.outstanding else ""),
            (c.ratio if c.row.figure.more_is_better else 1 / c.ratio),
            (c.row.times if c.row.figure.more_is_better else 1 / c.row.times)
            if c.row.times
            else None,
            c.is_met,
        )
        for c in found
        if c.ratio
    ]
    title = f"{OURS} beside the better of {' and '.join(services[1:])}"
    out.with_suffix(".svg").write_text(chart.draw(title, bars))
    print(f"written: {out.with_suffix('.json')}, {out.with_suffix('.svg')}")


def main(options: argparse.Namespace) -> None:
    """Compare, print, and write what was found."""
    folder = find_folder()
    peers = [Peer(name, folder) for name in options.against.split(",")]
    services = [OURS, *(peer.name for peer in peers)]

    def chosen(rows: Sequence[Row]) -> list[Row]:
        return [row for row in rows if options.only in row.title]

    found = compare_loops(chosen([*LOOP_ROWS, *FANOUT_ROWS]), peers, options)
    found += compare_singles(chosen(SINGLE_ROWS), peers, options) if chosen(SINGLE_ROWS) else []
    print_comparisons(found, services)
    if options.out:
        write_results(options.out, found, services, options)
