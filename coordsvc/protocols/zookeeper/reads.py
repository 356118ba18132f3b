"""Reads: answered from the local state, as it is when their turn has come."""

from __future__ import annotations

from typing import Final

from coordsvc.base.ids import SessionId
from coordsvc.base.paths import ROOT
from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.hall import ZooKeeperHall
from coordsvc.protocols.zookeeper.identity import names_of, shown_to
from coordsvc.protocols.zookeeper.jute import (
    COUNT_MASK,
    INT,
    STAT,
    STAT_SENT,
    JuteError,
    Reader,
    count_of,
    pack_buffer,
    pack_string,
    pack_vector,
)
from coordsvc.protocols.zookeeper.records import MULTI_END, pack_acl, pack_multi_header
from coordsvc.state import acl, special
from coordsvc.state.acl import Who
from coordsvc.state.machine import StateMachine
from coordsvc.state.znode import Znode


class ReadError(Exception):
    """A read that has no result; carries ZooKeeper's error."""

    def __init__(self, error: int) -> None:
        super().__init__(str(error))
        self.error = error


def stat_of(node: Znode) -> bytes:
    """Return the stat of a node."""
    data, children = node.data, node.children
    count = len(children) if children else 0
    return STAT_SENT.pack(
        node.czxid,
        node.mzxid,
        node.ctime,
        node.mtime,
        node.version & COUNT_MASK,
        2 * node.creates - count & COUNT_MASK,
        node.aversion & COUNT_MASK,
        node.owner,
        len(data) if data is not None else 0,
        count,
        node.pzxid,
    )


def path_and_watch(frame: bytes) -> tuple[str, bool]:
    """Return the path and the watch flag of exists, getData, getChildren and getChildren2.

    Raises:
        JuteError: the frame is too short for them, or the path is null.

    """
    if len(frame) < 13:
        raise JuteError("a path and a flag are cut short")
    end = 12 + INT.unpack_from(frame, 8)[0]
    if not 12 <= end < len(frame):
        raise JuteError("a path is cut short")
    return frame[12:end].decode(errors="replace"), frame[end] != 0


def node_at(machine: StateMachine, path: str, who: Who, wanted: int = acl.READ) -> Znode:
    """Return a node that `who` may see.

    Raises:
        ReadError: there is none, or it is not for them.

    """
    node = machine.tree.nodes.get(path)
    if node is None:
        raise ReadError(numbers.NO_NODE)
    if node.acl is not None and not node.acl.allows(who, wanted):
        raise ReadError(numbers.NO_AUTH)
    return node


def data_of(hall: ZooKeeperHall, path: str, node: Znode) -> bytes:
    """Return the data and the stat of a node."""
    if path == special.CONFIG:
        return pack_buffer(hall.config()) + stat_at(hall, path, node)
    return pack_buffer(node.data) + stat_of(node)


def stat_at(hall: ZooKeeperHall, path: str, node: Znode) -> bytes:
    """Return the stat of the node at `path`; the members' tells of their last change."""
    found = stat_of(node)
    if path != special.CONFIG:
        return found
    fields = list(STAT.unpack(found))
    fields[1], fields[8] = hall.replica.raft.membership_index, len(hall.config())
    fields[4] = fields[6] = -1
    return STAT.pack(*fields)


def children_of(path: str, node: Znode) -> bytes:
    """Return the names of a node's children."""
    if not node.children:
        return pack_vector([])
    start = 1 if path == ROOT else len(path) + 1
    names = [child[start:].encode() for child in node.children]
    pack_size = INT.pack  # of a name after the other: there may be a hundred thousand
    return pack_vector([pack_size(len(name)) + name for name in names])


class Reads:
    """The reads that set no watch."""

    def __init__(self, hall: ZooKeeperHall) -> None:
        self._hall = hall

    def answer(self, op: int, frame: bytes, who: Who, session: SessionId) -> bytes:
        """Return the body of the reply.

        Raises:
            JuteError: the frame does not hold such a request.
            ReadError: there is no such node, or it is not for them.

        """
        machine = self._hall.replica.machine
        if op == numbers.WHO_AM_I:
            return pack_vector(
                [pack_string(scheme) + pack_string(name) for scheme, name in names_of(who)]
            )
        reader = Reader(frame, 8)
        if op == numbers.MULTI_READ:
            return self._multi(reader, who)
        found = reader.read_string()
        if found is None and op != numbers.GET_EPHEMERALS:
            raise JuteError("there is no path")
        path = found or ""
        match op:
            case numbers.CHECK:
                node, version = node_at(machine, path, who), count_of(reader.read_int())
                if version not in (-1, node.version):
                    raise ReadError(numbers.BAD_VERSION)
                return b""
            case numbers.GET_ACL:
                node = node_at(machine, path, who, acl.READ | acl.ADMIN)
                admin = node.acl is None or node.acl.allows(who, acl.ADMIN)
                shown = shown_to(acl.entries_of(node.acl), admin=admin)
                return pack_acl(shown) + stat_at(self._hall, path, node)
            case numbers.GET_EPHEMERALS:
                return self._ephemerals(session, path)
            case _:
                assert op == numbers.GET_ALL_CHILDREN_NUMBER
                return INT.pack(_count_below(machine, node_at(machine, path, who)))

    def _ephemerals(self, session: SessionId, prefix: str) -> bytes:
        """Return the ephemerals of a session whose path starts with a text, in order."""
        known = self._hall.replica.machine.sessions.by_id.get(session)
        own = sorted(known.ephemerals) if known is not None else []
        return pack_vector([pack_string(path) for path in own if path.startswith(prefix)])

    def _multi(self, reader: Reader, who: Who) -> bytes:
        """Return the results of a multiRead; each of its reads stands alone."""
        machine = self._hall.replica.machine
        parts: list[bytes] = []
        while True:
            op, done, _ = reader.read_int(), reader.read_bool(), reader.read_int()
            if done:
                return b"".join(parts) + MULTI_END
            if op not in _IN_MULTI_READ:
                raise JuteError(f"operation {op} has no place in a multiRead")
            path, _watch = reader.read_string() or "", reader.read_bool()
            try:
                node = node_at(machine, path, who)
            except ReadError as failed:
                error = failed.error
                header = pack_multi_header(numbers.ERROR, done=False, error=error)
                parts.append(header + INT.pack(error))
                continue
            body = (
                data_of(self._hall, path, node)
                if op == numbers.GET_DATA
                else children_of(path, node)
            )
            parts.append(pack_multi_header(op, done=False, error=0) + body)


def _count_below(machine: StateMachine, top: Znode) -> int:
    nodes = machine.tree.nodes
    count = 0
    to_visit = [top]
    while to_visit:
        children = to_visit.pop().children
        if children:
            count += len(children)
            to_visit += [nodes[child] for child in children]
    return count


_IN_MULTI_READ: Final = frozenset({numbers.GET_DATA, numbers.GET_CHILDREN})
PLAIN_READS: Final = frozenset(
    {
        numbers.CHECK,
        numbers.GET_ACL,
        numbers.GET_EPHEMERALS,
        numbers.GET_ALL_CHILDREN_NUMBER,
        numbers.MULTI_READ,
        numbers.WHO_AM_I,
    }
)
