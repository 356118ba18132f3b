"""Transfers: transactions move money between accounts, and the total never changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes, ops
from tests.sim.checkers.linearizability import check_parts
from tests.sim.checkers.models import RegisterModel, keys_of
from tests.sim.history import History, Operation
from tests.sim.verdicts import WrongResult
from tests.sim.workloads.client import Answer, Asker, Client, Workload, create_args
from tests.sim.workloads.register import as_list, version_in

OPENING_BALANCE: Final = 100


class TransferWorkload(Workload):
    """Every client reads two accounts and moves an amount if neither has changed meanwhile.

    All accounts are opened by one transaction, so that they are all there or none is.
    """

    def __init__(self, history: History, *, accounts: int = 4) -> None:
        super().__init__(history)
        self._paths = [f"/account-{number}" for number in range(accounts)]
        self._final: dict[str, int] = {}

    def start(self, clients: Sequence[Client]) -> None:
        """See Workload."""
        for client in clients:
            actor = _Actor(self._asker, client, self._paths)
            self._asker.later(client, actor.open_accounts)

    def conclude(self, reader: Client) -> None:
        """See Workload."""
        for path in self._paths:
            self._read_final(reader, path)

    def check(self) -> None:
        """See Workload."""
        total = sum(self._final.values())
        if total not in {0, OPENING_BALANCE * len(self._paths)}:
            raise WrongResult(f"transfers changed the total to {total}: {self._final}")
        mine = [
            operation
            for operation in self._asker.history.operations
            if operation.op in {ops.GET, ops.TXN} and keys_of(operation)[0] in self._paths
        ]
        check_parts(mine, keys_of=keys_of, model_of=RegisterModel).demand()

    def _read_final(self, reader: Client, path: str) -> None:
        def take(answer: Answer) -> None:
            self._final[path] = _balance_in(answer) if answer.code == codes.OK else 0

        self._asker.ask_until_answered(reader, ops.GET, (path,), take)


class _Actor:
    """One client: read one account, read another, transfer."""

    def __init__(self, asker: Asker, client: Client, paths: Sequence[str]) -> None:
        self._asker = asker
        self._client = client
        self._paths = paths

    def open_accounts(self) -> None:
        opening = str(OPENING_BALANCE).encode()
        creates: list[Value] = [[ops.CREATE, *create_args(path, opening)] for path in self._paths]
        absent: list[Value] = [[ops.CHECK_EXISTS, self._paths[0], False]]
        self._asker.ask(self._client, ops.TXN, (absent, creates, []), self._go_on)

    def transfer(self) -> None:
        source, target = self._client.chance.sample(self._paths, 2)

        def take_source(first: Answer, operation: Operation) -> None:
            def take_target(second: Answer, operation: Operation) -> None:
                if second.code == codes.OK:
                    self._move(source, first, target, second)
                else:
                    self._go_on(second, operation)

            if first.code == codes.OK:
                self._asker.ask(self._client, ops.GET, (target,), take_target)
            elif first.code == codes.NO_NODE:
                self._asker.later(self._client, self.open_accounts)
            else:
                self._go_on(first, operation)

        self._asker.ask(self._client, ops.GET, (source,), take_source)

    def _move(self, source: str, first: Answer, target: str, second: Answer) -> None:
        amount = self._client.chance.randint(1, 20)
        less = str(_balance_in(first) - amount).encode()
        more = str(_balance_in(second) + amount).encode()
        unchanged: list[Value] = [
            [ops.CHECK_VERSION, source, version_in(first)],
            [ops.CHECK_VERSION, target, version_in(second)],
        ]
        sets: list[Value] = [[ops.SET, source, less, -1, []], [ops.SET, target, more, -1, []]]
        self._asker.ask(self._client, ops.TXN, (unchanged, sets, []), self._go_on)

    def _go_on(self, answer: Answer, _: Operation) -> None:
        self._asker.later(self._client, self.transfer)


def _balance_in(answer: Answer) -> int:
    data = as_list(answer.value)[0]
    assert isinstance(data, bytes)
    return int(data)
