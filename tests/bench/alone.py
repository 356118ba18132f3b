"""What can be measured on one cluster at a time only: outages, sizes, restarts."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean

from tests.bench import failover, memory, proc, start, workloads
from tests.bench.comparison import OURS, Comparison
from tests.bench.driven import NothingAnsweredError, PeersError, unless_it_stands_still
from tests.bench.generator import LoadGenerator
from tests.bench.goals import Row
from tests.bench.nodes import Nodes
from tests.bench.peers import Peer

NODES_OF_TREE = memory.SMALL
SESSIONS = 5_000
PEER_SESSION_TTL_S = 30


def compare_singles(
    rows: Sequence[Row],
    peers: Sequence[Peer],
    options: argparse.Namespace,
    say: Callable[[str], None],
    require_alike: Callable[[Sequence[Peer], Path], None],
) -> list[Comparison]:
    """Return what can be measured on one cluster at a time only."""
    found = {row.load.subject: Comparison(row) for row in rows}
    wanted = frozenset(found)

    def take(values: Iterator[Values]) -> None:
        for service, subject, figures in values:
            for figure in figures:
                found[subject].add(service, figure)
            say(f"{service} alone, {subject}: done")

    take(_ours_alone(wanted, options))
    for peer in peers:
        take(_peer_alone(peer, wanted, options, require_alike, say))
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
    if "session" in wanted:
        with Nodes(options.folder / "sessions") as nodes, LoadGenerator() as generator:
            yield OURS, "session", [memory.weigh_sessions(nodes, generator, SESSIONS)]
    if wanted & {"idle", "node"}:
        with Nodes(options.folder / "weights") as nodes, LoadGenerator() as generator:
            idle, per_node = memory.weigh_nodes(nodes, generator, NODES_OF_TREE)
        weighed = {"idle": idle / 1e6, "node": per_node}
        yield from ((OURS, name, [value]) for name, value in weighed.items() if name in wanted)
    if "restart" in wanted:
        times = start.restart_times(options.folder, rounds, NODES_OF_TREE)
        yield OURS, "restart", [first for first, _ in times]


def _peer_alone(
    peer: Peer,
    wanted: frozenset[str],
    options: argparse.Namespace,
    require_alike: Callable[[Sequence[Peer], Path], None],
    say: Callable[[str], None],
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
            yield from _peer_filled(peer, wanted, rounds, say)
    if "session" in wanted:
        with peer:
            yield peer.name, "session", [_session_bytes(peer)]


def _session_bytes(peer: Peer) -> float:
    """Return by how many bytes a node grows for each session."""
    peer.load("fill", "-n", workloads.KEYS)
    before = _sizes(peer)
    ttl = ("-ttl", PEER_SESSION_TTL_S)
    answer = peer.load(
        "sessions", "-n", SESSIONS, *ttl, "-warm", 1, "-dur", 1, addresses=peer.addresses
    )
    after = answer["srv_rss_MB"]
    assert isinstance(after, list)
    return mean(float(a) * 2**20 - b for a, b in zip(after, before, strict=True)) / SESSIONS


def _peer_filled(
    peer: Peer, wanted: frozenset[str], rounds: int, say: Callable[[str], None]
) -> Iterator[Values]:
    peer.load("fill", "-n", workloads.KEYS)
    before = _sizes(peer)
    peer.load("fill", "-n", NODES_OF_TREE)
    time.sleep(memory.SETTLE_S)
    grown = mean(a - b for a, b in zip(_sizes(peer), before, strict=True))
    if "node" in wanted:
        yield peer.name, "node", [grown / NODES_OF_TREE]
    if "restart" in wanted:
        time.sleep(start.SETTLE_S - memory.SETTLE_S)
        seconds = [unless_it_stands_still(lambda: restart_s(peer), say) for _ in range(rounds)]
        yield peer.name, "restart", seconds


def restart_s(peer: Peer) -> float:
    """Kill all nodes of a peer and start them; return seconds until a write is taken.

    Raises:
        NothingAnsweredError: one did not come up: now and then a port is not free again at once.

    """
    peer.down("KILL")
    began = time.time()
    starting = peer.start_up(keep=True)
    try:
        try:
            return peer.first_write_after(began)
        finally:
            peer.settled(starting)
    except PeersError as error:
        raise NothingAnsweredError(str(error)) from error


def _sizes(peer: Peer) -> list[float]:
    return [float(proc.rss_bytes(pid)) for pid in peer.pids]
