"""Mortal: nodes that go by themselves - with their session, their time, or their last child."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes, ops
from tests.sim.history import Operation
from tests.sim.workloads.client import Answer, Asker, Client, Workload, create_args

TOP: Final = "/mortal"
NAMES: Final = tuple(f"{TOP}/{number}" for number in range(5))
TTLS_MS: Final = (100, 500, 1_500)


class MortalWorkload(Workload):
    """Whether they went for a reason is checked where it is applied; that they go at all, by who
    runs this. What reads show of them on the way is compared with the state."""

    def start(self, clients: Sequence[Client]) -> None:
        """See Workload."""
        for client in clients:
            self._asker.later(client, _Actor(self._asker, client).act)

    def conclude(self, reader: Client) -> None:
        """Nothing is read that was not read before."""

    def check(self) -> None:
        """Everything was judged while it happened."""


class _Actor:
    """One client."""

    def __init__(self, asker: Asker, client: Client) -> None:
        self._asker = asker
        self._client = client

    def act(self) -> None:
        chance = self._client.chance
        path = chance.choice(NAMES)
        child = f"{path}/child"
        data = b"%d" % chance.randrange(1_000)
        some: tuple[tuple[int, tuple[Value, ...]], ...] = (
            (ops.CREATE, create_args(path, data, kind=ops.EPHEMERAL)),
            (ops.CREATE, create_args(path, data, kind=ops.CONTAINER)),
            (ops.CREATE, (path, data, ops.TTL, False, False, chance.choice(TTLS_MS), [])),
            (ops.CREATE, create_args(child, data)),
            (ops.CREATE, create_args(child, data, kind=ops.EPHEMERAL)),
            (ops.SET, (path, data, -1, [])),
            (ops.DELETE, (path, -1, chance.randrange(2) == 0, [])),
            (ops.DELETE, (child, -1, False, [])),
            (ops.GET, (path,)),
            (ops.STAT, (path,)),
            (ops.CHILDREN, (TOP, 0, None, 0, False)),
        )
        op, args = chance.choice(some)
        consistency = ops.LINEARIZABLE
        if op in ops.READS:
            consistency = chance.choice((ops.LINEARIZABLE, ops.SEQUENTIAL, ops.STALE))
        self._asker.ask(self._client, op, args, self._answered, consistency=consistency)

    def _answered(self, answer: Answer, operation: Operation) -> None:
        if answer.code == codes.NO_NODE and operation.op == ops.CREATE:
            self._asker.ask(self._client, ops.CREATE, create_args(TOP, b""), lambda *_: None)
        self._asker.later(self._client, self.act)
