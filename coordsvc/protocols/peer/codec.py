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
    body: bytes = _pack(_fields_of(message, encoder))
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


# The fields of a message, its kind first. Those sent most often are looked for first.


def _fields_of(message: PeerMessage, encoder: EntryEncoder) -> list[object]:
    match message:
        case raft.AppendRequest() as m:
            entries = encoder.encode(m.entries) if m.entries else b""
            return [1, m.term, m.base_index, m.base_term, m.commit, entries]
        case raft.AppendReply() as m:
            return [2, m.term, m.accepted, m.index, m.hint_index, m.hint_term]
        case raft.Heartbeat() as m:
            return [3, m.term, m.commit, m.round]
        case raft.HeartbeatReply() as m:
            return [4, m.term, m.round]
        case (
            messages.ReadIndexRequest()
            | messages.ReadIndexReply()
            | messages.Forward()
            | messages.SnapshotChunk()
            | messages.SnapshotAck()
        ):
            return _fields_of_transport(message)
        case raft.VoteRequest() | raft.VoteReply() | raft.TimeoutNow() | raft.SnapshotOffer():
            return _fields_of_election(message)
        case messages.MembersRequest() | messages.MembersReply() | messages.Dismissal():
            return _fields_of_members(message)
        case _:
            return _fields_of_health(message)


def _fields_of_election(
    message: raft.VoteRequest | raft.VoteReply | raft.TimeoutNow | raft.SnapshotOffer,
) -> list[object]:
    match message:
        case raft.VoteRequest() as m:
            return [5, m.term, m.pre, m.last_index, m.last_term, m.transfer]
        case raft.VoteReply() as m:
            return [6, m.term, m.pre, m.granted]
        case raft.TimeoutNow() as m:
            return [7, m.term]
        case raft.SnapshotOffer() as m:
            return [8, m.term, meta_fields(m.meta)]


def _fields_of_transport(
    message: messages.ReadIndexRequest
    | messages.ReadIndexReply
    | messages.Forward
    | messages.SnapshotChunk
    | messages.SnapshotAck,
) -> list[object]:
    match message:
        case messages.ReadIndexRequest() as m:
            return [10, m.token, m.touched]
        case messages.ReadIndexReply() as m:
            return [11, m.token, m.index, m.lapsed]
        case messages.Forward() as m:
            return [9, m.term, m.touched, m.commands]
        case messages.SnapshotChunk() as m:
            return [12, m.term, meta_fields(m.meta), m.offset, m.total, m.data]
        case messages.SnapshotAck() as m:
            return [13, m.index, m.offset]


def _fields_of_health(message: messages.HealthMessage) -> list[object]:
    match message:
        case messages.DiskAlarm() as m:
            return [14, m.full]
        case messages.DigestQuery() as m:
            return [15, m.index]
        case messages.DigestReply() as m:
            return [16, m.index, m.digest]
        case messages.Rebuild() as m:
            return [17, m.index, m.digest]
        case messages.RebuildRequest() as m:
            return [18, m.applied]
        case messages.Versions() as m:
            return [22, m.oldest, m.newest]


def _fields_of_members(message: messages.MembersMessage) -> list[object]:
    match message:
        case messages.MembersRequest() as m:
            infos = [info_fields(info) for info in m.add]
            return [19, m.token, m.patience_ms, m.expected, infos, m.promote, m.remove]
        case messages.MembersReply() as m:
            return [20, m.token, m.fault, m.text, m.revision]
        case messages.Dismissal() as m:
            return [21, m.index, m.text]


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


_Maker: TypeAlias = Callable[[Raw], PeerMessage]

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
