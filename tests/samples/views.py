"""What a state holds, as plain values with names: for comparing over the years.

A field that a later version adds to a stat stands at its end (docs/protocol.md), so a stat is
compared by the fields it had when the sample was made.
"""

from __future__ import annotations

from coordsvc.replica.codec import meta_fields
from coordsvc.state.machine import StateMachine

STAT_FIELDS_V1 = 13


def plain(value):
    """Return a value as JSON has it: bytes as {"hex": ...}, sequences as lists."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def view(machine: StateMachine):
    """Return everything a client could ever learn of the state, as its version has it."""
    return _view_of_1(machine) | (_added_by_2(machine) if machine.version >= 2 else {})


def _added_by_2(machine):
    return {
        "version": machine.version,
        "acls": {
            path: acl_view(node.acl)
            for path, node in sorted(machine.tree.nodes.items())
            if node.acl is not None
        },
        "acls_of_events": [acl_view(event.acl) for event in machine.history.events],
    }


def _view_of_1(machine):
    return {
        "revision": machine.revision,
        "time_ms": machine.time_ms,
        "digest": machine.digest,
        "next_due_ms": machine.next_due_ms(),
        "tree": {
            path: [plain(node.data), list(node.stat())[:STAT_FIELDS_V1]]
            for path, node in sorted(machine.tree.nodes.items())
        },
        "sessions": {
            str(session.id): {
                "password": plain(session.password),
                "timeout_ms": session.timeout_ms,
                "client_name": session.client_name,
                "address": session.address,
                "opened_ms": session.opened_ms,
                "ephemerals": sorted(session.ephemerals),
                "claims": {str(request): path for request, path in sorted(session.claims.items())},
                "last_serial": session.replies.last_serial,
                "replies": plain(list(session.replies.kept)),
            }
            for _, session in sorted(machine.sessions.by_id.items())
        },
        "locks": {
            path: {
                "free_at_ms": lock.free_at_ms,
                "holders": [claim_view(claim) for claim in lock.holders.values()],
                "queue": [claim_view(claim) for claim in lock.queue.values()],
            }
            for path, lock in sorted(machine.locks.by_path.items())
        },
        "history": {
            "compacted": machine.history.compacted,
            "events": [event_view(event) for event in machine.history.events],
        },
    }


def claim_view(claim):
    """Return one claim on a lock."""
    return [
        *(claim.request, claim.session, claim.shared, claim.token),
        *(claim.since_ms, claim.delay_ms, claim.note),
    ]


def acl_view(acl):
    """Return who may do what with a node; None: everyone may do everything."""
    return None if acl is None else plain(acl.entries)


def event_view(event):
    """Return one event of the history."""
    stat = list(event.stat)[:STAT_FIELDS_V1]
    return [event.kind, event.path, event.revision, stat, plain(event.data)]


def meta_view(meta):
    """Return what a snapshot stands for, as version 1 knew it."""
    return plain(meta_fields(meta))[:4]
