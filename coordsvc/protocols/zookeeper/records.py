"""The records of ZooKeeper's protocol, both ways.

The server reads what a client writes; a client of ours (the import from a running ZooKeeper) the
other way round. Reading raises `jute.JuteError` if the bytes do not hold the record. What stands
behind it is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.jute import (
    HEADER,
    INT,
    LONG,
    STAT,
    JuteError,
    Reader,
    pack_bool,
    pack_buffer,
    pack_string,
    pack_vector,
)

PASSWORD_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class AclEntry:
    """One entry of an ACL."""

    perms: int
    scheme: str | None
    id: str | None


@dataclass(slots=True, init=False)
class Stat:
    """The numbers of a node. Times in ms since 1970."""

    czxid: int
    mzxid: int
    ctime: int
    mtime: int
    version: int
    cversion: int
    aversion: int
    ephemeral_owner: int
    data_length: int
    num_children: int
    pzxid: int

    def __init__(  # noqa: PLR0917 - one for each field
        self,
        czxid: int,
        mzxid: int,
        ctime: int,
        mtime: int,
        version: int,
        cversion: int,
        aversion: int,
        ephemeral_owner: int,
        data_length: int,
        num_children: int,
        pzxid: int,
    ) -> None:
        self.czxid = czxid
        self.mzxid = mzxid
        self.ctime = ctime
        self.mtime = mtime
        self.version = version
        self.cversion = cversion
        self.aversion = aversion
        self.ephemeral_owner = ephemeral_owner
        self.data_length = data_length
        self.num_children = num_children
        self.pzxid = pzxid


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """The first frame of a connection."""

    protocol_version: int
    last_zxid_seen: int
    timeout_ms: int
    session: int
    password: bytes | None
    read_only: bool | None
    """None: a very old client, whose reply must not have the byte either."""


@dataclass(frozen=True, slots=True)
class ConnectResponse:
    """The answer to it. A timeout of 0 says that the session is no more."""

    timeout_ms: int
    session: int
    password: bytes
    read_only: bool | None


@dataclass(slots=True, init=False)
class ReplyHeader:
    """What every reply begins with."""

    xid: int
    zxid: int
    error: int

    def __init__(self, xid: int, zxid: int, error: int) -> None:
        self.xid = xid
        self.zxid = zxid
        self.error = error


@dataclass(frozen=True, slots=True)
class WatcherEvent:
    """What a watch tells."""

    type: int
    state: int
    path: str


@dataclass(frozen=True, slots=True)
class SetWatches:
    """The watches a client had before it reconnected; the last two only in setWatches2."""

    relative_zxid: int
    data: list[str]
    exist: list[str]
    child: list[str]
    persistent: list[str]
    recursive: list[str]


def read_acl_entry(reader: Reader) -> AclEntry:
    """Take an entry of an ACL."""
    return AclEntry(reader.read_int(), reader.read_string(), reader.read_string())


def read_acl(reader: Reader) -> list[AclEntry] | None:
    """Take an ACL."""
    return reader.read_vector(read_acl_entry)


def pack_acl(entries: list[AclEntry] | None) -> bytes:
    """Return an ACL."""
    if entries is None:
        return pack_vector(None)
    return pack_vector(
        [INT.pack(each.perms) + pack_string(each.scheme) + pack_string(each.id) for each in entries]
    )


def read_stat(reader: Reader) -> Stat:
    """Take a stat."""
    if reader.left() < STAT.size:
        raise JuteError("a stat is cut short")
    at = reader.at
    reader.at += STAT.size
    return Stat(*STAT.unpack_from(reader.data, at))


def pack_stat(stat: Stat) -> bytes:
    """Return a stat."""
    return STAT.pack(
        stat.czxid,
        stat.mzxid,
        stat.ctime,
        stat.mtime,
        stat.version,
        stat.cversion,
        stat.aversion,
        stat.ephemeral_owner,
        stat.data_length,
        stat.num_children,
        stat.pzxid,
    )


def read_connect_request(reader: Reader) -> ConnectRequest:
    """Take the first frame of a connection."""
    request = ConnectRequest(
        reader.read_int(),
        reader.read_long(),
        reader.read_int(),
        reader.read_long(),
        reader.read_buffer(),
        None,
    )
    if reader.left():
        return ConnectRequest(
            request.protocol_version,
            request.last_zxid_seen,
            request.timeout_ms,
            request.session,
            request.password,
            reader.read_bool(),
        )
    return request


def pack_connect_request(request: ConnectRequest) -> bytes:
    """Return the first frame of a connection, without its length."""
    return (
        INT.pack(request.protocol_version)
        + LONG.pack(request.last_zxid_seen)
        + INT.pack(request.timeout_ms)
        + LONG.pack(request.session)
        + pack_buffer(request.password)
        + (b"" if request.read_only is None else pack_bool(request.read_only))
    )


def read_connect_response(reader: Reader) -> ConnectResponse:
    """Take the answer to the first frame."""
    reader.read_int()  # the version of the protocol: always 0
    timeout_ms, session = reader.read_int(), reader.read_long()
    password = reader.read_buffer() or b""
    return ConnectResponse(
        timeout_ms, session, password, reader.read_bool() if reader.left() else None
    )


def pack_connect_response(response: ConnectResponse) -> bytes:
    """Return the answer to the first frame, without its length."""
    return (
        INT.pack(0)
        + INT.pack(response.timeout_ms)
        + LONG.pack(response.session)
        + pack_buffer(response.password)
        + (b"" if response.read_only is None else pack_bool(response.read_only))
    )


def pack_request_header(xid: int, op: int) -> bytes:
    """Return what every request but the first begins with."""
    return HEADER.pack(xid, op)


def read_reply_header(reader: Reader) -> ReplyHeader:
    """Take what every reply begins with."""
    return ReplyHeader(reader.read_int(), reader.read_long(), reader.read_int())


def read_watcher_event(reader: Reader) -> WatcherEvent:
    """Take the body of an event."""
    return WatcherEvent(reader.read_int(), reader.read_int(), reader.read_text())


def pack_watcher_event(event: WatcherEvent) -> bytes:
    """Return the body of an event."""
    return HEADER.pack(event.type, event.state) + pack_string(event.path)


def read_set_watches(reader: Reader, op: int) -> SetWatches:
    """Take the body of setWatches or setWatches2."""
    relative = reader.read_long()
    lists = [
        reader.read_vector(Reader.read_text) or []
        for _ in range(5 if op == numbers.SET_WATCHES2 else 3)
    ]
    lists += [[]] * (5 - len(lists))
    return SetWatches(relative, *lists)


def pack_set_watches(watches: SetWatches, op: int) -> bytes:
    """Return the body of setWatches or setWatches2."""
    lists = [watches.data, watches.exist, watches.child]
    if op == numbers.SET_WATCHES2:
        lists += [watches.persistent, watches.recursive]
    return LONG.pack(watches.relative_zxid) + b"".join(
        pack_vector([pack_string(path) for path in paths]) for paths in lists
    )


@dataclass(slots=True, init=False)
class Create:
    """create, create2, createContainer, createTTL."""

    path: str | None
    data: bytes | None
    acl: list[AclEntry] | None
    flags: int
    ttl_ms: int
    """Only in createTTL; 0 elsewhere."""

    def __init__(
        self,
        path: str | None,
        data: bytes | None,
        acl: list[AclEntry] | None,
        flags: int,
        ttl_ms: int,
    ) -> None:
        self.path = path
        self.data = data
        self.acl = acl
        self.flags = flags
        self.ttl_ms = ttl_ms


def read_create(reader: Reader, op: int) -> Create:
    """Take the body of a create of any kind."""
    return Create(
        reader.read_string(),
        reader.read_buffer(),
        read_acl(reader),
        reader.read_int(),
        reader.read_long() if op == numbers.CREATE_TTL else 0,
    )


def pack_create(create: Create, op: int) -> bytes:
    """Return the body of a create of any kind."""
    return (
        pack_string(create.path)
        + pack_buffer(create.data)
        + pack_acl(create.acl)
        + INT.pack(create.flags)
        + (LONG.pack(create.ttl_ms) if op == numbers.CREATE_TTL else b"")
    )


def pack_path_watch(path: str, watch: bool) -> bytes:
    """Return the body of exists, getData, getChildren and getChildren2."""
    return pack_string(path) + pack_bool(watch)


def pack_path_version(path: str, version: int) -> bytes:
    """Return the body of delete and check."""
    return pack_string(path) + INT.pack(version)


def pack_set_data(path: str, data: bytes | None, version: int) -> bytes:
    """Return the body of setData."""
    return pack_string(path) + pack_buffer(data) + INT.pack(version)


def pack_set_acl(path: str, acl: list[AclEntry] | None, version: int) -> bytes:
    """Return the body of setACL."""
    return pack_string(path) + pack_acl(acl) + INT.pack(version)


def pack_auth(scheme: str, credentials: bytes | None) -> bytes:
    """Return the body of an auth packet."""
    return INT.pack(0) + pack_string(scheme) + pack_buffer(credentials)


def pack_multi_header(op: int, *, done: bool, error: int) -> bytes:
    """Return what stands before each operation or result of a multi."""
    return INT.pack(op) + pack_bool(done) + INT.pack(error)


MULTI_END: Final = pack_multi_header(numbers.ERROR, done=True, error=-1)
