"""Exactly once: a request has one effect and one answer, however often it is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from coordsvc.base.ids import Index, Serial, SessionId
from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes
from tests.sim.history import Operation, Outcome
from tests.sim.verdicts import WrongResult


class ExactlyOnceChecker:
    """Told of every applied copy of every mutation; reports by several replicas are welcome."""

    def __init__(self) -> None:
        self._first: dict[tuple[SessionId, Serial], tuple[Index, int, Value]] = {}

    def applied(
        self, session: SessionId, serial: Serial, *, revision: Index, code: int, value: Value
    ) -> None:
        """A copy was applied; `revision` is the index of the copy that took effect."""
        if code in {codes.SUPERSEDED, codes.SESSION_EXPIRED}:
            return
        answer = (revision, code, value)
        first = self._first.setdefault((session, serial), answer)
        if first[0] != revision:
            raise WrongResult(
                f"request {serial} of session {session} took effect at {first[0]} and {revision}"
            )
        if first != answer:
            raise WrongResult(
                f"request {serial} of session {session} was answered {first} and {answer}"
            )


def check_count(operations: Iterable[Operation], final: int, what: str) -> None:
    """Check a counter: each operation that took effect counts once, each unknown one perhaps.

    Raises:
        WrongResult: the final value lies outside what is possible.

    """
    listed = list(operations)
    sure = sum(operation.is_ok for operation in listed)
    unknown = sum(operation.outcome is Outcome.UNKNOWN for operation in listed)
    if not sure <= final <= sure + unknown:
        raise WrongResult(f"{what}: {final} effects of {sure} to {sure + unknown} requests")


def check_unique(claimed: Iterable[str], present: Collection[str], what: str) -> None:
    """Check sequential names: no two requests were given one, and all given ones are there.

    Raises:
        WrongResult: a name was given twice, or is missing.

    """
    seen: set[str] = set()
    for name in claimed:
        if name in seen:
            raise WrongResult(f"{what}: {name} was given twice")
        seen.add(name)
    missing = sorted(seen.difference(present))
    if missing:
        raise WrongResult(f"{what}: acknowledged, but missing: {missing[:10]}")
