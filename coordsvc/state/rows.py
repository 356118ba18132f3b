"""Rows: one thing of the state as plain values, and back.

The layouts are a disk format: they only change with a new version (versions.py). Reading a
row back raises ValueError, TypeError or IndexError if it is not of this layout.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from coordsvc.base.ids import Index, SessionId
from coordsvc.base.values import Value
from coordsvc.state.acl import Acl, acl_of
from coordsvc.state.events import Event, Stat
from coordsvc.state.locks import Claim, Lock
from coordsvc.state.sessions import Session
from coordsvc.state.znode import Znode

Row: TypeAlias = tuple[Value, ...]

NODE_FIELDS_1: Final = 13
"""Of a node's row in version 1 of the state; an ACL follows."""
EVENT_FIELDS_1: Final = 5


def node_row(path: str, node: Znode) -> Row:
    """Return a node; its children are those nodes that name it in their path."""
    return (
        path,
        node.data,
        node.czxid,
        node.mzxid,
        node.pzxid,
        node.ctime,
        node.mtime,
        node.version,
        node.aversion,
        node.creates,
        node.kind,
        node.owner,
        node.ttl_ms,
        None if node.acl is None else node.acl.entries,
    )


def node_from(row: list[object]) -> tuple[str, Znode]:
    """Return the path and the node of a row; rows of version 1 have no ACL."""
    path, data, czxid, mzxid, pzxid, ctime, mtime, version, aversion, creates, kind, owner, ttl = (
        row[:NODE_FIELDS_1]
    )
    node = Znode(
        None if data is None else as_bytes(data),
        as_int(czxid),
        as_int(ctime),
        kind=as_int(kind),
        owner=as_int(owner),
        ttl_ms=as_int(ttl),
    )
    # Equal numbers stay one object, as they were when the node was made: it halves their cost.
    if mzxid != czxid:
        node.mzxid = as_int(mzxid)
    if pzxid != czxid:
        node.pzxid = node.mzxid if pzxid == mzxid else as_int(pzxid)
    if mtime != ctime:
        node.mtime = as_int(mtime)
    node.version = as_int(version)
    node.aversion = as_int(aversion)
    node.creates = as_int(creates)
    node.acl = _acl_from(row, NODE_FIELDS_1)
    return as_str(path), node


def session_row(session_id: SessionId, session: Session) -> Row:
    """Return a session with its remembered replies."""
    return (
        session_id,
        session.password,
        session.timeout_ms,
        session.client_name,
        session.address,
        session.opened_ms,
        session.replies.last_serial,
        tuple(session.replies.kept),
    )


def session_from(row: list[object]) -> Session:
    """Return the session of a row."""
    session_id, password, timeout_ms, client_name, address, opened_ms, last_serial, replies = row
    session = Session(
        as_int(session_id),
        password=as_bytes(password),
        timeout_ms=as_int(timeout_ms),
        client_name=as_str(client_name),
        address=as_str(address),
        opened_ms=as_int(opened_ms),
    )
    for reply in as_list(replies):
        serial, code, revision, value = as_list(reply)
        session.replies.remember((as_int(serial), as_int(code), as_int(revision), as_value(value)))
    session.replies.last_serial = as_int(last_serial)
    return session


def lock_row(path: str, lock: Lock) -> Row:
    """Return a lock with its holders and its queue."""
    return (
        path,
        lock.free_at_ms,
        tuple(_claim_row(claim) for claim in lock.holders.values()),
        tuple(_claim_row(claim) for claim in lock.queue.values()),
    )


def lock_from(row: list[object]) -> tuple[str, Lock]:
    """Return the path and the lock of a row."""
    path, free_at_ms, holders, queue = row
    lock = Lock()
    lock.free_at_ms = as_int(free_at_ms)
    for item in as_list(holders):
        claim = _claim_from(as_list(item))
        lock.holders[claim.request] = claim
    for item in as_list(queue):
        lock.line_up(_claim_from(as_list(item)))
    return as_str(path), lock


def _claim_row(claim: Claim) -> Row:
    return (
        claim.request,
        claim.session,
        claim.shared,
        claim.delay_ms,
        claim.note,
        claim.since_ms,
        claim.token,
    )


def _claim_from(row: list[object]) -> Claim:
    request, session, shared, delay_ms, note, since_ms, token = row
    return Claim(
        as_int(request),
        as_int(session),
        as_int(delay_ms),
        as_str(note),
        as_int(since_ms),
        shared=shared is True,
        token=as_int(token),
    )


def event_row(event: Event) -> Row:
    """Return an event of the history."""
    acl = None if event.acl is None else event.acl.entries
    return (event.kind, event.path, event.revision, event.stat, event.data, acl)


def event_from(row: list[object]) -> Event:
    """Return the event of a row; rows of version 1 have no ACL."""
    kind, path, revision, stat, data = row[:EVENT_FIELDS_1]
    return Event(
        as_int(kind),
        as_str(path),
        as_int(revision),
        _stat_from(as_list(stat)),
        None if data is None else as_bytes(data),
        _acl_from(row, EVENT_FIELDS_1),
    )


def _stat_from(numbers: list[object]) -> Stat:
    czxid, mzxid, pzxid, ctime, mtime, version, cversion, aversion, owner, *rest = numbers
    data_bytes, children, kind, ttl_ms = rest
    return (
        *(as_int(czxid), as_int(mzxid), as_int(pzxid), as_int(ctime), as_int(mtime)),
        *(as_int(version), as_int(cversion), as_int(aversion), as_int(owner)),
        *(as_int(data_bytes), as_int(children), as_int(kind), as_int(ttl_ms)),
    )


def _acl_from(row: list[object], at: int) -> Acl | None:
    if len(row) == at:
        return None
    (entries,) = row[at:]
    if entries is None:
        return None
    return acl_of(
        tuple(
            (as_int(perms), as_str(scheme), as_str(name))
            for perms, scheme, name in map(as_list, as_list(entries))
        )
    )


def as_int(value: object) -> Index:
    """Return `value` if it is a number."""
    if type(value) is not int:
        raise TypeError("a number was expected")
    return value


def as_str(value: object) -> str:
    """Return `value` if it is a string."""
    if type(value) is not str:
        raise TypeError("a string was expected")
    return value


def as_bytes(value: object) -> bytes:
    """Return `value` if it is bytes."""
    if type(value) is not bytes:
        raise TypeError("bytes were expected")
    return value


def as_list(value: object) -> list[object]:
    """Return `value` if it is an array."""
    if type(value) is not list:
        raise TypeError("an array was expected")
    return value


def as_value(value: object) -> Value:
    """Return `value` if it is plain data."""
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    return [as_value(item) for item in as_list(value)]
