"""Sequential nodes: no name is given twice, and none that was given is missing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from coordsvc.base.vocabulary import codes, ops
from tests.sim.checkers.exactly_once import check_unique
from tests.sim.history import History, Operation
from tests.sim.verdicts import WrongResult
from tests.sim.workloads.client import Answer, Client, Workload, create_args
from tests.sim.workloads.register import as_list

PARENT: Final = "/sequence"


class SequenceWorkload(Workload):
    """Every client creates sequential nodes, persistent ones and ephemeral ones.

    The data of a node names its client and request, so that a request with two effects shows.
    """

    def __init__(self, history: History) -> None:
        super().__init__(history)
        self._kept: list[str] = []
        self._given: list[str] = []
        self._present: set[str] = set()
        self._requests: dict[bytes, str] = {}
        self._created = 0

    def start(self, clients: Sequence[Client]) -> None:
        """See Workload."""
        for client in clients:
            self._asker.later(client, partial(self._create, client))

    def conclude(self, reader: Client) -> None:
        """Look for every name up to the highest that can have been given."""
        for number in range(self._created + 1):
            self._look(reader, f"{PARENT}/item-{number:010d}")

    def check(self) -> None:
        """See Workload."""
        check_unique(self._given, self._given, PARENT)
        check_unique(self._kept, self._present, PARENT)

    def _create(self, client: Client) -> None:
        self._created += 1
        ephemeral = client.chance.randrange(3) == 0
        kind = ops.EPHEMERAL if ephemeral else ops.PERSISTENT
        data = f"{client.name}-{self._created}".encode()
        args = create_args(f"{PARENT}/item-", data, kind=kind, sequential=True)

        def answered(answer: Answer, _: Operation) -> None:
            if answer.code == codes.NO_NODE:
                parent = create_args(PARENT, b"")
                self._asker.ask(client, ops.CREATE, parent, lambda *_: None)
            elif answer.code == codes.OK:
                name = as_list(answer.value)[0]
                assert isinstance(name, str)
                self._given.append(name)
                if not ephemeral:
                    self._kept.append(name)
            self._asker.later(client, lambda: self._create(client))

        self._asker.ask(client, ops.CREATE, args, answered)

    def _look(self, reader: Client, path: str) -> None:
        def take(answer: Answer) -> None:
            if answer.code != codes.OK:
                return
            self._present.add(path)
            data = as_list(answer.value)[0]
            assert isinstance(data, bytes)
            other = self._requests.setdefault(data, path)
            if other != path:
                raise WrongResult(f"request {data!r} made both {other} and {path}")

        self._asker.ask_until_answered(reader, ops.GET, (path,), take)
