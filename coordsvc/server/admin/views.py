"""The state as JSON: nodes, locks, sessions.

Ids of sessions are decimal strings, because JSON readers lose digits of large numbers; revisions
and tokens, which count from 1, are numbers. Times are milliseconds since 1970, durations are
numbers with their unit in the name.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import TypeAlias

from coordsvc.base.ids import Millis
from coordsvc.base.vocabulary import messages, ops
from coordsvc.state.locks import Claim, Lock
from coordsvc.state.machine import StateMachine
from coordsvc.state.sessions import Session
from coordsvc.state.znode import Znode

Json: TypeAlias = dict[str, object]

KINDS = {
    ops.PERSISTENT: "persistent",
    ops.EPHEMERAL: "ephemeral",
    ops.CONTAINER: "container",
    ops.TTL: "ttl",
}


def stat(node: Znode) -> Json:
    """Return the numbers of a node by name."""
    fields: Json = dict(zip(messages.STAT_FIELDS, node.stat(), strict=True))
    return fields | {"owner": str(node.owner) if node.owner else None, "kind": KINDS[node.kind]}


def data(value: bytes | None) -> Json:
    """Return data as text if it is UTF-8, else in base64; `encoding` says which."""
    if value is None:
        return {"value": None, "encoding": None}
    try:
        return {"value": value.decode(), "encoding": "utf-8"}
    except UnicodeDecodeError:
        return {"value": base64.b64encode(value).decode(), "encoding": "base64"}


def lock(machine: StateMachine, path: str) -> Json:
    """Return who holds the lock of a node and who waits, in the order they will be served."""
    live = machine.locks.by_path.get(path) or Lock()
    closed = live.free_at_ms > machine.time_ms
    return {
        "path": path,
        "holders": _claims(machine, live.holders.values()),
        "waiters": _claims(machine, live.queue.values()),
        "free_at": live.free_at_ms if closed else None,
    }


def _claims(machine: StateMachine, claims: Iterable[Claim]) -> list[Json]:
    by_id = machine.sessions.by_id
    return [
        {
            "session": str(claim.session),
            "client": by_id[claim.session].client_name,
            "address": by_id[claim.session].address,
            "shared": claim.shared,
            "token": claim.token or None,
            "since": claim.since_ms,
            "note": claim.note,
        }
        for claim in claims
    ]


def session(held: Session, remaining_ms: Millis | None) -> Json:
    """Return what is known of a session; `remaining_ms` is known to the leader only."""
    return {
        "id": str(held.id),
        "client": held.client_name,
        "address": held.address,
        "timeout_ms": held.timeout_ms,
        "remaining_ms": remaining_ms,
        "opened": held.opened_ms,
        "ephemerals": len(held.ephemerals),
        "locks": len(held.claims),
    }
