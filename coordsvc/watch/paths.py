"""PathWatches: ZooKeeper's watches, by path and listener.

A listener has at most one watch of each kind on a path, and hears of a change of a node at most
once, however many of its watches match. One-shot watches leave when they fire.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import Final, Generic, TypeVar

from coordsvc.base import limits
from coordsvc.base.paths import ROOT, parent_of
from coordsvc.base.vocabulary import ops
from coordsvc.state.events import Event
from coordsvc.watch.table import WatchTable

L = TypeVar("L", bound=Hashable)

# Kinds of watches.
DATA: Final = 0  # one-shot: the node is created, changed or deleted
CHILD: Final = 1  # one-shot: children come or go, or the node is deleted
PERSISTENT: Final = 2  # both of these, and stays
RECURSIVE: Final = 3  # any node at or below the path is created, changed or deleted; stays
KINDS: Final = (DATA, CHILD, PERSISTENT, RECURSIVE)

CHILDREN_CHANGED: Final = 4
"""What a watch is told where its node's children changed, beside the kinds of events."""


class PathWatches(Generic[L]):
    """The watches of one replica."""

    __slots__ = ("_by_listener", "_counts", "_shelves")

    def __init__(self) -> None:
        self._shelves: tuple[dict[str, dict[L, None]], ...] = ({}, {}, {}, {})
        self._by_listener: dict[L, tuple[dict[str, None], ...]] = {}
        self._counts: dict[L, int] = {}

    def __len__(self) -> int:
        """Return how many watches there are."""
        return sum(self._counts.values())

    def __bool__(self) -> bool:
        """Tell whether there are any, without counting them."""
        return bool(self._by_listener)

    def add(self, listener: L, path: str, kind: int) -> bool:
        """Set a watch; False if the listener has as many as one may have."""
        own = self._by_listener.get(listener)
        if own is None:
            own = self._by_listener[listener] = ({}, {}, {}, {})
            self._counts[listener] = 0
        if path in own[kind]:
            return True
        if self._counts[listener] >= limits.PATH_WATCHES_PER_CONNECTION_MAX:
            return False
        self._counts[listener] += 1
        own[kind][path] = None
        self._shelves[kind].setdefault(path, {})[listener] = None
        return True

    def has(self, listener: L, path: str, kind: int) -> bool:
        """Tell whether the listener has such a watch."""
        return listener in self._shelves[kind].get(path, ())

    def remove(self, listener: L, path: str, kind: int) -> bool:
        """Forget a watch; return whether it was there."""
        if not self.has(listener, path, kind):
            return False
        self._forget(listener, path, kind)
        return True

    def remove_listener(self, listener: L) -> None:
        """Forget all watches of a listener."""
        own = self._by_listener.pop(listener, None)
        if own is None:
            return
        del self._counts[listener]
        for kind in KINDS:
            shelf = self._shelves[kind]
            for path in own[kind]:
                here = shelf[path]
                del here[listener]
                if not here:
                    del shelf[path]

    @property
    def listeners(self) -> Collection[L]:
        """Those who watch anything; it stays the same collection, and changes as they do."""
        return self._by_listener

    def watched_by(self, listener: L) -> list[str]:
        """Return the paths that a listener watches in any way."""
        own = self._by_listener.get(listener, ())
        return list(dict.fromkeys(path for paths in own for path in paths))

    def match(self, events: Iterable[Event]) -> list[tuple[L, int, Event]]:
        """Return who is to be told what of which event: of the node first, then of its parent.

        What is told is the kind of the event, or CHILDREN_CHANGED of the parent of its node.
        """
        told: list[tuple[L, int, Event]] = []
        for event in events:
            kind = event.kind
            told += [(listener, kind, event) for listener in self._of_node(event)]
            if kind != ops.CHANGED and event.path != ROOT:
                told += [
                    (listener, CHILDREN_CHANGED, event)
                    for listener in self._of_parent(parent_of(event.path))
                ]
        return told

    def _of_node(self, event: Event) -> dict[L, None]:
        path = event.path
        data, child, persistent, recursive = self._shelves
        found: dict[L, None] = self._fire(path, DATA) if path in data else {}
        if event.kind == ops.DELETED and path in child:
            found.update(self._fire(path, CHILD))
        if path in persistent:
            found.update(persistent[path])
        if recursive:
            found.update(recursive.get(path, {}))
            while path != ROOT:
                path = parent_of(path)
                found.update(recursive.get(path, {}))
        return found

    def _of_parent(self, path: str) -> dict[L, None]:
        _, child, persistent, _ = self._shelves
        found = self._fire(path, CHILD) if path in child else {}
        if path in persistent:
            found.update(persistent[path])
        return found

    def _fire(self, path: str, kind: int) -> dict[L, None]:
        """Take the one-shot watches of a path away; return whose they were."""
        found = self._shelves[kind].pop(path)
        for listener in found:
            self._drop(listener, path, kind)
        return found

    def _forget(self, listener: L, path: str, kind: int) -> None:
        shelf = self._shelves[kind]
        here = shelf[path]
        del here[listener]
        if not here:
            del shelf[path]
        self._drop(listener, path, kind)

    def _drop(self, listener: L, path: str, kind: int) -> None:
        del self._by_listener[listener][kind][path]
        self._counts[listener] -= 1
        if not self._counts[listener]:
            del self._by_listener[listener], self._counts[listener]


class Watches(WatchTable[L]):
    """All watches of one replica: native ones, and ZooKeeper's as `paths`."""

    __slots__ = ("paths",)

    def __init__(self) -> None:
        super().__init__()
        self.paths: PathWatches[L] = PathWatches()

    def remove_listener(self, listener: L) -> list[int]:
        """Forget all watches of a listener; return the ids of the native ones."""
        self.paths.remove_listener(listener)
        return super().remove_listener(listener)

    def match(self, events: Iterable[Event]) -> list[tuple[L, int, Event]]:
        """Return who is to be told of what; a ZooKeeper watch by what it is told."""
        told = super().match(events)
        if self.paths:
            told += self.paths.match(events)
        return told
