"""Burst: clients that do not wait for one answer before they ask for more.

What one session writes takes effect in the order in which it was asked for, whatever is sent
again on the way; so the revisions of a client's answers grow as its requests did.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from coordsvc.base.ids import Index
from coordsvc.base.vocabulary import codes, ops
from tests.sim.history import History, Operation
from tests.sim.verdicts import WrongResult
from tests.sim.workloads.client import Answer, Asker, Client, Workload
from tests.sim.workloads.register import as_list

BURST_MAX: Final = 12
LARGE: Final = 6_000
"""Bytes: more than the smallest segment of a log, and than the smallest buffer, can take."""


class BurstWorkload(Workload):
    """Each client writes numbers to a node of its own, many at once, some of them long ones."""

    def __init__(self, history: History) -> None:
        super().__init__(history)
        self._writers: list[_Writer] = []

    def start(self, clients: Sequence[Client]) -> None:
        """See Workload."""
        for client in clients:
            writer = _Writer(self._asker, client)
            self._writers.append(writer)
            self._asker.later(client, writer.write)

    def conclude(self, reader: Client) -> None:
        """See Workload."""
        for writer in self._writers:
            writer.read_final(reader)

    def check(self) -> None:
        """See Workload."""
        for writer in self._writers:
            writer.check()


class _Writer:
    """One client."""

    def __init__(self, asker: Asker, client: Client) -> None:
        self._asker = asker
        self._client = client
        self._path = f"/burst-{client.name}"
        self._asked = 0
        self._open = 0
        self._answers: dict[int, Index] = {}
        self._final = 0

    def write(self) -> None:
        chance = self._client.chance
        for _ in range(chance.randint(1, BURST_MAX)):
            self._asked += 1
            self._open += 1
            data = b"%d" % self._asked
            if chance.randrange(20) == 0:
                data = data.ljust(LARGE)
            number = self._asked

            def answered(answer: Answer, operation: Operation, number: int = number) -> None:
                self._take(number, answer, operation)

            self._asker.ask(self._client, ops.PUT, (self._path, data, False, []), answered)

    def _take(self, number: int, answer: Answer, operation: Operation) -> None:
        if answer.code == codes.SUPERSEDED:
            raise WrongResult(f"overtaken by a later request: {operation}")
        if operation.is_ok:
            self._answers[number] = answer.revision
        self._open -= 1
        if not self._open:
            self._asker.later(self._client, self.write)

    def read_final(self, reader: Client) -> None:
        def take(answer: Answer) -> None:
            if answer.code == codes.OK:
                data = as_list(answer.value)[0]
                assert isinstance(data, bytes)
                self._final = int(data)

        self._asker.ask_until_answered(reader, ops.GET, (self._path,), take)

    def check(self) -> None:
        newest = 0
        for number, revision in sorted(self._answers.items()):
            if revision <= newest:
                raise WrongResult(f"{self._path}: {number} at {revision}, behind {newest}")
            newest = revision
        surest = max(self._answers, default=0)
        if not surest <= self._final <= self._asked:
            raise WrongResult(f"{self._path} holds {self._final}, {surest} was acknowledged")
