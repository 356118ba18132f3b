"""WatchTable: who watches what, found from an event without looking at the others.

A node watch and a children watch are kept under their path; a subtree watch too, and the event
walks up its own path to find those above it. So an event costs its depth and its matches.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import Final, Generic, TypeAlias, TypeVar

from coordsvc.base import limits
from coordsvc.base.ids import Index
from coordsvc.base.paths import ROOT, is_within, parent_of
from coordsvc.base.vocabulary import ops
from coordsvc.state.events import Event

L = TypeVar("L", bound=Hashable)

_BIRTH_AND_DEATH: Final = (ops.CREATED, ops.DELETED)


def matches(mode: int, path: str, event: Event) -> bool:
    """Tell whether a watch of `path` in `mode` is told of `event`."""
    if mode == ops.WATCH_NODE:
        return event.path == path
    if mode == ops.WATCH_SUBTREE:
        return is_within(event.path, path)
    assert mode == ops.WATCH_CHILDREN
    return event.kind in _BIRTH_AND_DEATH and (
        event.path == path or (event.path != ROOT and parent_of(event.path) == path)
    )


class Watch(Generic[L]):
    """One registration. `order` grows with each; events go out in that order."""

    __slots__ = (
        "listener", "mode", "one_shot", "order", "path", "since", "watch_id", "with_data",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917 - one for each field
        self,
        order: int,
        listener: L,
        watch_id: int,
        path: str,
        mode: int,
        with_data: bool,
        since: Index,
        one_shot: bool,
    ) -> None:
        self.order = order
        self.listener = listener
        self.watch_id = watch_id
        self.path = path
        self.mode = mode
        self.with_data = with_data
        self.since = since
        self.one_shot = one_shot


_Shelf: TypeAlias = "dict[str, dict[int, Watch[L]]]"  # by path, then by order


class WatchTable(Generic[L]):
    """The watches of one replica. A listener numbers its own watches."""

    __slots__ = ("_by_listener", "_order", "_shelves")

    def __init__(self) -> None:
        self._order = 0
        self._by_listener: dict[L, dict[int, Watch[L]]] = {}
        self._shelves: dict[int, _Shelf[L]] = {
            ops.WATCH_NODE: {},
            ops.WATCH_CHILDREN: {},
            ops.WATCH_SUBTREE: {},
        }

    def __len__(self) -> int:
        """Return how many watches there are."""
        return sum(map(len, self._by_listener.values()))

    @property
    def listeners(self) -> Collection[L]:
        """Those who watch anything; it stays the same collection, and changes as they do."""
        return self._by_listener

    def add(
        self,
        listener: L,
        watch_id: int,
        path: str,
        mode: int,
        *,
        with_data: bool = False,
        since: Index = 0,
        one_shot: bool = False,
    ) -> bool:
        """Register a watch; False if the listener has as many as one may have.

        It is told of events after revision `since`. With `one_shot` it leaves after the first.
        A watch of the listener with the same id is replaced.
        """
        self.remove(listener, watch_id)
        own = self._by_listener.setdefault(listener, {})
        if len(own) >= limits.WATCHES_PER_CONNECTION_MAX:
            return False
        self._order += 1
        watch = Watch(self._order, listener, watch_id, path, mode, with_data, since, one_shot)
        own[watch_id] = watch
        self._shelves[mode].setdefault(path, {})[watch.order] = watch
        return True

    def remove(self, listener: L, watch_id: int) -> bool:
        """Forget a watch; return whether it was there."""
        watch = self._by_listener.get(listener, {}).get(watch_id)
        if watch is None:
            return False
        self._forget(watch)
        return True

    def remove_listener(self, listener: L) -> list[int]:
        """Forget all watches of a listener; return their ids in order of registration."""
        own = self._by_listener.get(listener, {})
        watch_ids = list(own)
        for watch in list(own.values()):
            self._forget(watch)
        return watch_ids

    def clear(self) -> list[tuple[L, int]]:
        """Forget all watches; return whose they were, in order of registration."""
        watches = sorted(
            (watch for own in self._by_listener.values() for watch in own.values()),
            key=_order_of,
        )
        self._by_listener.clear()
        for shelf in self._shelves.values():
            shelf.clear()
        return [(watch.listener, watch.watch_id) for watch in watches]

    def match(self, events: Iterable[Event]) -> list[tuple[L, int, Event]]:
        """Return who is to be told of what: by event, then by order of registration.

        A watch without data gets the event without data. One-shot watches that fire leave.
        """
        told: list[tuple[L, int, Event]] = []
        if not self._by_listener:
            return told
        for event in events:
            found = self._watches_of(event)
            bare = event if event.data is None else None
            for watch in found:
                if event.revision <= watch.since:
                    continue
                if watch.with_data:
                    told.append((watch.listener, watch.watch_id, event))
                else:
                    bare = bare or without_data(event)
                    told.append((watch.listener, watch.watch_id, bare))
                if watch.one_shot:
                    self._forget(watch)
        return told

    def _watches_of(self, event: Event) -> list[Watch[L]]:
        path = event.path
        shelves = self._shelves
        found = list(shelves[ops.WATCH_NODE].get(path, {}).values())
        in_order = len(found)
        if event.kind in _BIRTH_AND_DEATH and (children := shelves[ops.WATCH_CHILDREN]):
            found += children.get(path, {}).values()
            if path != ROOT:
                found += children.get(parent_of(path), {}).values()
        if subtrees := shelves[ops.WATCH_SUBTREE]:
            found += subtrees.get(path, {}).values()
            while path != ROOT:
                path = parent_of(path)
                found += subtrees.get(path, {}).values()
        if len(found) > in_order:
            found.sort(key=_order_of)
        return found

    def _forget(self, watch: Watch[L]) -> None:
        own = self._by_listener[watch.listener]
        del own[watch.watch_id]
        if not own:
            del self._by_listener[watch.listener]
        shelf = self._shelves[watch.mode]
        here = shelf[watch.path]
        del here[watch.order]
        if not here:
            del shelf[watch.path]


def _order_of(watch: Watch[L]) -> int:
    return watch.order


def without_data(event: Event) -> Event:
    """Return the event as a watch without data gets it."""
    return Event(event.kind, event.path, event.revision, event.stat, None, event.acl)
