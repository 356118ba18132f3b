"""ViewChecker: whatever an answer shows of a node, it is the state at the revision it names.

This holds for every consistency and every server, so it covers the reads that real time does not
bind. What the state was is told by the first replica that applied each entry; that the others
have the same is the business of the digests.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TypeAlias

from coordsvc.base.ids import Index
from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes, ops
from tests.sim.verdicts import WrongResult

View: TypeAlias = tuple[bytes | None, tuple[int, ...], tuple[str, ...]] | None
"""Data, stat and sorted names of the children of a node; None: there is no such node."""

KEPT_MAX = 2_000
"""Views of one path that are remembered; runs are short, a simulated day is not."""


@dataclass(slots=True)
class _Path:
    since: list[Index] = field(default_factory=list)
    views: list[View] = field(default_factory=list)


class ViewChecker:
    """Remembers what each node was from which revision on."""

    def __init__(self) -> None:
        self._paths: dict[str, _Path] = {}
        self._all_known = True
        self.checked = 0
        """How many answers were compared."""

    def forget(self) -> None:
        """The cluster was restored from a backup: what is not changed again is not known."""
        self._paths.clear()
        self._all_known = False

    def changed(self, path: str, index: Index, view: View) -> None:
        """The entry at `index` left the node at `path` like this."""
        known = self._paths.setdefault(path, _Path())
        known.since.append(index)
        known.views.append(view)
        if len(known.since) > KEPT_MAX:
            del known.since[: KEPT_MAX // 2], known.views[: KEPT_MAX // 2]

    def answered(
        self, client: str, op: int, args: tuple[Value, ...], answer: tuple[int, Index, Value]
    ) -> None:
        """A client was told the outcome of an operation: code, revision, value."""
        code, revision, value = answer
        if op not in _SHOWN or code not in {codes.OK, codes.NO_NODE} or not revision:
            return
        path = args[0]
        assert isinstance(path, str)
        if op == ops.CREATE and code == codes.OK:
            assert isinstance(value, (list, tuple))
            path = str(value[0])
        elif op != ops.GET and op not in _READS and code == codes.NO_NODE:
            return  # of the parent, or of the node: the models tell
        view = self._at(path, revision)
        if view is _UNKNOWN:
            return
        self.checked += 1
        expected = None if view is None else _SHOWN[op](view)
        shown = _plain(_facts(op, value)) if code == codes.OK else None
        if shown != _plain(expected):
            raise WrongResult(
                f"{client} was shown {shown!r} by {ops.NAMES[op]} of {path} at revision "
                f"{revision}, where it was {expected!r}"
            )

    def _at(self, path: str, revision: Index) -> View:
        known = self._paths.get(path)
        if known is None:
            return None if self._all_known else _UNKNOWN
        place = bisect_right(known.since, revision)
        if place:
            return known.views[place - 1]
        unknown = len(known.since) >= KEPT_MAX // 2 or not self._all_known
        return _UNKNOWN if unknown else None


_UNKNOWN: View = (b"too long ago", (), ())


def _facts(op: int, value: Value) -> Value:
    """Return the part of an answer that shows the node."""
    if op in {ops.CREATE, ops.PUT}:
        assert isinstance(value, (list, tuple))
        return value[1]
    if op == ops.CHILDREN:
        assert isinstance(value, (list, tuple))
        return value[0]
    return value


def _plain(value: object) -> object:
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value


_READS = frozenset({ops.GET, ops.STAT, ops.CHILDREN})
_SHOWN = {
    ops.GET: lambda view: [view[0], view[1]],
    ops.STAT: lambda view: view[1],
    ops.CHILDREN: lambda view: view[2],
    ops.CREATE: lambda view: view[1],
    ops.PUT: lambda view: view[1],
    ops.SET: lambda view: view[1],
}
