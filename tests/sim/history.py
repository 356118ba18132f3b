"""History: what clients asked, when, and what they were told.

Every invocation and every completion has a place in one total order of the whole run. Operation
A came before B only if A's completion has a smaller place than B's invocation; times alone
could not tell, since many things happen at one instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from coordsvc.base.ids import Index
from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes, ops
from tests.sim.world import MS, Micros, World

NEVER: Final = 2**62
"""The place of a completion that never came: after everything."""


class Outcome(Enum):
    """What a client knows about one of its operations."""

    DECIDED = "decided"
    """The service answered: it took effect, or was refused for a reason in the tree itself."""
    FAILED = "failed"
    """It certainly took no effect and was not looked at: as if never asked."""
    UNKNOWN = "unknown"
    """It may have taken effect, may do so later, or never."""


def outcome_of(code: int) -> Outcome:
    """Return what a result code says about the fate of a request."""
    if code in codes.MAYBE:
        return Outcome.UNKNOWN
    if code == codes.SESSION_EXPIRED:
        return Outcome.FAILED
    return Outcome.DECIDED if code < codes.NOT_LEADER else Outcome.FAILED


@dataclass(slots=True)
class Operation:
    """One request of one client. Until it completes, its outcome is unknown."""

    number: int
    client: str
    op: int
    args: tuple[Value, ...]
    consistency: int
    invoked: int
    invoked_at: Micros
    completed: int = NEVER
    completed_at: Micros = NEVER
    outcome: Outcome = Outcome.UNKNOWN
    code: int = codes.OUTCOME_UNKNOWN
    revision: Index = 0
    value: Value = None

    @property
    def is_ok(self) -> bool:
        """Tell whether it certainly took effect, or read what it asked for."""
        return self.outcome is Outcome.DECIDED and self.code == codes.OK

    def __str__(self) -> str:
        until = "..." if self.completed == NEVER else f"{self.completed_at / MS:.3f}"
        args = ", ".join(repr(arg) for arg in self.args)
        answer = codes.NAMES.get(self.code, str(self.code)) if self.code else repr(self.value)
        return (
            f"#{self.number} {self.client} [{self.invoked_at / MS:.3f}-{until} ms] "
            f"{ops.NAMES.get(self.op, str(self.op))}({args}) -> {answer} @{self.revision}"
        )


class History:
    """All operations of a run, in the order of their invocation."""

    def __init__(self, world: World) -> None:
        self.operations: list[Operation] = []
        self._world = world
        self._places = 0

    def invoke(
        self, client: str, op: int, args: tuple[Value, ...], consistency: int = ops.LINEARIZABLE
    ) -> Operation:
        """Note that a client asks for something."""
        number, now = len(self.operations), self._world.now
        place = self._next_place()
        operation = Operation(number, client, op, args, consistency, place, now)
        self.operations.append(operation)
        return operation

    def complete(
        self, operation: Operation, *, code: int, revision: Index = 0, value: Value = None
    ) -> None:
        """Note what the client was told: a result code of the wire, and what goes with it."""
        assert operation.completed == NEVER, f"completed twice: {operation}"
        operation.code = code
        operation.revision = revision
        operation.value = value
        operation.outcome = outcome_of(code)
        if operation.outcome is not Outcome.UNKNOWN:
            operation.completed = self._next_place()
            operation.completed_at = self._world.now

    def _next_place(self) -> int:
        self._places += 1
        return self._places
