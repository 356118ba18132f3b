"""Memory of nodes: idle, per session, per node of the tree."""

from __future__ import annotations

import argparse
import time
from statistics import mean

from tests.bench import proc
from tests.bench.figures import Summary, print_table, thousands
from tests.bench.generator import LoadGenerator
from tests.bench.nodes import Nodes
from tests.bench.workloads import Loop, fill, fill_keys, run_loop

SETTLE_S = 2.0
SESSIONS = 10_000
FIRST_SESSIONS = 300
TREE = "/tree/b{branch:04d}/node{number:07d}"
SMALL, LARGE = 100_000, 1_000_000
MIB = 2**20


def sizes(nodes: Nodes) -> dict[str, int]:
    """Return the resident bytes of each node."""
    return {role: proc.rss_bytes(pid) for role, pid in nodes.roles().items()}


def growth_per(before: dict[str, int], after: dict[str, int], count: int) -> float:
    """Return by how many bytes per thing a node grew, on average over the nodes."""
    return mean(after[role] - before[role] for role in before) / count


def weigh_sessions(nodes: Nodes, generator: LoadGenerator, count: int) -> float:
    """Return by how many bytes fresh nodes grow for each idle session, on average.

    A node in use has memory to spare, which would hide them: so nothing else comes before. A few
    come and go first, as what is loaded for the first session is not the second's.
    """
    addresses = nodes.addresses
    generator.run("hold_sessions", addresses=addresses, sessions=FIRST_SESSIONS)
    time.sleep(SETTLE_S)
    before = sizes(nodes)
    generator.run("hold_sessions", addresses=addresses, sessions=FIRST_SESSIONS + count)
    time.sleep(SETTLE_S)
    after = sizes(nodes)
    lost = generator.run("hold_sessions", addresses=addresses, sessions=FIRST_SESSIONS + count)
    assert not lost["lost"], f"{lost['lost']} sessions were lost"
    generator.run("hold_sessions", addresses=addresses, sessions=0)
    return growth_per(before, after, count)


def weigh_nodes(nodes: Nodes, generator: LoadGenerator, count: int) -> tuple[float, float]:
    """Return the bytes of the largest idle node, and by how many nodes grow for each znode."""
    time.sleep(SETTLE_S)
    idle = sizes(nodes)
    fill_keys(generator, nodes)
    before = sizes(nodes)
    fill(generator, nodes, TREE, count=count)
    time.sleep(SETTLE_S)
    return max(idle.values()), growth_per(before, sizes(nodes), count)


def sessions(options: argparse.Namespace) -> None:
    """Print what idle sessions weigh, and what they cost those who write."""
    with Nodes(options.folder / "weights") as nodes, LoadGenerator() as generator:
        weight = weigh_sessions(nodes, generator, SESSIONS)
    with (
        Nodes(options.folder / "among") as nodes,
        LoadGenerator() as generator,
        LoadGenerator() as holder,
    ):
        fill_keys(generator, nodes)
        loop, seconds = Loop("write", 64, 1), options.seconds or 2.0
        runs = range(options.rounds or 3)
        alone = Summary.of([run_loop(generator, nodes, loop, seconds=seconds) for _ in runs])
        made = holder.run("hold_sessions", addresses=nodes.addresses, sessions=SESSIONS)
        time.sleep(SETTLE_S)
        watched = {role: proc.cpu_s(pid) for role, pid in nodes.roles().items()}
        time.sleep(5)
        idle_cpu = {r: (proc.cpu_s(p) - watched[r]) / 5 for r, p in nodes.roles().items()}
        among = Summary.of([run_loop(generator, nodes, loop, seconds=seconds) for _ in runs])
        held = holder.run("hold_sessions", addresses=nodes.addresses, sessions=SESSIONS)
    print(f"{SESSIONS:,} idle sessions over three nodes, opened in {made['seconds']:.1f} s,"
          f" lost {held['lost']}")  # fmt: skip
    print(f"memory: {weight:,.0f} B per session on each node")
    print("idle CPU: " + ", ".join(f"{r} {s * 100:.1f} %" for r, s in idle_cpu.items()))
    print_table(
        ("64 writers", "per s", "p50 µs", "p99 µs", "leader µs"),
        (
            [name, thousands(s.per_s), thousands(s.p50_us), thousands(s.p99_us),
             f"{s.cpu_us['leader']:.1f}"]
            for name, s in (("alone", alone), ("among idle sessions", among))
        ),
    )  # fmt: skip


def nodes(options: argparse.Namespace) -> None:
    """Print what idle nodes weigh, and the nodes of a large tree."""
    counts = [SMALL, LARGE] if options.large else [SMALL]
    with Nodes(options.folder) as cluster, LoadGenerator() as generator:
        time.sleep(SETTLE_S)
        idle = sizes(cluster)
        fill_keys(generator, cluster)
        start = sizes(cluster)
        rows = [["idle", *_in_mib(idle), "", ""]]
        done = 0
        for count in counts:
            filled = fill(generator, cluster, TREE, count=count, first=done)
            seconds = float(str(filled["seconds"]))
            rate, done = (count - done) / seconds, count
            time.sleep(SETTLE_S)
            now = sizes(cluster)
            per = growth_per(start, now, count)
            rows.append([f"{count:,} nodes", *_in_mib(now), f"{per:,.0f}", thousands(rate)])
    print_table(
        ("resident", "leader MiB", "follower 1", "follower 2", "B per node", "filled per s"), rows
    )


def _in_mib(found: dict[str, int]) -> list[str]:
    return [f"{size / MIB:.1f}" for size in found.values()]
