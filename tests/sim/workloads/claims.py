"""Claims: shared and exclusive locks, with delays and without, waited for, tried and cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from coordsvc.base.ids import Index
from coordsvc.base.vocabulary import codes, ops
from tests.sim.checkers.locks import HoldingChecker
from tests.sim.history import History, Operation
from tests.sim.workloads.client import Answer, Asker, Client, Workload
from tests.sim.workloads.register import as_list
from tests.sim.world import MS, Micros

LOCKS: Final = ("/claims/one", "/claims/other")
HOLD_MAX: Final[Micros] = 300 * MS
DELAYS_MS: Final = (0, 0, 100, 2_000)


class ClaimsWorkload(Workload):
    """Nobody believes to hold what another holds alone; the state has its own checker."""

    def __init__(self, history: History) -> None:
        super().__init__(history)
        self.holding = HoldingChecker()

    def start(self, clients: Sequence[Client]) -> None:
        """See Workload."""
        named = {client.name: client for client in clients}
        self.holding.ask_for_pauses(lambda name: named[name].is_paused)
        for client in clients:
            actor = _Actor(self._asker, client, self.holding)
            client.listen_to_locks(actor)
            self._asker.later(client, actor.acquire)

    def conclude(self, reader: Client) -> None:
        """Everything is judged while it happens."""

    def check(self) -> None:
        """Everything was judged while it happened."""


class _Actor:
    """One client with at most one claim at a time."""

    def __init__(self, asker: Asker, client: Client, holding: HoldingChecker) -> None:
        self._asker = asker
        self._client = client
        self._holding = holding
        self._path = ""
        self._shared = False
        self._request: Index = 0
        self._holds = False

    def acquire(self) -> None:
        chance = self._client.chance
        self._path = chance.choice(LOCKS)
        self._shared = chance.randrange(2) == 0
        wait = chance.randrange(4) > 0
        args = (self._path, self._shared, wait, chance.choice(DELAYS_MS), self._client.name)
        self._asker.ask(self._client, ops.ACQUIRE, args, self._acquired)

    def lock_changed(self, path: str, request: Index, state: int, token: Index) -> None:
        if path not in LOCKS or request != self._request:
            return
        if state == ops.HELD:
            self._hold()
        elif state == ops.GONE:
            self._let_go()
            self._asker.later(self._client, self.acquire)

    def session_lost(self) -> None:
        """Each claim was told of by `lock_changed`."""

    def _acquired(self, answer: Answer, _: Operation) -> None:
        if answer.code != codes.OK:
            self._asker.later(self._client, self.acquire)
            return
        state, request, _token, _position = as_list(answer.value)
        assert isinstance(request, int)
        self._request = request
        self._asker.begin()
        if state == ops.HELD:
            self._hold()
        elif self._client.chance.randrange(3) == 0:
            wait = self._client.chance.randint(0, HOLD_MAX)
            self._client.after(wait, lambda: self._release(request))

    def _hold(self) -> None:
        client, request = self._client, self._request
        self._holds = True
        self._holding.holds(self._path, client.name, now=client.now(), shared=self._shared)
        client.after(client.chance.randint(0, HOLD_MAX), lambda: self._release(request))

    def _release(self, request: Index) -> None:
        if request != self._request:
            return
        path = self._path
        self._let_go()
        self._asker.ask(self._client, ops.RELEASE, (path, request), self._released)

    def _released(self, answer: Answer, _: Operation) -> None:
        self._asker.later(self._client, self.acquire)

    def _let_go(self) -> None:
        if self._holds:
            self._holding.stops(self._path, self._client.name)
        self._request, self._holds = 0, False
        self._asker.end()
