"""The short ways of the commonest commands, where nothing special is the matter.

CREATE, PUT, SET and DELETE of a node that nobody else has an eye on, and ACQUIRE and RELEASE of a
lock that nobody else wants. Each does in one function what the general way does object by
object, for half of its instructions, on every replica; so conditions are asked and objects filled
in here that others own. `test_quick.py` holds the two ways against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from coordsvc.base import limits, paths
from coordsvc.base.ids import Index, Millis, Serial
from coordsvc.base.vocabulary import codes, ops
from coordsvc.state import plain, quota
from coordsvc.state.digest import Digest
from coordsvc.state.events import Event
from coordsvc.state.expiry import Expiry
from coordsvc.state.history import History
from coordsvc.state.locks import Claim, Lock, LockTable
from coordsvc.state.results import Applied
from coordsvc.state.sessions import Session, SessionTable
from coordsvc.state.tree import PROTECTED, Tree
from coordsvc.state.znode import Znode

ShortWay: TypeAlias = Callable[[Session, Serial, list[object], Index, Millis], Applied | None]

_LASTING: Final = ops.EPHEMERAL
"""Nodes of a kind up to this one do not go by themselves, so the expiry knows nothing of them."""
_STAYING: Final = PROTECTED | {paths.ROOT}


class ShortWays:
    """Applies plain requests to the parts of one state machine.

    `by_op` has the way of each operation that has one. Its caller has seen to it that the session
    is there, has been answered before, and did not send this command before, and that no snapshot
    has to see first what changes (all its sweeps begin and end together). A way returns None, and
    has changed nothing, if the general one must be taken: the request is not plain, it fails, or
    there is something rare to look at: an ACL, a quota, another who waits.
    """

    __slots__ = ("_expiry", "_history", "_locks", "_sessions", "_tree", "by_op", "digest")

    def __init__(
        self,
        *,
        tree: Tree,
        sessions: SessionTable,
        locks: LockTable,
        expiry: Expiry,
        history: History,
        digest: Digest,
    ) -> None:
        self._tree = tree
        self._sessions = sessions
        self._locks = locks
        self._expiry = expiry
        self._history = history
        self.digest = digest
        """Of the version of the state that runs."""
        self.by_op: Final[dict[object, ShortWay]] = {
            ops.CREATE: self._create,
            ops.PUT: self._write,
            ops.SET: self._write,
            ops.DELETE: self._delete,
            ops.ACQUIRE: self._acquire,
            ops.RELEASE: self._release,
        }

    def _create(
        self, session: Session, serial: Serial, request: list[object], index: Index, time_ms: Millis
    ) -> Applied | None:
        read = plain.read_create(request)
        if read is None:
            return None
        path, data, kind = read
        nodes = self._tree.nodes
        parent_path = path[: path.rfind("/")] or paths.ROOT
        parent = nodes.get(parent_path)
        quotas = nodes.get(quota.QUOTA)
        if (
            parent is None
            or parent.acl is not None
            or parent.owner
            or len(nodes) >= limits.NODES_MAX
            or (quotas is not None and (quotas.children or parent is quotas))
            or path in nodes
            or paths.fault_of(path)
        ):
            return None
        owner = session.id if kind else 0
        nodes[path] = Znode(data, index, time_ms, kind, owner)
        parent.creates += 1
        parent.pzxid = index
        if parent.children is None:
            parent.children = {path: None}
        else:
            parent.children[path] = None
        stat = (index, index, index, time_ms, time_ms, 0, 0, 0, owner, len(data), 0, kind, 0)
        event = Event(ops.CREATED, path, index, stat, data)
        if owner:
            session.own(path)
        if parent.kind > _LASTING:
            self._expiry.reconsider(parent_path, self._tree, self._locks.by_path, time_ms)
        self._history.append(event)
        self.digest.take_change(index, time_ms, event)
        return Applied(session.id, serial, codes.OK, index, (path, stat), [event])

    def _write(
        self, session: Session, serial: Serial, request: list[object], index: Index, time_ms: Millis
    ) -> Applied | None:
        read = plain.read_write(request)
        if read is None:
            return None
        path, data = read
        nodes = self._tree.nodes
        node = nodes.get(path)
        quotas = nodes.get(quota.QUOTA)
        if (
            node is None
            or node.acl is not None
            or node.kind == ops.TTL
            or (quotas is not None and quotas.children)
        ):
            return None
        node.data = data
        node.version += 1
        node.mzxid = index
        node.mtime = time_ms
        stat = node.stat()
        event = Event(ops.CHANGED, path, index, stat, data)
        self._history.append(event)
        self.digest.take_change(index, time_ms, event)
        value = stat if request[0] == ops.SET else (False, stat)
        return Applied(session.id, serial, codes.OK, index, value, [event])

    def _delete(
        self, session: Session, serial: Serial, request: list[object], index: Index, time_ms: Millis
    ) -> Applied | None:
        path = plain.read_delete(request)
        if path is None:
            return None
        nodes = self._tree.nodes
        node = nodes.get(path)
        quotas = nodes.get(quota.QUOTA)
        locks = self._locks.by_path
        if (
            node is None
            or node.acl is not None
            or node.children
            or path in _STAYING
            or path in locks
            or (quotas is not None and quotas.children)
        ):
            return None
        parent = nodes[path[: path.rfind("/")] or paths.ROOT]
        children = parent.children
        if parent.acl is not None or children is None:
            return None
        event = Event(ops.DELETED, path, index, node.stat(), node.data)
        del nodes[path]
        del children[path]
        if not children:
            parent.children = None
        parent.pzxid = index
        if node.owner:
            self._sessions.follow(event)
        if node.kind > _LASTING or parent.kind > _LASTING:
            self._expiry.follow(event, self._tree, locks, time_ms)
        self._history.append(event)
        self.digest.take_change(index, time_ms, event)
        return Applied(session.id, serial, codes.OK, index, 1, [event])

    def _acquire(
        self, session: Session, serial: Serial, request: list[object], index: Index, time_ms: Millis
    ) -> Applied | None:
        read = plain.read_acquire(request)
        if read is None:
            return None
        path, shared, delay_ms, note = read
        locks = self._locks.by_path
        node = self._tree.nodes.get(path)
        claims = session.claimed
        if (
            node is None
            or node.acl is not None
            or path in locks
            or (claims is not None and len(claims) >= limits.CLAIMS_PER_SESSION_MAX)
        ):
            return None
        lock = locks[path] = Lock()
        lock.holders[index] = Claim(index, session.id, delay_ms, note, time_ms, shared, index)
        if claims is None:
            session.claimed = {index: path}
        else:
            claims[index] = path
        if node.kind > _LASTING:
            self._expiry.keep(path)
        value = (ops.HELD, index, index, 0)
        self.digest.take_value(index, time_ms, session.id, value)
        return Applied(session.id, serial, codes.OK, index, value)

    def _release(
        self, session: Session, serial: Serial, request: list[object], index: Index, time_ms: Millis
    ) -> Applied | None:
        read = plain.read_release(request)
        if read is None:
            return None
        path, claim = read
        locks = self._locks.by_path
        lock = locks.get(path)
        node = self._tree.nodes.get(path)
        claims = session.claimed
        if (
            lock is None
            or node is None
            or claims is None
            or claims.get(claim) != path
            or lock.queue
            or lock.free_at_ms
        ):
            return None
        del claims[claim]
        holders = lock.holders
        del holders[claim]
        if not holders:
            del locks[path]
        if node.kind == ops.CONTAINER and not (holders or node.children):
            self._expiry.containers.set(path, time_ms + limits.CONTAINER_IDLE_MS)
        elif node.kind > _LASTING:
            self._expiry.reconsider(path, self._tree, locks, time_ms, lock_used=True)
        self.digest.take_value(index, time_ms, session.id, value=True)
        return Applied(session.id, serial, codes.OK, index, value=True)
