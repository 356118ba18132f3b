"""Messages between replicas as bytes: one MessagePack array per frame, its kind first.

Entries travel as a blob that is encoded once for the log and all followers (EntryEncoder).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgpack

from coordsvc.base.errors import RemoteProtocolError
from coordsvc.raft import messages as raft
from coordsvc.replica import messages
from coordsvc.replica.codec import EntryEncoder, decode_entries, meta_fields, meta_from
from coordsvc.replica.messages import PeerMessage

# What msgpack hands out before the decoder of its kind has looked at it.
Raw: TypeAlias = Any  # type: ignore[explicit-any]

_pack: Final = msgpack.Packer(use_bin_type=True, autoreset=True).pack


def encode(message: PeerMessage, encoder: EntryEncoder) -> bytes:
    """Return `message` as one frame, its length in front."""
    body: bytes = _pack(_FIELDS[type(message)](message, encoder))
    return len(body).to_bytes(4, "big") + body


def decode(body: bytes) -> PeerMessage:
    """Return the message in the body of a frame.

    Raises:
        RemoteProtocolError: it is none.

    """
    try:
        kind, *fields = msgpack.unpackb(body, use_list=True)
        return _MAKERS[kind](fields)
    except (ValueError, TypeError, KeyError, IndexError, msgpack.UnpackException) as error:
        raise RemoteProtocolError(f"not a message between replicas: {error!r}") from error


def _append(m: raft.AppendRequest, encoder: EntryEncoder) -> list[object]:
    entries = encoder.encode(m.entries) if m.entries else b""
    return [1, m.term, m.base_index, m.base_term, m.commit, entries]


def _make_append(fields: Raw) -> PeerMessage:
    term, base_index, base_term, commit, entries = fields
    run = decode_entries(entries) if entries else []
    return raft.AppendRequest(term, base_index, base_term, commit, run)


_Fields: TypeAlias = Callable[[Any, EntryEncoder], list[object]]  # type: ignore[explicit-any]
_Maker: TypeAlias = Callable[[Raw], PeerMessage]

_FIELDS: Final[dict[type, _Fields]] = {
    raft.AppendRequest: _append,
    raft.AppendReply: lambda m, _: [2, m.term, m.accepted, m.index, m.hint_index, m.hint_term],
    raft.Heartbeat: lambda m, _: [3, m.term, m.commit, m.round],
    raft.HeartbeatReply: lambda m, _: [4, m.term, m.round],
    raft.VoteRequest: lambda m, _: [5, m.term, m.pre, m.last_index, m.last_term, m.transfer],
    raft.VoteReply: lambda m, _: [6, m.term, m.pre, m.granted],
    raft.TimeoutNow: lambda m, _: [7, m.term],
    raft.SnapshotOffer: lambda m, _: [8, m.term, meta_fields(m.meta)],
    messages.Forward: lambda m, _: [9, m.term, m.touched, m.commands],
    messages.ReadIndexRequest: lambda m, _: [10, m.token, m.touched],
    messages.ReadIndexReply: lambda m, _: [11, m.token, m.index, m.lapsed],
    messages.SnapshotChunk: lambda m, _: [
        12,
        m.term,
        meta_fields(m.meta),
        m.offset,
        m.total,
        m.data,
    ],
    messages.SnapshotAck: lambda m, _: [13, m.index, m.offset],
    messages.DiskAlarm: lambda m, _: [14, m.full],
    messages.DigestQuery: lambda m, _: [15, m.index],
    messages.DigestReply: lambda m, _: [16, m.index, m.digest],
    messages.Rebuild: lambda m, _: [17, m.index, m.digest],
    messages.RebuildRequest: lambda m, _: [18, m.applied],
}

_MAKERS: Final[dict[int, _Maker]] = {
    1: _make_append,
    2: lambda f: raft.AppendReply(*f),
    3: lambda f: raft.Heartbeat(*f),
    4: lambda f: raft.HeartbeatReply(*f),
    5: lambda f: raft.VoteRequest(*f),
    6: lambda f: raft.VoteReply(*f),
    7: lambda f: raft.TimeoutNow(*f),
    8: lambda f: raft.SnapshotOffer(f[0], meta_from(f[1])),
    9: lambda f: messages.Forward(*f),
    10: lambda f: messages.ReadIndexRequest(*f),
    11: lambda f: messages.ReadIndexReply(*f),
    12: lambda f: messages.SnapshotChunk(f[0], meta_from(f[1]), *f[2:]),
    13: lambda f: messages.SnapshotAck(*f),
    14: lambda f: messages.DiskAlarm(*f),
    15: lambda f: messages.DigestQuery(*f),
    16: lambda f: messages.DigestReply(*f),
    17: lambda f: messages.Rebuild(*f),
    18: lambda f: messages.RebuildRequest(*f),
}
