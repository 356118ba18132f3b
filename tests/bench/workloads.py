"""Closed loops against our own nodes: which there are, and one round of one of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from tests.bench.figures import Measure, Summary, print_table, thousands
from tests.bench.generator import Json, LoadGenerator
from tests.bench.nodes import Nodes, require_synced

KEYS = 1_000
VALUE_BYTES = 100
WARM_S = 0.25
REQUESTS_PER_OPERATION = {"write": 1, "churn": 1, "lock": 2}
"""How many durable requests an operation has; those not named are reads."""

TITLES = {
    "write": "durable write",
    "churn": "create + delete",
    "read": "linearizable read",
    "local": "local read",
    "lock": "lock + unlock cycle",
}


@dataclass(frozen=True, slots=True)
class Loop:
    """One closed loop."""

    workload: str
    outstanding: int
    connections: int
    door: str = "leader"

    @property
    def title(self) -> str:
        """Return how a table names it."""
        return f"{TITLES[self.workload]}, {self.door}"


def matrix(workloads: Iterable[str]) -> list[Loop]:
    """Return all loops of these workloads: few and many connections, leader and follower."""
    loops = []
    for workload in workloads:
        for door in ("leader", "follower"):
            loops += [Loop(workload, w, 1, door) for w in (1, 16, 64, 256)]
            loops += [Loop(workload, w, w, door) for w in (16, 64, 256, 1000)]
    return loops


def selection() -> list[Loop]:
    """Return the loops that show the most in two minutes."""
    loops = [Loop("write", w, 1) for w in (1, 16, 64, 256)]
    loops += [Loop("write", w, w) for w in (64, 256, 1000)]
    loops += [Loop("churn", w, 1) for w in (64, 256)]
    for workload in ("read", "local"):
        loops += [Loop(workload, w, 1) for w in (1, 64, 256)]
        loops += [Loop(workload, w, w) for w in (64, 256)]
    loops += [Loop("lock", w, 1) for w in (1, 64, 256)]
    loops += [Loop(workload, 64, 1, "follower") for workload in ("write", "read", "local")]
    return loops


def fill_keys(generator: LoadGenerator, nodes: Nodes) -> None:
    """Create the keys that loops write and read."""
    fill(generator, nodes, "/bench/key{number:06d}", count=KEYS)


def fill(
    generator: LoadGenerator,
    nodes: Nodes,
    template: str,
    *,
    count: int,
    first: int = 0,
    fan: int = KEYS,
) -> Json:
    """Create nodes `first` to `count` at paths made from `template` with `number` and `branch`."""
    answer = generator.run(
        "fill",
        addresses=[nodes.door("leader")],
        template=template,
        first=first,
        last=count,
        fan=fan,
        value_bytes=VALUE_BYTES,
    )
    assert not answer["errors"], f"filling failed: {answer['errors']}"
    return answer


def run_loop(
    generator: LoadGenerator, nodes: Nodes, loop: Loop, *, seconds: float, warm_s: float = WARM_S
) -> Measure:
    """Return one round of one loop.

    Raises:
        NotDurableError: the nodes have not synced what they acknowledged.

    """
    before = nodes.syncs()
    answer = generator.run(
        "loop",
        addresses=[nodes.door(loop.door)],
        workload=loop.workload,
        outstanding=loop.outstanding,
        connections=loop.connections,
        warm_s=warm_s,
        measure_s=seconds,
        keys=KEYS,
        value_bytes=VALUE_BYTES,
        pids=nodes.roles(),
    )
    requests = REQUESTS_PER_OPERATION.get(loop.workload, 0)
    if requests:
        require_synced(
            before,
            nodes.syncs(),
            writes=cast("int", answer["total"]) * requests,
            outstanding=loop.outstanding,
        )
    return measure_of(answer)


def measure_of(answer: Json) -> Measure:
    """Return what a load generator has measured."""
    return Measure(
        per_s=cast("float", answer["per_s"]),
        p50_us=cast("float", answer["p50_us"]),
        p99_us=cast("float", answer["p99_us"]),
        cpu_us=cast("dict[str, float]", answer["cpu_us"]),
        errors=sum(cast("dict[str, int]", answer["errors"]).values()),
        foreign_cores=cast("float", answer["foreign_cores"]),
    )


def print_loops(found: Sequence[tuple[Loop, Summary]]) -> None:
    """Print a row for each loop."""
    head = (
        "workload", "outst.", "conns", "per s", "lowest", "highest", "p50 µs", "p99 µs",
        "leader", "followers", "client", "errors",
    )  # fmt: skip
    print("CPU: microseconds per operation, by process")
    print_table(head, ([loop.title, *_cells(loop, summary)] for loop, summary in found))
    foreign = max((summary.foreign_cores for _, summary in found), default=0.0)
    print(
        f"rounds: {found[0][1].rounds if found else 0}; others kept up to {foreign:.1f} cores busy"
    )


def _cells(loop: Loop, summary: Summary) -> list[str]:
    cpu = summary.cpu_us
    followers = "/".join(f"{v:.1f}" for name, v in cpu.items() if name.startswith("follower"))
    return [
        str(loop.outstanding),
        str(loop.connections),
        thousands(summary.per_s),
        thousands(summary.low),
        thousands(summary.high),
        thousands(summary.p50_us),
        thousands(summary.p99_us),
        f"{cpu.get('leader', 0.0):.1f}",
        followers,
        f"{cpu.get('client', 0.0):.1f}",
        str(summary.errors),
    ]


def rounds_of(
    generator: LoadGenerator, nodes: Nodes, loops: Sequence[Loop], *, rounds: int, seconds: float
) -> list[tuple[Loop, Summary]]:
    """Return every loop over `rounds` rounds, one round of all before the next."""
    found: dict[Loop, list[Measure]] = {loop: [] for loop in loops}
    for _ in range(rounds):
        for loop, measures in found.items():
            measures.append(run_loop(generator, nodes, loop, seconds=seconds))
    return [(loop, Summary.of(measures)) for loop, measures in found.items()]
