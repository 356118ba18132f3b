"""WatchChecker: every change is delivered once, in order, in time; or its loss is admitted."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TypeAlias

from coordsvc.base import paths
from coordsvc.base.ids import Index
from coordsvc.base.vocabulary import ops
from tests.sim.verdicts import WrongResult

Change: TypeAlias = tuple[Index, int, str]
"""Revision, kind and path: what identifies an event."""


@dataclass(slots=True)
class _Watch:
    path: str
    mode: int
    connection: str
    checked: int  # how many of the committed changes were delivered, or do not match


class WatchChecker:
    """Compares what watchers are told with what was committed.

    `committed` is told by the first replica that applies, which is before any other replica can
    deliver; further replicas' reports of the same entry are ignored.
    """

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._revisions: list[Index] = []
        self._watches: dict[str, _Watch] = {}

    def committed(self, revision: Index, changes: list[tuple[int, str]]) -> None:
        """The entry at `revision` made these changes: kind and path, in their order."""
        if self._revisions and revision <= self._revisions[-1]:
            return
        for kind, path in changes:
            self._changes.append((revision, kind, path))
            self._revisions.append(revision)

    def started(
        self, watch: str, *, path: str, mode: int, connection: str, revision: Index
    ) -> None:
        """A client watches from behind `revision` on. `watch` names the watch across all
        reconnections in which the client resumes it."""
        assert watch not in self._watches
        behind = bisect_right(self._revisions, revision)
        self._watches[watch] = _Watch(path, mode, connection, behind)

    def delivered(self, watch: str, kind: int, path: str, revision: Index) -> None:
        """The client's application sees an event."""
        found = self._watches[watch]
        change = (revision, kind, path)
        expected = self._next_expected(found)
        if expected != change:
            raise WrongResult(f"watch {watch}: event {change} where {expected} is due")
        found.checked += 1

    def lost(self, watch: str) -> None:
        """The client was told that events are missing; what it does next is a new watch."""
        self._watches.pop(watch)

    def ended(self, watch: str) -> None:
        """The client no longer watches."""
        self._watches.pop(watch)

    def shown(self, connection: str, revision: Index) -> None:
        """An answer on this connection shows the state at `revision`: every watched change up
        to there must have been delivered before."""
        for name, watch in self._watches.items():
            if watch.connection == connection:
                self._check_delivered(name, watch, revision)

    def moved(self, watch: str, connection: str) -> None:
        """The client resumed the watch on another connection."""
        self._watches[watch].connection = connection

    def finish(self, revision: Index) -> None:
        """Time enough has passed: every watch that still stands has everything up to there."""
        for name, watch in self._watches.items():
            self._check_delivered(name, watch, revision)

    def _check_delivered(self, name: str, watch: _Watch, revision: Index) -> None:
        missing = self._next_expected(watch)
        if missing is not None and missing[0] <= revision:
            raise WrongResult(f"watch {name}: revision {revision} shown before event {missing}")

    def _next_expected(self, watch: _Watch) -> Change | None:
        """Return the next change that the watch is due, moving past those it does not match."""
        while watch.checked < len(self._changes):
            change = self._changes[watch.checked]
            if matches(watch.path, watch.mode, kind=change[1], path=change[2]):
                return change
            watch.checked += 1
        return None


def matches(watched: str, mode: int, *, kind: int, path: str) -> bool:
    """Tell whether a watch of `watched` is to be told of a change of `path`."""
    if mode == ops.WATCH_SUBTREE:
        return paths.is_within(path, watched)
    if mode == ops.WATCH_NODE:
        return path == watched
    if kind == ops.CHANGED:
        return False
    return path == watched or (path != paths.ROOT and paths.parent_of(path) == watched)
