"""The short way of the most frequent command: SET of bytes, any version, no guards.

It does in one look what the general way does object by object: about 1.6 µs for an entry instead
of 3, on every replica (`plain.plain_set` recognises it). `test_quick.py` holds the two ways
against each other.
"""

from __future__ import annotations

from coordsvc.base import limits
from coordsvc.base.ids import Index, Millis, Serial, SessionId
from coordsvc.base.vocabulary import codes, ops
from coordsvc.state import quota
from coordsvc.state.digest import Digest
from coordsvc.state.events import Event
from coordsvc.state.history import History
from coordsvc.state.replies import NOTHING
from coordsvc.state.results import Applied
from coordsvc.state.sessions import SessionTable
from coordsvc.state.tree import Tree


class PlainSets:
    """Applies such commands to the parts of one state machine."""

    __slots__ = ("_digest", "_history", "_sessions", "_tree")

    def __init__(
        self, tree: Tree, sessions: SessionTable, history: History, digest: Digest
    ) -> None:
        self._tree = tree
        self._sessions = sessions
        self._history = history
        self._digest = digest

    def apply(
        self,
        session_id: SessionId,
        plain: tuple[Serial, Serial, str, bytes],
        index: Index,
        time_ms: Millis,
    ) -> Applied | None:
        """Set the data of a node that nobody else has an eye on; None if it takes the general way.

        That is so when there is no such session or node, when the command is a copy, when a
        snapshot must see first what changes, when the node has an ACL or is of a
        kind that follows from being set, or when there are quotas. Then nothing has changed.
        """
        serial, floor, path, data = plain
        session = self._sessions.by_id.get(session_id)
        nodes = self._tree.nodes
        node = nodes.get(path)
        quotas = nodes.get(quota.QUOTA)
        if (
            session is None
            or node is None
            or node.acl is not None
            or node.kind == ops.TTL
            or self._tree.sweep is not None
            or self._sessions.sweep is not None
            or (quotas is not None and quotas.children)
        ):
            return None
        replies = session.replies
        kept = replies.kept
        if (
            serial <= replies.last_serial
            or kept is NOTHING
            or len(kept) >= limits.REPLIES_PER_SESSION_MAX
        ):
            return None
        while kept and kept[0][0] < floor:
            kept.popleft()
        node.data = data
        node.version += 1
        node.mzxid = index
        node.mtime = time_ms
        stat = node.stat()
        replies.last_serial = serial
        kept.append((serial, codes.OK, index, stat))
        event = Event(ops.CHANGED, path, index, stat, data)
        self._history.append(event)
        self._digest.take_change(index, time_ms, event)
        return Applied(session_id, serial, codes.OK, index, stat, [event])
