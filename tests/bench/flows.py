"""Closed loops: flows of operations, each begun when the one before it is answered."""

from __future__ import annotations

import asyncio
import os
import time
from abc import ABC, abstractmethod
from collections import Counter
from typing import cast

from coordsvc_client.client import TreeClient
from coordsvc_client.wire import codes, ops

ROOT = "/bench"
STRIDE = 7919
"""Flows start so many keys apart; it has no factor in common with the number of keys."""

Json = dict[str, object]


def key(number: int) -> str:
    """Return the path of a key."""
    return f"{ROOT}/key{number:06d}"


class Run:
    """One closed loop: `outstanding` flows, each of which asks again once it is answered."""

    def __init__(self, job: Json) -> None:
        self.value = b"v" * int(str(job["value_bytes"]))
        self.paths = [key(i) for i in range(int(str(job["keys"])))]
        self.going = True
        self.measuring = False
        self.times: list[float] = []
        self.errors: Counter[str] = Counter()
        self.total = 0
        self.busy = 0
        self.quiet = asyncio.Event()

    def failed(self, code: int) -> None:
        """Count an error."""
        self.errors[codes.NAMES.get(code, str(code))] += 1


class Flow(ABC):
    """One outstanding operation at a time, again and again.

    What is interpreted here shares two cores with the service, so it is kept short.
    """

    def __init__(self, run: Run, client: TreeClient, number: int) -> None:
        self.run = run
        self.client = client
        self.number = number
        self.at = number * STRIDE
        self.began = 0.0

    def start(self) -> None:
        """Ask for the first time."""
        self.run.busy += 1
        self.began = time.perf_counter()
        self.ask()

    def next_path(self) -> str:
        """Return the next key."""
        self.at += 1
        paths = self.run.paths
        return paths[self.at % len(paths)]

    @abstractmethod
    def ask(self) -> None:
        """Begin one operation; `finish` is called at its end."""

    @property
    def owes(self) -> bool:
        """Tell whether something is to be put away before this flow may stop."""
        return False

    def finish(self, code: int, _revision: int, _value: object) -> None:
        """Count the operation and begin the next."""
        run = self.run
        now = time.perf_counter()
        if code:
            run.failed(code)
        else:
            run.total += 1
            if run.measuring:
                run.times.append(now - self.began)
        if run.going or self.owes:
            self.began = now
            self.ask()
        else:
            run.busy -= 1
            if not run.busy:
                run.quiet.set()


class WriteFlow(Flow):
    """Sets an existing key."""

    def ask(self) -> None:
        self.client.submit(ops.SET, (self.next_path(), self.run.value, -1, ()), self.finish)


class ChurnFlow(Flow):
    """Creates a node and deletes it; each is an operation."""

    exists = False

    @property
    def owes(self) -> bool:
        return self.exists

    def ask(self) -> None:
        path = f"{ROOT}/churn-{os.getpid()}-{self.number}"
        self.exists = not self.exists
        if self.exists:
            args = (path, self.run.value, ops.PERSISTENT, False, False, 0, ())
            self.client.submit(ops.CREATE, args, self.finish)
        else:
            self.client.submit(ops.DELETE, (path, -1, False, ()), self.finish)


class LinearizableReadFlow(Flow):
    """Reads what is certainly the newest value."""

    def ask(self) -> None:
        self.client.submit(ops.GET, (self.next_path(),), self.finish, consistency=ops.LINEARIZABLE)


class LocalReadFlow(Flow):
    """Reads what the server at hand has."""

    def ask(self) -> None:
        self.client.submit(ops.GET, (self.next_path(),), self.finish, consistency=ops.STALE)


class LockFlow(Flow):
    """Takes a lock nobody else wants, with a token, and gives it back: one cycle."""

    def __init__(self, run: Run, client: TreeClient, number: int) -> None:
        super().__init__(run, client, number)
        self.path = f"{ROOT}/lock{number}"

    def ask(self) -> None:
        self.client.submit(ops.ACQUIRE, (self.path, False, True, 0, ""), self.acquired)

    def acquired(self, code: int, revision: int, value: object) -> None:
        if not code:
            state, request, token = cast("list[int]", value)[:3]
            if state == ops.HELD and token > 0:
                self.client.submit(ops.RELEASE, (self.path, request), self.finish)
                return
        self.finish(code or codes.LOCKED, revision, value)


FLOWS: dict[str, type[Flow]] = {
    "write": WriteFlow,
    "churn": ChurnFlow,
    "read": LinearizableReadFlow,
    "local": LocalReadFlow,
    "lock": LockFlow,
}
