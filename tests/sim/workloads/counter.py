"""Counter: increments by conditional set, each of which must count once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from coordsvc.base.vocabulary import codes, ops
from tests.sim.checkers.exactly_once import check_count
from tests.sim.checkers.linearizability import check
from tests.sim.checkers.models import RegisterModel
from tests.sim.history import History, Operation
from tests.sim.workloads.client import Answer, Asker, Client, Workload, create_args
from tests.sim.workloads.register import as_list, version_in

PATH: Final = "/counter"


class CounterWorkload(Workload):
    """Every client reads the number and sets it one higher if nobody else was quicker."""

    def __init__(self, history: History) -> None:
        super().__init__(history)
        self._final: int | None = None

    def start(self, clients: Sequence[Client]) -> None:
        """See Workload."""
        for client in clients:
            self._asker.later(client, _Actor(self._asker, client).read)

    def conclude(self, reader: Client) -> None:
        """See Workload."""
        self._asker.ask_until_answered(reader, ops.GET, (PATH,), self._take_final)

    def check(self) -> None:
        """See Workload."""
        mine = [o for o in self._asker.history.operations if o.args[0] == PATH]
        assert self._final is not None, "conclude comes first"
        check_count([o for o in mine if o.op == ops.SET], self._final, PATH)
        check(mine, RegisterModel([PATH])).demand()

    def _take_final(self, answer: Answer) -> None:
        self._final = _number_in(answer) if answer.code == codes.OK else 0


class _Actor:
    """One client: read, then set."""

    def __init__(self, asker: Asker, client: Client) -> None:
        self._asker = asker
        self._client = client

    def read(self) -> None:
        self._asker.ask(self._client, ops.GET, (PATH,), self._increment)

    def _increment(self, answer: Answer, _: Operation) -> None:
        if answer.code == codes.OK:
            data = str(_number_in(answer) + 1).encode()
            version = version_in(answer)
            self._asker.ask(self._client, ops.SET, (PATH, data, version, []), self._go_on)
        elif answer.code == codes.NO_NODE:
            self._asker.ask(self._client, ops.CREATE, create_args(PATH, b"0"), self._go_on)
        else:
            self._go_on(answer, _)

    def _go_on(self, answer: Answer, _: Operation) -> None:
        self._asker.later(self._client, self.read)


def _number_in(answer: Answer) -> int:
    data = as_list(answer.value)[0]
    assert isinstance(data, bytes)
    return int(data)
