"""Requests about watches, and which events a reconnected client has missed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Generic, TypeVar

from coordsvc.base.ids import Index
from coordsvc.base.paths import parent_of
from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.jute import INT, JuteError, Reader
from coordsvc.protocols.zookeeper.reads import ReadError
from coordsvc.protocols.zookeeper.records import SetWatches
from coordsvc.replica.ports import Client
from coordsvc.state import acl
from coordsvc.state.acl import Who
from coordsvc.state.events import Event
from coordsvc.state.machine import StateMachine
from coordsvc.watch.paths import (
    CHILD,
    CHILDREN_CHANGED,
    DATA,
    PERSISTENT,
    RECURSIVE,
    PathWatches,
)

C = TypeVar("C", bound=Client)

_ADDED: Final = {
    numbers.ADD_PERSISTENT: PERSISTENT,
    numbers.ADD_PERSISTENT_RECURSIVE: RECURSIVE,
}
_MEANT: Final = {
    numbers.WATCHER_CHILDREN: (CHILD,),
    numbers.WATCHER_DATA: (DATA,),
    numbers.WATCHER_ANY: (DATA, CHILD, PERSISTENT, RECURSIVE),
    numbers.WATCHER_PERSISTENT: (PERSISTENT,),
    numbers.WATCHER_PERSISTENT_RECURSIVE: (RECURSIVE,),
}


class OwnWatches(Generic[C]):
    """The watches of one conversation."""

    __slots__ = ("_owner", "_table")

    def __init__(self, owner: C, table: PathWatches[Client]) -> None:
        self._owner = owner
        self._table = table

    def set(self, path: str, kind: int) -> None:
        """Set a watch.

        Raises:
            ReadError: the client has as many as one may have.

        """
        if not self._table.add(self._owner, path, kind):
            raise ReadError(numbers.SYSTEM_ERROR)

    def answer(self, op: int, reader: Reader) -> bytes:
        """Carry out addWatch, removeWatches or checkWatches; return the body of the reply.

        Raises:
            JuteError: the body does not hold it, or names a mode or type that is none.
            ReadError: there is no such watch.

        """
        path, mode = reader.read_string() or "", reader.read_int()
        if op == numbers.ADD_WATCH:
            if mode not in _ADDED:
                raise JuteError(f"no mode {mode} of a watch")
            self.set(path, _ADDED[mode])
            return INT.pack(0)
        if mode not in _MEANT:
            raise JuteError(f"no type {mode} of a watch")
        table, owner = self._table, self._owner
        found = [kind for kind in _MEANT[mode] if table.has(owner, path, kind)]
        if not found:
            raise ReadError(numbers.NO_WATCHER)
        if op == numbers.REMOVE_WATCHES:
            for kind in found:
                table.remove(owner, path, kind)
        return b""

    def restore(self, watches: SetWatches, machine: StateMachine) -> Iterator[tuple[int, str]]:
        """Set the watches a client had elsewhere; yield (type, path) of what it has missed."""
        nodes, since = machine.tree.nodes, watches.relative_zxid
        for path in watches.data:
            node = nodes.get(path)
            yield from self._set_or_tell(path, DATA, None if node is None else node.mzxid, since)
        for path in watches.exist:
            if path in nodes:
                yield numbers.NODE_CREATED, path
            else:
                self.set(path, DATA)
        for path in watches.child:
            node = nodes.get(path)
            yield from self._set_or_tell(path, CHILD, None if node is None else node.pzxid, since)
        for kind, paths in ((PERSISTENT, watches.persistent), (RECURSIVE, watches.recursive)):
            for path in paths:
                self.set(path, kind)

    def _set_or_tell(
        self, path: str, kind: int, changed: Index | None, since: Index
    ) -> Iterator[tuple[int, str]]:
        """Set a watch unless its node, last `changed` then, is gone or has changed."""
        if changed is None:
            yield numbers.NODE_DELETED, path
        elif changed > since:
            yield _MISSED[kind], path
        else:
            self.set(path, kind)


_MISSED: Final = {DATA: numbers.NODE_DATA_CHANGED, CHILD: numbers.NODE_CHILDREN_CHANGED}


def path_told(what: int, event: Event) -> str:
    """Return the path that an event is about for a watch that is told `what`."""
    return parent_of(event.path) if what == CHILDREN_CHANGED else event.path


def may_hear(machine: StateMachine, what: int, event: Event, who: Who) -> bool:
    """Tell whether `who` may read the node that an event is about."""
    guard = event.acl
    if what == CHILDREN_CHANGED:
        parent = machine.tree.nodes.get(parent_of(event.path))
        guard = parent.acl if parent is not None else None
    return guard is None or guard.allows(who, acl.READ)
