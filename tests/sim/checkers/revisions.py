"""RevisionChecker: revisions follow real time, and no client ever sees the past again.

Much weaker than linearizability, but it needs no search and holds for reads of every
consistency, so it covers the histories that the search cannot.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from coordsvc.base.ids import Index
from coordsvc.base.vocabulary import ops
from tests.sim.history import Operation, Outcome
from tests.sim.verdicts import WrongResult


def check_real_time(operations: Iterable[Operation]) -> None:
    """Check that what came after an acknowledged write has a larger revision, or sees it.

    Reads of a weaker consistency are passed over.

    Raises:
        WrongResult: an operation answers from before a write that was over when it began.

    """
    decided = [
        o
        for o in operations
        if o.revision and o.outcome is Outcome.DECIDED and o.consistency == ops.LINEARIZABLE
    ]
    writes = sorted((o for o in decided if o.op in ops.MUTATIONS), key=lambda o: o.completed)
    seen_at: dict[Index, Operation] = {}
    at, newest = 0, _NOTHING
    for operation in sorted(decided, key=lambda o: o.invoked):
        while at < len(writes) and writes[at].completed < operation.invoked:
            newest = max(newest, writes[at], key=lambda o: o.revision)
            at += 1
        if operation.revision < newest.revision:
            raise WrongResult(f"the past answers: {operation}\n  began after {newest}")
        if operation.op in ops.MUTATIONS and operation.is_ok:
            other = seen_at.setdefault(operation.revision, operation)
            if other is not operation:
                raise WrongResult(f"one revision for two writes: {other}\n  and {operation}")


class SeenChecker:
    """No client sees an older revision than one it has seen, at any consistency but stale."""

    def __init__(self) -> None:
        self._seen: dict[str, Index] = {}

    def saw(self, client: str, revision: Index) -> None:
        """An answer or event shows a client the state at `revision`."""
        newest = self._seen.get(client, 0)
        if revision < newest:
            raise WrongResult(f"{client} saw revision {newest}, then {revision}")
        self._seen[client] = revision


_NOTHING: Final = Operation(-1, "", 0, (), 0, 0, 0)
