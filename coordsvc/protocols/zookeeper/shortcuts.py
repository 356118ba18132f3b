"""The short way of the most frequent requests.

They are setData with bytes, a create open to everyone, and getData of such a node without a watch.

It does what the general way (`writes.py`) does without the objects between. What it does not
take, also what is malformed, goes the general way. `test_shortcuts.py` holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import Final

from coordsvc.base.ids import Index
from coordsvc.base.values import Value
from coordsvc.base.vocabulary import ops
from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.jute import (
    COUNT_MASK,
    INT,
    STAT_SENT,
    count_of,
    pack_string,
)
from coordsvc.state.znode import Znode

OPEN_ACL: Final = b"\0\0\0\x01\0\0\0\x1f\0\0\0\x05world\0\0\0\x06anyone"
_KINDS: Final = {
    numbers.PERSISTENT: (ops.PERSISTENT, False),
    numbers.EPHEMERAL: (ops.EPHEMERAL, False),
    numbers.PERSISTENT_SEQUENTIAL: (ops.PERSISTENT, True),
    numbers.EPHEMERAL_SEQUENTIAL: (ops.EPHEMERAL, True),
}
_STAT_REPLY: Final = Struct(">iiqiqqqqIIIqiiq")
_STAT_REPLY_BYTES: Final = 16 + 68
_PATH_REPLY: Final = Struct(">iiqi")
_DATA_REPLY: Final = Struct(">iiqii")
_DATA_REPLY_BYTES: Final = 16 + 4 + 68


def plain_step(op: int, frame: bytes) -> list[Value] | None:
    """Return the operation in the frame of a request; None if it must go the general way."""
    size = len(frame)
    path_end = 12 + int.from_bytes(frame[8:12], "big")
    data_at = path_end + 4
    if data_at + 4 > size:
        return None
    data_end = data_at + int.from_bytes(frame[path_end:data_at], "big")
    if data_end + 4 > size:
        return None  # cut short, or null
    try:
        path = frame[12:path_end].decode()
    except UnicodeDecodeError:
        return None
    if op == numbers.SET_DATA:
        version = count_of(INT.unpack_from(frame, data_end)[0])
        return [ops.SET, path, frame[data_at:data_end], version, []]
    flags_at = data_end + len(OPEN_ACL)
    if flags_at + 4 > size or not frame.startswith(OPEN_ACL, data_end):
        return None
    kind = _KINDS.get(INT.unpack_from(frame, flags_at)[0])
    if kind is None or "/" not in path or "\0" in path:
        return None
    return [ops.CREATE, path, frame[data_at:data_end], kind[0], kind[1], False, 0, []]


def data_reply(xid: int, zxid: Index, frame: bytes, nodes: Mapping[str, Znode]) -> bytes | None:
    """Return the frame of the reply to a getData; None if it must go the general way."""
    path_end = 12 + int.from_bytes(frame[8:12], "big")
    if path_end >= len(frame) or frame[path_end]:
        return None  # cut short, or with a watch
    try:
        node = nodes.get(frame[12:path_end].decode())
    except UnicodeDecodeError:
        return None
    if node is None or node.acl is not None or node.data is None:
        return None
    data, children = node.data, node.children
    size, count = len(data), len(children) if children else 0
    return b"".join(
        (
            _DATA_REPLY.pack(_DATA_REPLY_BYTES + size, xid, zxid, 0, size),
            data,
            STAT_SENT.pack(
                node.czxid, node.mzxid, node.ctime, node.mtime, node.version & COUNT_MASK,
                2 * node.creates - count & COUNT_MASK, node.aversion & COUNT_MASK,
                node.owner, size, count, node.pzxid,
            ),
        )
    )  # fmt: skip


def stat_reply(xid: int, zxid: Index, stat: Value) -> bytes:
    """Return the frame of a reply that consists of a stat of the state machine."""
    assert isinstance(stat, tuple | list)
    czxid, mzxid, pzxid, ctime, mtime, version, cversion, aversion, owner, size, count = stat[:11]
    return _STAT_REPLY.pack(
        _STAT_REPLY_BYTES, xid, zxid, 0, czxid, mzxid, ctime, mtime, version & COUNT_MASK,
        cversion & COUNT_MASK, aversion & COUNT_MASK, owner, size, count, pzxid,
    )  # fmt: skip


def path_reply(xid: int, zxid: Index, created: Value) -> bytes:
    """Return the frame of a reply that consists of the path of [path, stat]."""
    assert isinstance(created, tuple | list)
    path = created[0]
    assert isinstance(path, str)
    body = pack_string(path)
    return _PATH_REPLY.pack(16 + len(body), xid, zxid, 0) + body
