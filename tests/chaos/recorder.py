"""What the users of a real cluster asked, when, and what they were told."""

from __future__ import annotations

import time
from collections.abc import Sequence

from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes
from coordsvc_client import Client, CoordError
from tests.sim.history import History, Operation
from tests.sim.world import Micros

NEVER_SENT_OR_REFUSED = codes.STOPPING
"""How an operation is recorded whose session had ended: certainly without effect."""


class WallClock:
    """The one clock of all users: they live in one process."""

    @property
    def now(self) -> Micros:
        """Microseconds since whenever."""
        return time.monotonic_ns() // 1_000


class Recorder:
    """A history of requests that were really sent."""

    def __init__(self) -> None:
        self.clock = WallClock()
        self.history = History(self.clock)

    async def ask(self, client: Client, name: str, op: int, args: tuple[Value, ...]) -> Operation:
        """Ask the cluster; return the operation with its answer. Cancelled, it stays open."""
        operation = self.history.invoke(name, op, args)
        try:
            revision, value = await client.request(op, args)
        except CoordError as error:
            self.history.complete(operation, code=_recorded_code(error.code))
        else:
            self.history.complete(operation, code=codes.OK, revision=revision, value=_value(value))
        return operation


def _recorded_code(code: int) -> int:
    if code in {codes.SESSION_EXPIRED, codes.BAD_PASSWORD}:
        return NEVER_SENT_OR_REFUSED
    if code == codes.SUPERSEDED:
        return codes.OUTCOME_UNKNOWN
    return code


def _value(value: object) -> Value:
    """Return a value of the wire as the checkers compare it: immutable."""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return tuple(_value(part) for part in value)
    assert value is None or isinstance(value, (bool, int, str, bytes))
    return value
