"""Messages between replicas as bytes: one MessagePack array per frame, its kind first.

Entries travel as a blob that is encoded once for the log and all followers (EntryEncoder).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgpack

from coordsvc.base.errors import RemoteProtocolError
from coordsvc.raft import messages as raft
from coordsvc.raft.membership import info_fields, info_from
from coordsvc.replica import messages
from coordsvc.replica.changes import Fault
from coordsvc.replica.codec import EntryEncoder, decode_entries, meta_fields, meta_from
from coordsvc.replica.messages import PeerMessage

# What msgpack hands out before the decoder of its kind has looked at it: whatever does not fit
# raises there, and `decode` makes a RemoteProtocolError of it.
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
        shape = _SHAPES[kind]
        if tuple(map(type, fields)) != shape:
            raise ValueError(f"kind {kind} has not the fields {shape}")  # noqa: TRY301
        return _MAKERS[kind](fields)
    except (ValueError, TypeError, KeyError, IndexError, msgpack.UnpackException) as error:
        raise RemoteProtocolError(f"not a message between replicas: {error!r}") from error


def _all(kind: type, items: list[Raw]) -> list[Raw]:
    """Return a list of which every item is of one type."""
    if any(type(item) is not kind for item in items):
        raise ValueError(f"a list of more than {kind.__name__}")
    return items


def _append(m: raft.AppendRequest, encoder: EntryEncoder) -> list[object]:
    entries = encoder.encode(m.entries) if m.entries else b""
    return [1, m.term, m.base_index, m.base_term, m.commit, entries]


def _make_append(fields: Raw) -> PeerMessage:
    term, base_index, base_term, commit, entries = fields
    run = decode_entries(entries) if entries else []
    return raft.AppendRequest(term, base_index, base_term, commit, run, entries)


def _make_members_request(fields: Raw) -> PeerMessage:
    token, patience_ms, expected, add, promote, remove = fields
    infos = [info_from(info) for info in add]
    return messages.MembersRequest(
        token, patience_ms, expected, infos, _all(str, promote), _all(str, remove)
    )


def _make_members_reply(fields: Raw) -> PeerMessage:
    token, fault, text, revision = fields
    if fault:
        Fault(fault)  # a ValueError if there is none of this name
    return messages.MembersReply(token, fault, text, revision)


# Each takes its own kind of message, by which the table is asked: no one type says that.
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
    messages.MembersRequest: lambda m, _: [
        19,
        m.token,
        m.patience_ms,
        m.expected,
        [info_fields(info) for info in m.add],
        m.promote,
        m.remove,
    ],
    messages.MembersReply: lambda m, _: [20, m.token, m.fault, m.text, m.revision],
    messages.Dismissal: lambda m, _: [21, m.index, m.text],
    messages.Versions: lambda m, _: [22, m.oldest, m.newest],
}

_SHAPES: Final[dict[int, tuple[type, ...]]] = {
    1: (int, int, int, int, bytes),
    2: (int, bool, int, int, int),
    3: (int, int, int),
    4: (int, int),
    5: (int, bool, int, int, bool),
    6: (int, bool, bool),
    7: (int,),
    8: (int, list),
    9: (int, list, list),
    10: (int, list),
    11: (int, int, list),
    12: (int, list, int, int, bytes),
    13: (int, int),
    14: (bool,),
    15: (int,),
    16: (int, int),
    17: (int, int),
    18: (int,),
    19: (int, int, int, list, list, list),
    20: (int, str, str, int),
    21: (int, str),
    22: (int, int),
}
"""The types of the fields of each kind."""

_MAKERS: Final[dict[int, _Maker]] = {
    1: _make_append,
    2: lambda f: raft.AppendReply(*f),
    3: lambda f: raft.Heartbeat(*f),
    4: lambda f: raft.HeartbeatReply(*f),
    5: lambda f: raft.VoteRequest(*f),
    6: lambda f: raft.VoteReply(*f),
    7: lambda f: raft.TimeoutNow(*f),
    8: lambda f: raft.SnapshotOffer(f[0], meta_from(f[1])),
    9: lambda f: messages.Forward(f[0], _all(int, f[1]), _all(bytes, f[2])),
    10: lambda f: messages.ReadIndexRequest(f[0], _all(int, f[1])),
    11: lambda f: messages.ReadIndexReply(f[0], f[1], _all(int, f[2])),
    12: lambda f: messages.SnapshotChunk(f[0], meta_from(f[1]), *f[2:]),
    13: lambda f: messages.SnapshotAck(*f),
    14: lambda f: messages.DiskAlarm(*f),
    15: lambda f: messages.DigestQuery(*f),
    16: lambda f: messages.DigestReply(*f),
    17: lambda f: messages.Rebuild(*f),
    18: lambda f: messages.RebuildRequest(*f),
    19: _make_members_request,
    20: _make_members_reply,
    21: lambda f: messages.Dismissal(*f),
    22: lambda f: messages.Versions(*f),
}
