"""MortalChecker: what goes by itself goes for a reason: its time, its session, its last child."""

from __future__ import annotations

from coordsvc.base.ids import Index, Millis
from coordsvc.base.vocabulary import messages, ops
from coordsvc.state.results import Applied
from tests.sim.verdicts import WrongResult

_FIELD = {name: place for place, name in enumerate(messages.STAT_FIELDS)}


class MortalChecker:
    """Told of every entry that changed nodes, in order."""

    def __init__(self) -> None:
        self.gone = 0
        """How many nodes went by themselves."""

    def applied(self, index: Index, op: object, applied: Applied, time_ms: Millis) -> None:
        """Check what an entry that no client asked for has deleted."""
        if op == ops.TICK:
            for event in applied.events:
                self._check_due(index, event.path, event.stat, time_ms)
        elif op in {ops.EXPIRE_SESSION, ops.END_SESSION, ops.CLOSE}:
            for event in applied.events:
                owner = event.stat[_FIELD["owner"]]
                if event.kind != ops.DELETED or owner not in applied.ended:
                    raise WrongResult(f"{event.path} of {owner} went with session {applied.ended}")
                self.gone += 1

    def _check_due(self, index: Index, path: str, stat: tuple[int, ...], time_ms: Millis) -> None:
        self.gone += 1
        kind, children = stat[_FIELD["kind"]], stat[_FIELD["num_children"]]
        if kind not in {ops.TTL, ops.CONTAINER} or children:
            raise WrongResult(f"{path} went at {index}: kind {kind}, {children} children")
        due = stat[_FIELD["mtime"]] + stat[_FIELD["ttl_ms"]]
        if kind == ops.TTL and time_ms < due:
            raise WrongResult(f"{path} went at {index}, {due - time_ms} ms before its time")
