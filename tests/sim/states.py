"""The whole state of a replica as one plain value, to compare replicas by: digests could agree by
mistake, and know only what entries did."""

from __future__ import annotations

from coordsvc.state.locks import Claim
from coordsvc.state.machine import StateMachine


def whole_state(machine: StateMachine) -> dict[str, object]:
    """Return everything that clients or later entries could see of a state, by part."""
    return {
        "revision": machine.revision,
        "time": machine.time_ms,
        "digest": machine.digest,
        "nodes": {
            path: (node.data, node.stat(), node.creates, sorted(node.children or ()))
            for path, node in sorted(machine.tree.nodes.items())
        },
        "sessions": {
            number: (
                session.timeout_ms,
                session.password,
                session.replies.last_serial,
                [_plain(reply) for reply in session.replies.kept],
                sorted(session.claims.items()),
                sorted(session.ephemerals),
            )
            for number, session in sorted(machine.sessions.by_id.items())
        },
        "locks": {
            path: (
                lock.free_at_ms,
                [_claim(claim) for claim in lock.holders.values()],
                [_claim(claim) for claim in lock.queue.values()],
            )
            for path, lock in sorted(machine.locks.by_path.items())
        },
        "due": (
            sorted(machine.expiry.ttls.due_at.items()),
            sorted(machine.expiry.containers.due_at.items()),
            sorted(machine.locks.delays.due_at.items()),
        ),
        "history": (
            machine.history.compacted,
            [(e.kind, e.path, e.revision, _plain(e.stat), e.data) for e in machine.history.events],
        ),
    }


def difference(one: StateMachine, other: StateMachine) -> str:
    """Return which part of two states differs, and how; the empty string if none does."""
    left, right = whole_state(one), whole_state(other)
    for part, value in left.items():
        if value != right[part]:
            return f"{part}: {str(value)[:300]} and {str(right[part])[:300]}"
    return ""


def _claim(claim: Claim) -> tuple[object, ...]:
    return (
        claim.request,
        claim.session,
        claim.shared,
        claim.delay_ms,
        claim.note,
        claim.token,
        claim.since_ms,
    )


def _plain(value: object) -> object:
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value
