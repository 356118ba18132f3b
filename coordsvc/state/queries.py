"""Queries: what a front door may ask of the state. They change nothing.

Each returns (code, value) with the layouts of `vocabulary.ops` and `vocabulary.messages`. As in
ZooKeeper a read does not check its path: an odd one simply names no node.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable
from heapq import nsmallest

from coordsvc.base import limits, paths
from coordsvc.base.ids import Index, Millis, SessionId
from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes, ops
from coordsvc.state.acl import OPERATOR, READ, Who
from coordsvc.state.locks import Claim, Lock
from coordsvc.state.machine import StateMachine
from coordsvc.state.sessions import Session
from coordsvc.state.turn import Outcome
from coordsvc.state.znode import Znode

_ITEM_BYTES = 150
"""What an item of a listing with data weighs beside its data: its stat, roughly."""
_CLAIM_BYTES = 50
"""What a claim on a lock weighs beside its texts, roughly."""


class Pages:
    """Sorted child lists of large nodes, kept while clients page through them.

    A list is named by its path and the node's pzxid, which changes with every child that comes
    or goes: so the pzxid is the cursor. It means the same on every replica, and readers of one
    list share it. The oldest lists go first when there are too many.
    """

    def __init__(self) -> None:
        self._lists: OrderedDict[tuple[str, Index], list[str]] = OrderedDict()
        self._names = 0

    def find(self, path: str, cursor: Index) -> list[str] | None:
        """Return the sorted paths of the children that `path` had at `cursor`, if kept."""
        listed = self._lists.get((path, cursor))
        if listed is not None:
            self._lists.move_to_end((path, cursor))
        return listed

    def keep(self, path: str, cursor: Index, listed: list[str]) -> None:
        """Keep a list for the next page."""
        if (path, cursor) in self._lists:
            return
        self._lists[path, cursor] = listed
        self._names += len(listed)
        while len(self._lists) > limits.CURSORS_MAX or self._names > limits.CURSOR_NAMES_MAX:
            _, dropped = self._lists.popitem(last=False)
            self._names -= len(dropped)


def get(machine: StateMachine, path: str, who: Who = OPERATOR) -> Outcome:
    """Return [data, stat] of a node."""
    node = machine.tree.nodes.get(path)
    if node is None:
        return codes.NO_NODE, None
    if node.acl is not None and not node.acl.allows(who, READ):
        return codes.DENIED, None
    return codes.OK, (node.data, node.stat())


def stat(machine: StateMachine, path: str, who: Who = OPERATOR) -> Outcome:
    """Return the stat of a node."""
    node = machine.tree.nodes.get(path)
    if node is None:
        return codes.NO_NODE, None
    if node.acl is not None and not node.acl.allows(who, READ):
        return codes.DENIED, None
    return codes.OK, node.stat()


def _is_denied(machine: StateMachine, path: str, who: Who) -> bool:
    node = machine.tree.nodes.get(path)
    return node is not None and node.acl is not None and not node.acl.allows(who, READ)


def children(
    machine: StateMachine,
    pages: Pages,
    path: str,
    *,
    limit: int,
    after: str | None,
    cursor: Index,
    with_data: bool,
    who: Who = OPERATOR,
) -> Outcome:
    """Return [items, cursor]: the children in order of name, from the one behind `after`.

    An item is a name or, `with_data`, [name, data, stat]. All pages of one cursor show the names
    of one revision; the data is the present one, and a child that has gone since is left out.
    A returned cursor of 0 means that this was the last page; a `limit` of 0, as many as go.
    With data, children that `who` may not read are left out.
    """
    if _is_denied(machine, path, who):
        return codes.DENIED, None
    node = machine.tree.nodes.get(path)
    if cursor and (node is None or node.pzxid != cursor):
        listed = pages.find(path, cursor)
        if listed is None:
            return codes.CURSOR_LOST, None
    elif node is None:
        return codes.NO_NODE, None
    else:
        cursor = node.pzxid
        listed = pages.find(path, cursor)
        if listed is None:
            listed = sorted(node.children or ())
    start = bisect_right(listed, paths.join(path, after)) if after is not None else 0
    items: list[Value]
    if with_data:
        items, stop = _with_data(machine.tree.nodes, listed, start, _bounded(limit), who)
    else:
        stop = _fitting(listed, start, min(start + _bounded(limit), len(listed)))
        items = [paths.name_of(child) for child in listed[start:stop]]
    if stop == len(listed):
        return codes.OK, (items, 0)
    pages.keep(path, cursor, listed)
    return codes.OK, (items, cursor)


def _fitting(listed: list[str], start: int, stop: int) -> int:
    """Return where a page of paths that may end at `stop` ends for its bytes' sake."""
    if (stop - start) * limits.PATH_BYTES_MAX <= limits.PAGE_BYTES_MAX:
        return stop
    room = limits.PAGE_BYTES_MAX
    for at in range(start, stop):
        room -= len(listed[at].encode())
        if room < 0:
            return max(at, start + 1)
    return stop


