"""Registers: a few keys, all kinds of reads and writes, judged by linearizability."""

from __future__ import annotations

from collections.abc import Sequence

from coordsvc.base.vocabulary import ops
from tests.sim.checkers.linearizability import check_parts
from tests.sim.checkers.models import VERSION_FIELD, RegisterModel, keys_of
from tests.sim.checkers.revisions import check_real_time
from tests.sim.history import History, Operation
from tests.sim.workloads.client import Answer, Asker, Client, Workload, create_args


class RegisterWorkload(Workload):
    """Clients get, put, create, delete, set and conditionally set `/register-<n>`."""

    def __init__(self, history: History, *, keys: int = 3) -> None:
        super().__init__(history)
        self._paths = [f"/register-{number}" for number in range(keys)]

    def start(self, clients: Sequence[Client]) -> None:
        """See Workload."""
        for client in clients:
            self._asker.later(client, _Actor(self._asker, client, self._paths).act)

    def conclude(self, reader: Client) -> None:
        """See Workload."""
        for path in self._paths:
            self._asker.ask_until_answered(reader, ops.GET, (path,), lambda _: None)

    def check(self) -> None:
        """See Workload."""
        mine = [
            o
            for o in self._asker.history.operations
            if o.args[0] in self._paths and o.consistency == ops.LINEARIZABLE
        ]
        check_real_time(mine)
        check_parts(mine, keys_of=keys_of, model_of=RegisterModel).demand()


class _Actor:
    """One client. It knows the version it saw last of each path, perhaps an old one."""

    def __init__(self, asker: Asker, client: Client, paths: Sequence[str]) -> None:
        self._asker = asker
        self._client = client
        self._paths = paths
        self._versions: dict[str, int] = {}
        self._written = 0

    def act(self) -> None:
        chance = self._client.chance
        path = chance.choice(self._paths)
        self._written += 1
        data = f"{self._client.name}-{self._written}".encode()
        version = self._versions.get(path, -1) if chance.randrange(2) else -1
        op, args = chance.choice(
            (
                (ops.GET, (path,)),
                (ops.GET, (path,)),
                (ops.SET, (path, data, version, [])),
                (ops.SET, (path, data, version, [])),
                (ops.PUT, (path, data, False, [])),
                (ops.CREATE, create_args(path, data)),
                (ops.DELETE, (path, version, False, [])),
            )
        )
        consistency = ops.LINEARIZABLE
        if op == ops.GET:
            # Those that are not linearizable are checked by the revisions they name.
            some = (ops.LINEARIZABLE, ops.LINEARIZABLE, ops.SEQUENTIAL, ops.STALE)
            consistency = chance.choice(some)
        self._asker.ask(self._client, op, args, self._answered, consistency=consistency)

    def _answered(self, answer: Answer, operation: Operation) -> None:
        path = operation.args[0]
        if operation.op == ops.GET and operation.is_ok and isinstance(path, str):
            self._versions[path] = version_in(answer)
        self._asker.later(self._client, self.act)


def version_in(answer: Answer) -> int:
    """Return the version in the answer of a GET."""
    _, stat = as_list(answer.value)
    version = as_list(stat)[VERSION_FIELD]
    assert isinstance(version, int)
    return version


def as_list(value: object) -> Sequence[object]:
    """Return a value that must be an array."""
    assert isinstance(value, (list, tuple))
    return value
