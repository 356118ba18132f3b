"""Lock: clients wait for one lock, hold it, write to what it protects, and let go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from coordsvc.base.ids import Index
from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes, ops
from tests.sim.checkers.locks import GuardedStorage, HoldingChecker
from tests.sim.history import History, Operation
from tests.sim.verdicts import WrongResult
from tests.sim.workloads.client import Answer, Asker, Client, Workload, create_args
from tests.sim.workloads.register import as_list
from tests.sim.world import MS, Micros

LOCK: Final = "/lock"
GUARDED: Final = "/guarded"
HOLD_MAX: Final[Micros] = 300 * MS


class LockWorkload(Workload):
    """Holders write to a storage outside the service, and with a guard inside it."""

    def __init__(self, history: History) -> None:
        super().__init__(history)
        self.storage = GuardedStorage()
        self.holding = HoldingChecker()
        self._guarded: list[Operation] = []

    def start(self, clients: Sequence[Client]) -> None:
        """See Workload."""
        paused = {client.name: client for client in clients}
        self.holding.ask_for_pauses(lambda name: paused[name].is_paused)
        for client in clients:
            actor = _Actor(self._asker, client, self.holding, self.storage, self._guarded)
            client.listen_to_locks(actor)
            self._asker.later(client, actor.acquire)

    def conclude(self, reader: Client) -> None:
        """Everything is judged while it happens, but for the order of the guarded writes."""

    def check(self) -> None:
        """Check that guarded writes took effect in the order of their tokens."""
        newest = 0
        for operation in sorted(self._guarded, key=lambda operation: operation.revision):
            token = _guard_of(operation)
            if token < newest:
                raise WrongResult(f"a guard let an old token pass after {newest}: {operation}")
            newest = token


class _Actor:
    """One client: acquire, hold, write, release.

    The claim is none of ours (0) until the service has named it, and again after it has ended.
    """

    def __init__(
        self,
        asker: Asker,
        client: Client,
        holding: HoldingChecker,
        storage: GuardedStorage,
        guarded: list[Operation],
    ) -> None:
        self._asker = asker
        self._client = client
        self._holding = holding
        self._storage = storage
        self._guarded = guarded
        self._request: Index = 0
        self._token: Index = 0

    def acquire(self) -> None:
        args = (LOCK, False, True, 0, self._client.name)
        self._asker.ask(self._client, ops.ACQUIRE, args, self._acquired)

    def lock_changed(self, path: str, request: Index, state: int, token: Index) -> None:
        if path != LOCK or request != self._request:
            return
        if state == ops.HELD:
            self._hold(token)
        elif state == ops.GONE:
            self._let_go()
            self._asker.later(self._client, self.acquire)

    def session_lost(self) -> None:
        if self._request:
            self._let_go()
            self._asker.later(self._client, self.acquire)

    def _acquired(self, answer: Answer, _: Operation) -> None:
        if answer.code == codes.NO_NODE:
            self._asker.ask(self._client, ops.CREATE, create_args(LOCK, b""), lambda *_: None)
        if answer.code != codes.OK:
            self._asker.later(self._client, self.acquire)
            return
        state, request, token, _position = as_list(answer.value)
        assert isinstance(request, int)
        assert isinstance(token, int)
        self._request = request
        self._asker.begin()
        if state == ops.HELD:
            self._hold(token)

    def _hold(self, token: Index) -> None:
        client = self._client
        self._token = token
        self._holding.holds(LOCK, client.name, now=client.now())
        request = self._request
        for _ in range(client.chance.randint(1, 3)):
            # Some come after the release, as from a holder that was stopped for a while.
            late = client.chance.randint(0, 2 * HOLD_MAX)
            client.after(late, lambda: self._write(request, token))
        client.after(client.chance.randint(0, HOLD_MAX), lambda: self._release(request))

    def _write(self, request: Index, token: Index) -> None:
        """Write under the token, also if it is not ours any more: the guards must see to that."""
        if self._asker.stopped and request != self._request:
            return
        accepted = self._storage.write(LOCK, self._client.name, token)
        displaced = self._holding.is_displaced(LOCK, self._client.name)
        if request == self._request and not accepted and not displaced:
            raise WrongResult(f"{self._client.name} holds {LOCK} and its token {token} is refused")
        data = self._client.name.encode()
        if self._client.chance.randrange(2):
            guards: list[Value] = [[LOCK, token]]
            args = (GUARDED, data, False, guards)
            self._asker.ask(self._client, ops.PUT, args, self._wrote)

    def _wrote(self, answer: Answer, operation: Operation) -> None:
        if operation.is_ok:
            self._guarded.append(operation)

    def _release(self, request: Index) -> None:
        if request != self._request:
            return
        self._let_go()
        self._asker.ask(self._client, ops.RELEASE, (LOCK, request), self._released)

    def _released(self, answer: Answer, _: Operation) -> None:
        self._asker.later(self._client, self.acquire)

    def _let_go(self) -> None:
        if self._token:
            self._holding.stops(LOCK, self._client.name)
        self._request = self._token = 0
        self._asker.end()


def _guard_of(operation: Operation) -> Index:
    guards = as_list(operation.args[3])
    token = as_list(guards[0])[1]
    assert isinstance(token, int)
    return token
