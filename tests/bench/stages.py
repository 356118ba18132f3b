"""Where the CPU goes: microseconds an operation, by stage, in leader, follower and client.

The pure stages are timed in memory, in lockstep; what the processes of a real cluster use beyond
them is the kernel's, the event loop's, and that of caches that others have emptied.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import mean, median
from typing import ParamSpec, TypeVar
from unittest.mock import patch

from coordsvc.base.compiled import is_compiled
from coordsvc_client.wire import ops
from tests.bench import lockstep, machine, workloads
from tests.bench.figures import print_table
from tests.bench.generator import LoadGenerator
from tests.bench.lockstep import Group, Node
from tests.bench.nodes import Nodes
from tests.bench.workloads import Loop

OUTSTANDING = 64
OPERATIONS = 4_000
"""Of one round in memory."""
ROUNDS = 15
WARM_UP = 2
ROLES = ("leader", "follower", "client")

REQUESTS = "a client's bytes to checked commands"
DECODE = "messages of others: decode"
TAKE = "messages of others: act on them"
TURN = "propose, append, what to write and send"
ENCODE = "messages to others: encode"
SYNCED = "note what is synced"
APPLY = "apply, tell those concerned"
ANSWERS = "answers: encode and frame"
ASK = "requests: encode and frame"
ANSWERED = "answers: decode, call back, ask again"
REST = "kernel, event loop, cold caches"
STAGES = (REQUESTS, DECODE, TAKE, TURN, ENCODE, SYNCED, APPLY, ANSWERS, ANSWERED, ASK)

Key = tuple[str, str]
"""Role and stage."""
P = ParamSpec("P")
R = TypeVar("R")


class Stopwatch:
    """Counts the time of each stage once: what runs within another is not counted there too."""

    def __init__(self) -> None:
        self.role = ""
        """Whose stages run now."""
        self.spent: defaultdict[Key, float] = defaultdict(float)
        self._within = 0.0

    def timed(self, stage: str, function: Callable[P, R], role: str = "") -> Callable[P, R]:
        """Return `function`, timed as a stage of `role`, or of whoever it is then."""

        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            outer, self._within = self._within, 0.0
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                took = time.perf_counter() - began
                self.spent[role or self.role, stage] += took - self._within
                self._within = outer + took

        return timed


class Timed:
    """Stands for `original`, some of whose functions are timed."""

    def __init__(self, original: object, **functions: Callable[..., object]) -> None:
        self._original = original
        self.__dict__.update(functions)

    def __getattr__(self, name: str) -> object:
        return getattr(self._original, name)


class Watched:
    """A group in lockstep whose stages are timed."""

    def __init__(self) -> None:
        self.group = Group()
        self.group.begin()
        self.group.write(100)
        self.watch = Stopwatch()
        watch, group = self.watch, self.group
        for node in group.nodes.values():
            self._watch_node(node)
        client, server = group.client, group.server
        assert server is not None
        group.flush = self._as_role(watch.timed(ANSWERS, group.flush))
        group.client = Timed(
            client,
            receive_data=watch.timed(ANSWERED, client.receive_data, "client"),
            data_to_send=watch.timed(ASK, client.data_to_send, "client"),
        )
        group.pass_on = watch.timed(REQUESTS, group.pass_on, "leader")
        self._codec = Timed(
            lockstep.codec,
            encode=watch.timed(ENCODE, lockstep.codec.encode),
            decode=watch.timed(DECODE, lockstep.codec.decode),
        )

    def _watch_node(self, node: Node) -> None:
        timed, replica = self.watch.timed, node.replica
        node.replica = Timed(
            replica,
            receive=timed(TAKE, replica.receive),
            persisted=timed(SYNCED, replica.persisted),
            take_messages=timed(TURN, replica.take_messages),
            take_effects=timed(TURN, replica.take_effects),
            catch_up=timed(APPLY, replica.catch_up),
        )
        step = node.step

        def step_of_its_role() -> None:
            self.watch.role = "leader" if replica.leading else "follower"
            step()

        node.step = step_of_its_role

    def _as_role(self, flush: Callable[[Node], None]) -> Callable[[Node], None]:
        def flush_of_its_role(node: Node) -> None:
            self.watch.role = "leader" if node.replica.leading else "follower"
            flush(node)

        return flush_of_its_role

    def round(self, ask: Callable[[Group], None]) -> dict[Key, float]:
        """Return the microseconds an operation of each stage; a follower's are of one."""
        self.watch.spent.clear()
        with patch.object(lockstep, "codec", self._codec):
            ask(self.group)
        return {
            (role, stage): seconds * 1e6 / OPERATIONS / (2 if role == "follower" else 1)
            for (role, stage), seconds in self.watch.spent.items()
        }


