"""Everything that is answered from the local state at once: reads, pings, watches."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.hall import ZooKeeperHall
from coordsvc.protocols.zookeeper.jute import (
    HEADER,
    REPLY,
    REPLY_HEADER_BYTES,
    JuteError,
    Reader,
    pack_string,
)
from coordsvc.protocols.zookeeper.reads import (
    PLAIN_READS,
    ReadError,
    Reads,
    children_of,
    data_of,
    node_at,
    path_and_watch,
    stat_at,
)
from coordsvc.protocols.zookeeper.records import read_set_watches
from coordsvc.protocols.zookeeper.shortcuts import data_reply
from coordsvc.protocols.zookeeper.watching import OwnWatches
from coordsvc.replica.ports import Client
from coordsvc.state.acl import Who
from coordsvc.watch.paths import CHILD, DATA

_CHILDREN: Final = frozenset({numbers.GET_CHILDREN, numbers.GET_CHILDREN2})
_WATCH_OPS: Final = frozenset({numbers.ADD_WATCH, numbers.REMOVE_WATCHES, numbers.CHECK_WATCHES})
_SET_WATCHES: Final = frozenset({numbers.SET_WATCHES, numbers.SET_WATCHES2})
ANSWERED: Final = (
    PLAIN_READS
    | _CHILDREN
    | _WATCH_OPS
    | _SET_WATCHES
    | {numbers.GET_DATA, numbers.EXISTS, numbers.PING}
)
"""The operations that `Answers` knows."""


def reply(xid: int, zxid: int, body: bytes) -> bytes:
    """Return the frame of a reply to what succeeded."""
    return REPLY.pack(REPLY_HEADER_BYTES + len(body), xid, zxid, 0) + body


def failure(xid: int, zxid: int, error: int) -> bytes:
    """Return the frame of a reply to what failed."""
    return REPLY.pack(REPLY_HEADER_BYTES, xid, zxid, error)


@lru_cache(16)
def event_frame(kind: int, path: str) -> bytes:
    """Return the frame that tells of an event: the same one for all who hear of it."""
    body = HEADER.pack(kind, numbers.SYNC_CONNECTED) + pack_string(path)
    return REPLY.pack(REPLY_HEADER_BYTES + len(body), numbers.XID_EVENT, -1, 0) + body


class Answers:
    """Answers one client."""

    __slots__ = ("_hall", "_reads", "_replica", "_watches")

    def __init__(self, hall: ZooKeeperHall, owner: Client) -> None:
        self._hall = hall
        self._replica = hall.replica
        self._reads = Reads(hall)
        self._watches = OwnWatches(owner, hall.replica.watches.paths)

    def answer(self, xid: int, op: int, frame: bytes, who: Who, session: int) -> bytes:
        """Return what is to be sent for a request: the reply, behind events if it causes any."""
        machine = self._replica.machine
        try:
            if op == numbers.GET_DATA:
                quick = data_reply(xid, machine.revision, frame, machine.tree.nodes)
                if quick is not None:
                    return quick
                path, watch = path_and_watch(frame)
                node = node_at(machine, path, who)
                if watch:
                    self._watches.set(path, DATA)
                return reply(xid, machine.revision, data_of(self._hall, path, node))
            if op == numbers.EXISTS:
                path, watch = path_and_watch(frame)
                return reply(xid, machine.revision, self._exists(path, who, watch=watch))
            if op == numbers.PING:
                return reply(numbers.XID_PING, machine.revision, b"")
            return self._answer_rarer(xid, op, frame, who, session)
        except JuteError:
            return failure(xid, machine.revision, numbers.MARSHALLING_ERROR)
        except ReadError as failed:
            return failure(xid, machine.revision, failed.error)

    def _answer_rarer(self, xid: int, op: int, frame: bytes, who: Who, session: int) -> bytes:
        machine = self._replica.machine
        if op in _CHILDREN:
            path, watch = path_and_watch(frame)
            node = node_at(machine, path, who)
            if watch:
                self._watches.set(path, CHILD)
            stat = stat_at(self._hall, path, node) if op == numbers.GET_CHILDREN2 else b""
            return reply(xid, machine.revision, children_of(path, node) + stat)
        if op in _SET_WATCHES:
            watches = read_set_watches(Reader(frame, 8), op)
            missed = b"".join(
                event_frame(kind, path) for kind, path in self._watches.restore(watches, machine)
            )
            return missed + reply(xid, machine.revision, b"")  # not always -8: Java counts on
        if op in _WATCH_OPS:
            return reply(xid, machine.revision, self._watches.answer(op, Reader(frame, 8)))
        return reply(xid, machine.revision, self._reads.answer(op, frame, who, session))

    def _exists(self, path: str, who: Who, *, watch: bool) -> bytes:
        try:
            node = node_at(self._replica.machine, path, who)
        except ReadError as failed:
            if watch and failed.error == numbers.NO_NODE:
                self._watches.set(path, DATA)  # it fires when the node is created
            raise
        if watch:
            self._watches.set(path, DATA)
        return stat_at(self._hall, path, node)
