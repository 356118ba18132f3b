"""What a workload needs of a client, and of those who run workloads."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from coordsvc.base.ids import Index
from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes, ops
from tests.sim.history import History, Operation
from tests.sim.world import MS, Callback, Micros


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request: a code of the wire, and what goes with it. Where the client
    cannot know, the code is OUTCOME_UNKNOWN; where it never asked, one of RETRYABLE."""

    code: int
    revision: Index = 0
    value: Value = None


Done: TypeAlias = Callable[[Answer], None]


class WatchListener(Protocol):
    """What is told about one watch, which survives reconnections."""

    def started(self, revision: Index) -> None:
        """Every change after `revision` will be told."""

    def changed(self, kind: int, path: str, revision: Index, data: bytes | None) -> None:
        """A node was created, changed or deleted."""

    def lost(self) -> None:
        """Changes are missing. The watch has ended."""


class LockListener(Protocol):
    """What is told about the locks of one client."""

    def lock_changed(self, path: str, request: Index, state: int, token: Index) -> None:
        """A waiting claim was granted (ops.HELD), or any claim has ended (ops.GONE)."""

    def session_lost(self) -> None:
        """The client's lease is over: it holds nothing any more. It may get a new session."""


class Client(Protocol):
    """One client of the simulated service. It retries and reconnects by itself."""

    name: str
    chance: random.Random

    @property
    def is_paused(self) -> bool:
        """Whether the client's process stands still."""

    def now(self) -> Micros:
        """Return the true time; workloads record with it, they decide nothing by it."""

    def after(self, delay: Micros, callback: Callback) -> None:
        """Run `callback` later, if the client then still runs."""

    def submit(
        self,
        op: int,
        args: tuple[Value, ...],
        done: Done,
        *,
        consistency: int = ops.LINEARIZABLE,
    ) -> None:
        """Ask for an operation of the wire, with its arguments behind the fixed ones. `done` is
        called once, never before this returns."""

    def watch(self, path: str, mode: int, listener: WatchListener) -> None:
        """Watch with data."""

    def listen_to_locks(self, listener: LockListener) -> None:
        """Tell this listener about the client's locks."""


class Asker:
    """Asks in the name of clients, records it, and knows when all is answered."""

    def __init__(self, history: History, *, pause_max: Micros = 200 * MS) -> None:
        self.history = history
        self.stopped = False
        self.pause_max = pause_max
        self._open = 0

    def is_quiet(self) -> bool:
        """Tell whether nothing is unanswered and nobody is busy."""
        return self._open == 0

    def ask(
        self,
        client: Client,
        op: int,
        args: tuple[Value, ...],
        done: Callable[[Answer, Operation], None],
        *,
        consistency: int = ops.LINEARIZABLE,
    ) -> None:
        """Submit one operation and record it."""
        operation = self.history.invoke(client.name, op, args, consistency)
        self.begin()

        def answered(answer: Answer) -> None:
            self.history.complete(
                operation, code=answer.code, revision=answer.revision, value=answer.value
            )
            self.end()
            done(answer, operation)

        client.submit(op, args, answered, consistency=consistency)

    def ask_until_answered(
        self, client: Client, op: int, args: tuple[Value, ...], done: Done
    ) -> None:
        """Ask the same over and over until the service decides."""

        def answered(answer: Answer, _: Operation) -> None:
            if answer.code < codes.NOT_LEADER:
                done(answer)
            else:
                self.ask(client, op, args, answered)

        self.ask(client, op, args, answered)

    def later(self, client: Client, step: Callback) -> None:
        """Go on with `step` after a pause, unless the workload was stopped."""
        if not self.stopped:
            client.after(client.chance.randint(0, self.pause_max), lambda: self._go_on(step))

    def begin(self) -> None:
        """Note that a client has begun what it must end, such as holding a lock."""
        self._open += 1

    def end(self) -> None:
        """Note that it has ended it."""
        assert self._open > 0
        self._open -= 1

    def _go_on(self, step: Callback) -> None:
        if not self.stopped:
            step()


class Workload(ABC):
    """Some clients' behaviour, and what must be true of it afterwards."""

    def __init__(self, history: History) -> None:
        self._asker = Asker(history)

    @abstractmethod
    def start(self, clients: Sequence[Client]) -> None:
        """Begin; each client goes on by itself."""

    def stop(self) -> None:
        """Begin nothing new."""
        self._asker.stopped = True

    def slow_down(self, pause_max: Micros) -> None:
        """Let each client pause for up to so long between its requests."""
        self._asker.pause_max = pause_max

    def is_quiet(self) -> bool:
        """Tell whether everything begun has ended."""
        return self._asker.is_quiet()

    @abstractmethod
    def conclude(self, reader: Client) -> None:
        """With faults over and everything quiet, read what `check` needs; quiet when read."""

    @abstractmethod
    def check(self) -> None:
        """Judge the run.

        Raises:
            WrongResult: a promise was broken.

        """


def create_args(
    path: str, data: bytes, *, kind: int = ops.PERSISTENT, sequential: bool = False
) -> tuple[Value, ...]:
    """Return the arguments of a CREATE without parents, time to live or guards."""
    return (path, data, kind, sequential, False, 0, [])