def write(group: Group) -> None:
    """Write to an existing key, again and again."""
    requests = group.client.requests
    group.ask(
        lambda done: requests.mutate(ops.SET, (lockstep.PATH, lockstep.VALUE, -1, []), done),
        count=OPERATIONS,
        outstanding=OUTSTANDING,
    )


def read(group: Group) -> None:
    """Read linearizably, again and again."""
    group.read(OPERATIONS, outstanding=OUTSTANDING, consistency=ops.LINEARIZABLE)


ASKED = {"write": write, "read": read}


def pure_stages(ask: Callable[[Group], None]) -> dict[Key, float]:
    """Return the medians over some rounds in memory."""
    watched = Watched()
    rounds = [watched.round(ask) for _ in range(WARM_UP + ROUNDS)][WARM_UP:]
    keys = {key for each in rounds for key in each}
    return {key: median(each.get(key, 0.0) for each in rounds) for key in keys}


def real_costs(
    nodes: Nodes, generator: LoadGenerator, workload: str, seconds: float
) -> Sequence[float]:
    """Return the CPU µs an operation of leader, one follower, client; then how many a second."""
    loop = Loop(workload, OUTSTANDING, 1)
    measures = [workloads.run_loop(generator, nodes, loop, seconds=seconds) for _ in range(5)]

    def cost(role: str) -> float:
        return median(
            mean(us for name, us in each.cpu_us.items() if name.startswith(role))
            for each in measures
        )

    return [*map(cost, ROLES), median(each.per_s for each in measures)]


def print_stages(workload: str, pure: dict[Key, float], costs: Sequence[float]) -> None:
    """Print a table of one workload."""

    def cells(values: Sequence[float]) -> list[str]:
        return [f"{value:.2f}" if value >= 0.005 else "" for value in values]

    rows = [
        [stage, *cells([pure.get((role, stage), 0.0) for role in ROLES])]
        for stage in STAGES
        if any(pure.get((role, stage), 0.0) >= 0.005 for role in ROLES)
    ]
    sums = [sum(us for (r, _), us in pure.items() if r == role) for role in ROLES]
    rows.append(["pure, in all", *cells(sums)])
    rows.append([REST, *cells([c - s for c, s in zip(costs, sums, strict=False)])])
    rows.append(["in all", *cells(costs[:3])])
    kind = "compiled" if is_compiled() else "as written"
    print(f"{workloads.TITLES[workload]}, {OUTSTANDING} outstanding, {kind}:", end=" ")
    print(f"{costs[3]:,.0f} per s; CPU µs an operation")
    print_table(("stage", "leader", "each follower", "client"), rows)
    print()


def main(options: argparse.Namespace) -> None:
    """Print where the CPU goes, and what the machine can do."""
    machine.print_limits(options.folder, seconds=options.seconds or 1.0)
    with Nodes(options.folder) as nodes, LoadGenerator() as generator:
        workloads.fill_keys(generator, nodes)
        for workload, ask in ASKED.items():
            costs = real_costs(nodes, generator, workload, options.seconds or 1.0)
            print_stages(workload, pure_stages(ask), costs)
