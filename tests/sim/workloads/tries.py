"""Tries: one lock, asked for without waiting, judged by linearizability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from coordsvc.base.ids import Index
from coordsvc.base.vocabulary import codes, ops
from tests.sim.checkers.linearizability import check
from tests.sim.checkers.models import LockModel
from tests.sim.history import History, Operation, Outcome
from tests.sim.workloads.client import Answer, Asker, Client, Workload
from tests.sim.workloads.register import as_list
from tests.sim.world import MS, Micros

LOCK: Final = "/tries"
HOLD_MAX: Final[Micros] = 200 * MS


class TryWorkload(Workload):
    """Clients try for the lock and let it go. One whose session is lost may have lost the lock
    at any time since it asked for it."""

    def __init__(self, history: History) -> None:
        super().__init__(history)
        self._lost: list[Operation] = []

    def start(self, clients: Sequence[Client]) -> None:
        """See Workload."""
        for client in clients:
            actor = _Actor(self._asker, client, self._lost)
            client.listen_to_locks(actor)
            self._asker.later(client, actor.acquire)

    def conclude(self, reader: Client) -> None:
        """The history says it all."""

    def check(self) -> None:
        """See Workload."""
        mine = [o for o in self._asker.history.operations if o.args and o.args[0] == LOCK]
        check([*mine, *self._lost], LockModel()).demand()


class _Actor:
    """One client: try, hold, release."""

    def __init__(self, asker: Asker, client: Client, lost: list[Operation]) -> None:
        self._asker = asker
        self._client = client
        self._lost = lost
        self._request: Index = 0
        self._asked: Operation | None = None

    def acquire(self) -> None:
        args = (LOCK, False, False, 0, self._client.name)
        self._asker.ask(self._client, ops.ACQUIRE, args, self._acquired)

    def lock_changed(self, path: str, request: Index, state: int, token: Index) -> None:
        if path == LOCK and request == self._request and state == ops.GONE:
            self._lose()

    def session_lost(self) -> None:
        """Each claim was told of by `lock_changed`."""

    def _acquired(self, answer: Answer, operation: Operation) -> None:
        self._asked = operation
        if operation.outcome is Outcome.UNKNOWN:
            self._asker.begin()
            self._lose()
        elif answer.code != codes.OK:
            self._asker.later(self._client, self.acquire)
        else:
            request = as_list(answer.value)[1]
            assert isinstance(request, int)
            self._request = request
            self._asker.begin()
            wait = self._client.chance.randint(0, HOLD_MAX)
            self._client.after(wait, lambda: self._release(request))

    def _lose(self) -> None:
        self._note_loss()
        self._request = 0
        self._asker.end()
        self._asker.later(self._client, self.acquire)

    def _note_loss(self) -> None:
        asked = self._asked
        assert asked is not None
        self._lost.append(
            Operation(-1, self._client.name, ops.CLOSE, (LOCK,), 0, asked.invoked, asked.invoked_at)
        )

    def _release(self, request: Index) -> None:
        if request != self._request:
            return
        self._request = 0
        self._asker.end()
        self._asker.ask(self._client, ops.RELEASE, (LOCK, request), self._released)

    def _released(self, answer: Answer, operation: Operation) -> None:
        if not operation.is_ok:
            self._note_loss()  # the session went first, and the lock with it
        self._asker.later(self._client, self.acquire)