def _with_data(
    nodes: dict[str, Znode], listed: list[str], start: int, count_max: int, who: Who
) -> tuple[list[Value], int]:
    """Return the items from `start`, up to a count and a size, and the place behind them."""
    items: list[Value] = []
    size = 0
    for at in range(start, len(listed)):
        node = nodes.get(listed[at])
        if node is None or (node.acl is not None and not node.acl.allows(who, READ)):
            continue
        size += _ITEM_BYTES + len(listed[at]) + (len(node.data) if node.data is not None else 0)
        if len(items) == count_max or (items and size > limits.PAGE_BYTES_MAX):
            return items, at
        items.append((paths.name_of(listed[at]), node.data, node.stat()))
    return items, len(listed)


def lock(machine: StateMachine, path: str, who: Who = OPERATOR) -> Outcome:
    """Return the lock of a node (LOCK_FIELDS); an idle one has no holders and no queue.

    Of very many claims the first are shown, and how many there are in all.
    """
    if path not in machine.tree.nodes:
        return codes.NO_NODE, None
    if _is_denied(machine, path, who):
        return codes.DENIED, None
    view, _ = _lock_view(machine, path, machine.locks.by_path.get(path), limits.PAGE_BYTES_MAX)
    return codes.OK, view


def locks(
    machine: StateMachine, prefix: str, limit: int, after: str | None, who: Who = OPERATOR
) -> Outcome:
    """Return the live locks at and below `prefix` in order of path, from behind `after`.

    They may be fewer than `limit` although there are more: go on until none comes. Those on nodes
    that `who` may not read are left out.
    """
    by_path = machine.locks.by_path
    found = nsmallest(
        _bounded(limit),
        (
            path
            for path in by_path
            if paths.is_within(path, prefix)
            and (after is None or path > after)
            and not _is_denied(machine, path, who)
        ),
    )
    shown: list[Value] = []
    room = limits.PAGE_BYTES_MAX
    for path in found:
        view, room = _lock_view(machine, path, by_path[path], room)
        if room < 0 and shown:
            break  # the next page begins with it
        shown.append(view)
    return codes.OK, shown


def _lock_view(machine: StateMachine, path: str, lock: Lock | None, room: int) -> tuple[Value, int]:
    """Return what is said of a lock in so many bytes, and what is left of them; below 0: cut."""
    if lock is None:
        return (path, (), (), 0, 0, 0), room
    free_at_ms: Millis = lock.free_at_ms if lock.free_at_ms > machine.time_ms else 0
    room -= len(path.encode())
    holders, room = _claim_views(machine, lock.holders.values(), room)
    queue, room = _claim_views(machine, lock.queue.values(), room)
    return (path, holders, queue, free_at_ms, len(lock.holders), len(lock.queue)), room


def _claim_views(
    machine: StateMachine, claims: Iterable[Claim], room: int
) -> tuple[list[Value], int]:
    by_id = machine.sessions.by_id
    views: list[Value] = []
    for claim in claims:
        name = by_id[claim.session].client_name
        room -= _CLAIM_BYTES + len(name.encode()) + len(claim.note.encode())
        if room < 0:
            break
        views.append(
            (
                *(claim.request, claim.session, name, claim.shared),
                *(claim.token, claim.since_ms, claim.note),
            )
        )
    return views, room


def lock_state(machine: StateMachine, path: str, request: Index) -> Outcome:
    """Return [state, request, token, position] of a claim; GONE if there is no such claim."""
    lock = machine.locks.by_path.get(path)
    if lock is not None:
        held = lock.holders.get(request)
        if held is not None:
            return codes.OK, (ops.HELD, request, held.token, 0)
        if request in lock.queue:
            position = list(lock.queue).index(request) + 1
            return codes.OK, (ops.WAITING, request, 0, position)
    return codes.OK, (ops.GONE, request, 0, 0)


def token(machine: StateMachine, path: str, token: Index) -> Outcome:
    """Tell by the code whether `token` holds the lock at `path` now."""
    valid = machine.locks.is_valid(path, token)
    return (codes.OK if valid else codes.STALE_TOKEN), None


def sessions(machine: StateMachine, limit: int, after: SessionId) -> Outcome:
    """Return the sessions (SESSION_FIELDS) with an id above `after`, in order of id."""
    by_id = machine.sessions.by_id
    found = nsmallest(_bounded(limit), (session for session in by_id if session > after))
    return codes.OK, [_session_view(by_id[session]) for session in found]


def _session_view(session: Session) -> Value:
    return (
        session.id,
        session.client_name,
        session.address,
        session.timeout_ms,
        session.opened_ms,
        len(session.ephemerals),
        len(session.claims),
    )


def _bounded(limit: int) -> int:
    return min(limit, limits.PAGE_ITEMS_MAX) if limit > 0 else limits.PAGE_ITEMS_MAX
