"""Tree: the named nodes, and the primitive changes of them.

Every check and every number follows ZooKeeper, in its order. An operation either fails before it
has changed anything or succeeds as a whole. Several operations become one by `begin_undoable`
and then `commit` or `undo`.

Nothing may depend on the order in which nodes stand in a dict: a restored tree has another one.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Final

from coordsvc.base import limits, paths
from coordsvc.base.ids import Millis
from coordsvc.base.vocabulary import codes, ops
from coordsvc.state import acl as acls
from coordsvc.state import quota, versions
from coordsvc.state.acl import Acl
from coordsvc.state.events import Event
from coordsvc.state.sweep import TreeSweep
from coordsvc.state.turn import Outcome, Turn
from coordsvc.state.znode import Numbers, Znode

ANY_VERSION: Final = -1

PROTECTED: Final = frozenset({"/zookeeper", "/zookeeper/quota", "/zookeeper/config"})
"""The nodes that are always there (`state/special.py`): none of them can be deleted."""


class Tree:
    """All nodes by path. The root always exists."""

    def __init__(self) -> None:
        self.nodes: dict[str, Znode] = {paths.ROOT: Znode(b"", 0, 0)}
        self.sweep: TreeSweep | None = None
        """Set while a snapshot is being read out."""
        self._sweeps = 0
        self.version = versions.OLDEST
        """Of the state machine: what the operations do."""
        self._journal: list[_Change] | None = None
        """What `undo` needs; None outside transactions."""

    def __len__(self) -> int:
        """Return the number of nodes, the root included."""
        return len(self.nodes)

    # Operations.

    def create(
        self,
        turn: Turn,
        path: str,
        data: bytes | None,
        *,
        kind: int = ops.PERSISTENT,
        sequential: bool = False,
        parents: bool = False,
        parents_kind: int = ops.PERSISTENT,
        ttl_ms: Millis = 0,
        acl: Acl | None = None,
    ) -> Outcome:
        """Create a node; the result is [path, stat]. `parents` creates what is missing above."""
        if "/" not in path or "\0" in path:
            return codes.BAD_PATH, "a path starts with / and contains no NUL"
        parent_path = paths.parent_of(path)
        parent = self.nodes.get(parent_path)
        if parent is None:
            if not parents:
                return codes.NO_NODE, None
        elif parent.acl is not None and not turn.may(parent.acl, acls.CREATE):
            return codes.DENIED, None
        if sequential:
            path = f"{path}{parent.creates if parent is not None else 0:010d}"
        fault = paths.fault_of(path)
        if fault:
            return codes.BAD_PATH, fault
        if path in self.nodes:
            return codes.NODE_EXISTS, None
        if parent is None:
            missing, nearest = self._missing_above(path)
        else:
            missing, nearest = [], parent
        if missing and nearest.acl is not None and not turn.may(nearest.acl, acls.CREATE):
            return codes.DENIED, None
        refusal = self._refusal(nearest, path, len(missing) + 1, len(data or b""))
        if refusal is not None:
            return refusal
        for missing_path in missing:
            self._insert(
                turn, missing_path, Znode(b"", turn.revision, turn.time_ms, kind=parents_kind)
            )
        owner = turn.session if kind == ops.EPHEMERAL else 0
        node = Znode(
            data, turn.revision, turn.time_ms, kind=kind, owner=owner, ttl_ms=ttl_ms, acl=acl
        )
        event = self._insert(turn, path, node)
        return codes.OK, (path, event.stat)

    @property
    def is_observed(self) -> bool:
        """Whether a snapshot or a transaction must see each node before it changes."""
        return self.sweep is not None or self._journal is not None

    def set_data(
        self, turn: Turn, path: str, data: bytes | None, version: int = ANY_VERSION
    ) -> Outcome:
        """Set the data of a node; the result is its stat."""
        node = self.nodes.get(path)
        if node is None:
            return self.absence_of(path)
        if node.acl is not None and not turn.may(node.acl, acls.WRITE):
            return codes.DENIED, None
        growth = len(data or b"") - len(node.data or b"")
        has_quotas = self._has_quotas
        if has_quotas and quota.is_exceeded(self.nodes, path, count=0, data_bytes=growth):
            return codes.QUOTA_EXCEEDED, None
        if version not in (ANY_VERSION, node.version):
            return codes.BAD_VERSION, None
        if self.is_observed:
            self._before_change(path, node)
        node.data = data
        node.version += 1
        node.mzxid = turn.revision
        node.mtime = turn.time_ms
        if has_quotas and growth:
            self._account(path, 0, growth)
        stat = node.stat()
        turn.events.append(Event(ops.CHANGED, path, turn.revision, stat, data, node.acl))
        return codes.OK, stat

    def delete(
        self,
        turn: Turn,
        path: str,
        version: int = ANY_VERSION,
        *,
        recursive: bool = False,
        locked: Container[str] = (),
    ) -> Outcome:
        """Delete a node, or with `recursive` all of its subtree, children before parents.

        The result is how many went. Nodes whose path is in `locked` cannot go.
        """
        node = self.nodes.get(path)
        if path == paths.ROOT or (path in PROTECTED and self.version >= 2):
            return codes.BAD_PATH, f"{'the root' if path == paths.ROOT else path} stays"
        denied = self._is_denied_below(turn, paths.parent_of(path))
        if denied or node is None:
            return (codes.DENIED, None) if denied else self.absence_of(path)
        if version not in (ANY_VERSION, node.version):
            return codes.BAD_VERSION, None
        if node.children and not recursive:
            return codes.NOT_EMPTY, None
        doomed = self._subtree(path, limits.DELETE_NODES_MAX) if node.children else [path]
        if doomed is None:
            return codes.TOO_MANY, f"more than {limits.DELETE_NODES_MAX} nodes"
        for doomed_path in doomed:
            if doomed_path in locked:
                return codes.LOCKED, doomed_path
        if node.children and any(self._is_denied_below(turn, each) for each in doomed):
            return codes.DENIED, None
        for doomed_path in doomed:
            self.remove(turn, doomed_path)
        return codes.OK, len(doomed)

    def remove(self, turn: Turn, path: str) -> None:
        """Remove an existing childless node: the deletion itself, without its checks."""
        node = self.nodes[path]
        assert not node.children, "children go before their parent"
        assert path != paths.ROOT, "the root stays"
        parent_path = paths.parent_of(path)
        parent = self.nodes[parent_path]
        self._before_change(path, node)
        self._before_change(parent_path, parent)
        turn.events.append(
            Event(ops.DELETED, path, turn.revision, node.stat(), node.data, node.acl)
        )
        del self.nodes[path]
        assert parent.children is not None, "a parent knows its children"
        del parent.children[path]
        if not parent.children:
            parent.children = None
        parent.pzxid = turn.revision
        if self._journal is not None:
            self._journal.append((path, node, None))
        if self._has_quotas:
            self._account(path, -1, -len(node.data or b""))

    def set_acl(
        self, turn: Turn, path: str, acl: Acl | None, version: int = ANY_VERSION
    ) -> Outcome:
        """Give a node whose ACL has `version` another one; the result is its stat. No event."""
        node = self.nodes.get(path)
        if node is None:
            return self.absence_of(path)
        if node.acl is not None and not turn.may(node.acl, acls.ADMIN):
            return codes.DENIED, None
        if version not in (ANY_VERSION, node.aversion):
            return codes.BAD_VERSION, None
        self._before_change(path, node)
        node.acl = acl
        node.aversion += 1
        return codes.OK, node.stat()

    def absence_of(self, path: str) -> Outcome:
        """Return why there is no node at `path`: a bad path, or simply no such node."""
        fault = paths.fault_of(path)
        return (codes.BAD_PATH, fault) if fault else (codes.NO_NODE, None)

    # Snapshots.

    def begin_sweep(self, encode: Callable[[str, Znode], bytes]) -> TreeSweep:
        """Begin to read the tree out as it is now; set `sweep` to None when that is over."""
        self._sweeps += 1
        self.sweep = sweep = TreeSweep(self.nodes, self._sweeps, encode)
        return sweep

    # Several operations as one.

    def begin_undoable(self) -> None:
        """Remember every change until `commit` or `undo`."""
        assert self._journal is None, "transactions do not nest"
        self._journal = []

    def commit(self) -> None:
        """Keep what was changed since `begin_undoable`."""
        assert self._journal is not None, "nothing was begun"
        self._journal = None

    def undo(self) -> None:
        """Put everything back to where it was at `begin_undoable`."""
        assert self._journal is not None, "nothing was begun"
        journal, self._journal = self._journal, None
        for path, node, numbers in reversed(journal):
            if numbers is not None:
                node.put_back(numbers)
            elif path in self.nodes:
                del self.nodes[path]
                self._unlink(path)
            else:
                self.nodes[path] = node
                self._link(path)

    # Loading.

    def load(self, rows: dict[str, Znode]) -> None:
        """Take over the nodes of a snapshot, whose `children` are still to be filled.

        Raises:
            KeyError: a node has no parent among them.

        """
        self.nodes = rows
        above, parent = "", rows[paths.ROOT]
        for path in rows:
            if path != paths.ROOT:
                if (name := paths.parent_of(path)) != above:  # siblings often follow each other
                    above, parent = name, rows[name]
                if parent.children is None:
                    parent.children = {}
                parent.children[path] = None

    def add(self, turn: Turn, path: str, node: Znode) -> None:
        """Put a node where none was, as if it had always been there: its parent's numbers stay."""
        parent_path = paths.parent_of(path)
        self._before_change(parent_path, self.nodes[parent_path])
        if self.sweep is not None:
            self.sweep.made(node)
        self.nodes[path] = node
        self._link(path)
        turn.events.append(
            Event(ops.CREATED, path, turn.revision, node.stat(), node.data, node.acl)
        )

    # The inside.

    def _is_denied_below(self, turn: Turn, parent_path: str) -> bool:
        """Tell whether the sender must not delete children of a node."""
        parent = self.nodes.get(parent_path)
        return (
            parent is not None and parent.acl is not None and not turn.may(parent.acl, acls.DELETE)
        )

    @property
    def _has_quotas(self) -> bool:
        return self.version >= 2 and quota.is_in_use(self.nodes)

    def _refusal(self, nearest: Znode, path: str, count: int, data_bytes: int) -> Outcome | None:
        """Return why there can be no more nodes below `nearest`; None if there can."""
        if nearest.owner:
            return codes.NO_CHILDREN_FOR_EPHEMERALS, None
        if self._has_quotas and quota.is_exceeded(
            self.nodes, path, count=count, data_bytes=data_bytes
        ):
            return codes.QUOTA_EXCEEDED, None
        if self.version >= 2 and len(self.nodes) + count > limits.NODES_MAX:
            return codes.TOO_MANY, f"there are {len(self.nodes)} nodes, of {limits.NODES_MAX}"
        return None

    def _missing_above(self, path: str) -> tuple[list[str], Znode]:
        """Return the paths to create above `path`, top first, and the lowest node there is."""
        missing: list[str] = []
        above = paths.parent_of(path)
        node = self.nodes.get(above)
        while node is None:
            missing.append(above)
            above = paths.parent_of(above)
            node = self.nodes.get(above)
        missing.reverse()
        return missing, node

    def _subtree(self, top: str, count_max: int) -> list[str] | None:
        """Return the paths of a subtree, children before parents; None if it has too many.

        The order is the reverse of a walk that takes siblings in descending order of name.
        """
        found: list[str] = []
        to_visit = [top]
        while to_visit:
            path = to_visit.pop()
            found.append(path)
            children = self.nodes[path].children
            if children:
                if len(found) + len(to_visit) + len(children) > count_max:
                    return None
                to_visit += sorted(children)
        found.reverse()
        return found

    def _insert(self, turn: Turn, path: str, node: Znode) -> Event:
        parent_path = paths.parent_of(path)
        parent = self.nodes[parent_path]
        self._before_change(parent_path, parent)
        if self.sweep is not None:
            self.sweep.made(node)
        parent.creates += 1
        parent.pzxid = turn.revision
        if parent.children is None:
            parent.children = {path: None}
        else:
            parent.children[path] = None
        self.nodes[path] = node
        if self._journal is not None:
            self._journal.append((path, node, None))
        if self._has_quotas:
            self._account(path, 1, len(node.data or b""))
            watched = quota.watched_by(path)
            if watched is not None:
                node.data = quota.usage_of(self.nodes, watched).text()
        event = Event(ops.CREATED, path, turn.revision, node.stat(), node.data, node.acl)
        turn.events.append(event)
        return event

    def _account(self, path: str, count: int, data_bytes: int) -> None:
        """Bring the stats of the quota above a changed node up to date."""
        stats_path = quota.stats_path_for(self.nodes, path)
        if stats_path is None:
            return
        stats = self.nodes[stats_path]
        used = quota.usage_in(stats)
        self._before_change(stats_path, stats)
        stats.data = quota.Usage(used.node_count + count, used.data_bytes + data_bytes).text()

    def _before_change(self, path: str, node: Znode) -> None:
        if self.sweep is not None:
            self.sweep.before_change(path, node)
        if self._journal is not None:
            self._journal.append((path, node, node.numbers()))

    def _link(self, path: str) -> None:
        parent = self.nodes[paths.parent_of(path)]
        if parent.children is None:
            parent.children = {path: None}
        else:
            parent.children[path] = None

    def _unlink(self, path: str) -> None:
        parent = self.nodes[paths.parent_of(path)]
        assert parent.children is not None, "a parent knows its children"
        del parent.children[path]
        if not parent.children:
            parent.children = None


_Change = tuple[str, Znode, Numbers | None]
"""Path, node, and its numbers before a change; None: the node came or went (whichever the tree
shows to have happened)."""
