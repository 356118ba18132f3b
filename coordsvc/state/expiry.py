"""Expiry: what falls due at a given cluster time."""

from __future__ import annotations

from collections.abc import Container
from heapq import heapify, heappop, heappush

from coordsvc.base import limits
from coordsvc.base.ids import Millis
from coordsvc.base.paths import parent_of
from coordsvc.base.vocabulary import ops
from coordsvc.state.events import Event
from coordsvc.state.tree import Tree
from coordsvc.state.znode import STAT_KIND

_SLACK = 64
"""Stale heap entries that are not worth a clean-up."""
_MORTAL = (ops.CONTAINER, ops.TTL)


class Deadlines:
    """When something is due, by path. Setting and dropping cost O(log n), amortised.

    `due_at` is the truth; the heap may hold stale entries, which are dropped when they surface,
    or all at once when they outnumber the true ones.
    """

    __slots__ = ("_heap", "due_at")

    def __init__(self) -> None:
        self.due_at: dict[str, Millis] = {}
        self._heap: list[tuple[Millis, str]] = []

    def set(self, path: str, due_ms: Millis) -> None:
        """Make `path` due at `due_ms`, whatever it was before."""
        self.due_at[path] = due_ms
        heappush(self._heap, (due_ms, path))
        if len(self._heap) > 2 * len(self.due_at) + _SLACK:
            self._heap = [(due, key) for key, due in self.due_at.items()]
            heapify(self._heap)

    def drop(self, path: str) -> None:
        """Make `path` due never."""
        self.due_at.pop(path, None)

    def next_due_ms(self) -> Millis | None:
        """Return when the first path is due; None: nothing ever is."""
        heap, due_at = self._heap, self.due_at
        while heap:
            due_ms, path = heap[0]
            if due_at.get(path) == due_ms:
                return due_ms
            heappop(heap)
        return None

    def take_due(self, time_ms: Millis, count_max: int) -> list[str]:
        """Drop and return the paths due at `time_ms`, by due time and path, up to a bound."""
        taken: list[str] = []
        while len(taken) < count_max:
            due_ms = self.next_due_ms()
            if due_ms is None or due_ms > time_ms:
                break
            path = heappop(self._heap)[1]
            del self.due_at[path]
            taken.append(path)
        return taken


class Expiry:
    """Which nodes will go by themselves, and when.

    A TTL node goes when it has no children and its data is older than its TTL. A container goes
    some time after its last child went or its lock was last used; one that never had a child nor
    a lock stays. A node with a live lock stays.
    """

    def __init__(self) -> None:
        self.ttls = Deadlines()  # follows from the nodes
        self.containers = Deadlines()  # part of the snapshot: nodes do not say since when empty

    def next_due_ms(self) -> Millis | None:
        """Return when the next node goes."""
        dues = (self.ttls.next_due_ms(), self.containers.next_due_ms())
        return min((due for due in dues if due is not None), default=None)

    def take_due(self, time_ms: Millis, count_max: int) -> list[str]:
        """Return the paths of nodes that must go now. They are childless and not locked."""
        taken = self.ttls.take_due(time_ms, count_max)
        return taken + self.containers.take_due(time_ms, count_max - len(taken))

    def follow(self, event: Event, tree: Tree, locks: Container[str], time_ms: Millis) -> None:
        """Take note that `event` has happened."""
        if event.kind == ops.DELETED:
            self.keep(event.path)
        elif event.stat[STAT_KIND] == ops.TTL:
            self.reconsider(event.path, tree, locks, time_ms)
        if event.kind != ops.CHANGED:
            parent_path = parent_of(event.path)
            parent = tree.nodes.get(parent_path)
            if parent is not None and parent.kind in _MORTAL:
                self.reconsider(parent_path, tree, locks, time_ms)

    def reconsider(
        self,
        path: str,
        tree: Tree,
        locks: Container[str],
        time_ms: Millis,
        *,
        lock_used: bool = False,
    ) -> None:
        """Decide anew whether and when the node at `path` goes by itself."""
        node = tree.nodes.get(path)
        if node is None or node.children or path in locks:
            self.keep(path)
        elif node.kind == ops.TTL:
            self.ttls.set(path, node.mtime + node.ttl_ms)
        elif node.kind == ops.CONTAINER and (
            lock_used or (node.creates and path not in self.containers.due_at)
        ):
            self.containers.set(path, time_ms + limits.CONTAINER_IDLE_MS)

    def keep(self, path: str) -> None:
        """Let the node at `path` not go by itself, whether there is one or not."""
        self.ttls.drop(path)
        self.containers.drop(path)

    def rebuild(self, tree: Tree, locks: Container[str]) -> None:
        """Compute what follows from the nodes, after a restore."""
        for path, node in tree.nodes.items():
            if node.kind == ops.TTL:
                self.reconsider(path, tree, locks, 0)
