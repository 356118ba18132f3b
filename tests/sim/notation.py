"""Notation: what servers say to one another, one line a message: `n1@3 → n2 Heartbeat commit=7`."""

from __future__ import annotations

from typing import Final

from coordsvc.base.ids import NodeId, Term
from coordsvc.raft.messages import AppendRequest, Membership, SnapshotMeta, SnapshotOffer
from coordsvc.replica.messages import Forward, PeerMessage, SnapshotChunk

TEXT_MAX: Final = 60


def line_of(sender: NodeId, term: Term, receiver: NodeId, message: PeerMessage) -> str:
    """Return one message as it is shown in a trace; `term` is the sender's."""
    fields = " ".join(f"{name}={_value(value)}" for name, value in _fields_of(message))
    return f"{sender}@{term} → {receiver} {type(message).__name__} {fields}".rstrip()


def _fields_of(message: PeerMessage) -> list[tuple[str, object]]:
    """Return what tells messages of one kind apart; lists are given as their lengths."""
    match message:
        case AppendRequest():
            base = f"{message.base_index}@{message.base_term}"
            entries = message.entries
            terms = f"{len(entries)}" if not entries else f"{len(entries)} of @{entries[-1][0]}"
            return [("term", message.term), ("base", base), ("entries", terms),
                    ("commit", message.commit)]  # fmt: skip
        case SnapshotOffer():
            return [("term", message.term), ("meta", message.meta)]
        case SnapshotChunk():
            at = f"{message.offset}+{len(message.data)}/{message.total}"
            return [("term", message.term), ("meta", message.meta), ("bytes", at)]
        case Forward():
            return [("term", message.term), ("commands", len(message.commands)),
                    ("touched", message.touched)]  # fmt: skip
        case _:
            return [(name, getattr(message, name)) for name in type(message).__match_args__]


def _value(value: object) -> str:
    match value:
        case SnapshotMeta():
            return f"{value.index}@{value.term}"
        case Membership():
            old = f" and {'+'.join(value.voters_old)}" if value.voters_old else ""
            learners = f" learners {'+'.join(value.learners)}" if value.learners else ""
            return f"{'+'.join(value.voters)}{old}{learners}"
        case True | False:
            return str(value).lower()
        case _:
            text = str(value)
            return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"
