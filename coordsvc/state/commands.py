"""What the log can hold: commands, typed, and the one parser of them.

An entry is the MessagePack array `[session, request]`; the layouts of requests are in
`vocabulary.ops`. Front doors call `validate` so that what cannot be parsed never gets into the
log; `StateMachine.apply` uses the same parser and answers what got there all the same with a
result. Whether a path is well formed is not decided here: ZooKeeper's order of checks wants
that between others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgpack

from coordsvc.base import limits
from coordsvc.base.ids import Index, Millis, Serial, SessionId
from coordsvc.base.vocabulary import codes, ops
from coordsvc.state import plain, versions
from coordsvc.state.acl import Acl
from coordsvc.state.arguments import (
    NUMBER_BITS,
    Guards,
    MalformedCommand,
    read_data,
    read_flag,
    read_guards,
    read_number,
    read_path,
    read_text,
    read_version,
    take,
)

_unpack: Final = msgpack.unpackb


@dataclass(frozen=True, slots=True)
class Create:
    """Create a node; `parents` creates what is missing above it."""

    path: str
    data: bytes | None
    kind: int
    sequential: bool
    parents: bool
    ttl_ms: Millis
    guards: Guards
    acl: Acl | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """Create a node or set its data, whichever applies."""

    path: str
    data: bytes | None
    parents: bool
    guards: Guards


@dataclass(frozen=True, slots=True)
class Set:
    """Set the data of a node that has `version` (-1: any)."""

    path: str
    data: bytes | None
    version: int
    guards: Guards


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a node that has `version` (-1: any); `recursive` with all below it."""

    path: str
    version: int
    recursive: bool
    guards: Guards


@dataclass(frozen=True, slots=True)
class CheckVersion:
    """The node exists and has `version` (-1: any)."""

    path: str
    version: int


@dataclass(frozen=True, slots=True)
class CheckExists:
    """The node exists, or does not."""

    path: str
    exists: bool


@dataclass(frozen=True, slots=True)
class CheckToken:
    """The token holds the lock at `path`."""

    path: str
    token: Index


@dataclass(frozen=True, slots=True)
class CheckData:
    """The node holds exactly these bytes."""

    path: str
    data: bytes | None


@dataclass(frozen=True, slots=True)
class CheckMzxid:
    """The node's data was last set at or before `revision`."""

    path: str
    revision: Index


Write: TypeAlias = Create | Put | Set | Delete
Check: TypeAlias = CheckVersion | CheckExists | CheckToken | CheckData | CheckMzxid
Step: TypeAlias = Write | Check


@dataclass(frozen=True, slots=True)
class Transaction:
    """If all `conditions` hold do `then`, else `otherwise`: all of it or nothing."""

    conditions: list[Step]
    then: list[Step]
    otherwise: list[Step]


@dataclass(frozen=True, slots=True)
class Acquire:
    """Claim the lock at `path`."""

    path: str
    shared: bool
    wait: bool
    delay_ms: Millis
    note: str


@dataclass(frozen=True, slots=True)
class Release:
    """Give a claim up, held or waiting."""

    path: str
    request: Index


@dataclass(frozen=True, slots=True)
class Break:
    """Take the lock at `path` from all its holders."""

    path: str
    note: str


@dataclass(frozen=True, slots=True)
class Close:
    """End the session that sends it."""


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Open a session; its id will be the index of the entry."""

    password: bytes
    timeout_ms: Millis
    client_name: str
    address: str


@dataclass(frozen=True, slots=True)
class ExpireSession:
    """End a session whose lease ran out."""

    session: SessionId


@dataclass(frozen=True, slots=True)
class Tick:
    """Do what is due at the entry's stamp."""


@dataclass(frozen=True, slots=True)
class EndSession:
    """End a session because an operator says so."""

    session: SessionId
    note: str


Command: TypeAlias = (
    Step
    | Transaction
    | Acquire
    | Release
    | Break
    | Close
    | OpenSession
    | ExpireSession
    | Tick
    | EndSession
)


EntryParts: TypeAlias = tuple[SessionId, Serial, Serial, list[object]]
"""Session, serial, floor, and the whole request, which is still to be parsed."""

_SHAPE: Final = "a request is [op, serial, floor, ...]"


def read_entry(data: bytes) -> EntryParts:
    """Return what an entry consists of.

    Raises:
        MalformedCommand: it is not such an entry.

    """
    entry: object
    try:
        entry = _unpack(data, object_pairs_hook=_no_maps)
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise MalformedCommand(codes.MALFORMED, "an entry is a MessagePack value") from error
    if type(entry) is not list or len(entry) != 2:
        raise MalformedCommand(codes.MALFORMED, "an entry is [session, request]")
    session: object
    request: object
    session, request = entry
    if type(session) is not int or session >> NUMBER_BITS:
        raise MalformedCommand(codes.MALFORMED, "a session is a number")
    if type(request) is not list or len(request) < 3:
        raise MalformedCommand(codes.MALFORMED, _SHAPE)
    serial, floor = request[1], request[2]
    if (
        type(serial) is int
        and type(floor) is int
        and 0 <= floor <= serial
        and not serial >> NUMBER_BITS
    ):
        return session, serial, floor, request
    return session, *parse_serials(request), request  # which says what is wrong


def _no_maps(_pairs: object) -> object:
    raise ValueError("maps are not part of the protocol")


def parse_serials(request: list[object]) -> tuple[Serial, Serial]:
    """Return the serial and the floor of a request of a session."""
    serial, floor = request[1], request[2]
    if (
        type(serial) is not int
        or type(floor) is not int
        or not 0 <= floor <= serial
        or serial >> NUMBER_BITS
    ):
        raise MalformedCommand(
            codes.MALFORMED, "serial and floor are numbers, 0 <= floor <= serial"
        )
    return serial, floor


def parse(request: list[object], *, internal: bool, version: int = versions.NEWEST) -> Command:
    """Return the command in `request`, `[op, serial, floor, *arguments]`.

    `internal` requests come from the service itself and may also open and end sessions. What
    `version` of the state machine has not yet is unknown.

    Raises:
        MalformedCommand: unknown operation, wrong shape, or an argument out of its bounds.

    """
    op = request[0]
    parser = _PARSERS.get(op) if type(op) is int else None
    if parser is None and internal and type(op) is int:
        parser = _INTERNAL_PARSERS.get(op)
    if parser is None or not (type(op) is int and versions.has(version, op)):
        raise MalformedCommand(codes.MALFORMED, "unknown operation")
    return parser(request[3:])


def validate(request: object, version: int = versions.NEWEST) -> tuple[int, str]:
    """Tell whether a client's mutation may enter a log of `version`: (OK, "") or why not."""
    if type(request) is not list or len(request) < 3:
        return codes.MALFORMED, _SHAPE
    try:
        serial, _ = parse_serials(request)
        read_plain = plain.READERS.get(request[0]) if type(request[0]) is int else None
        if read_plain is None or read_plain(request) is None:
            parse(request, internal=False, version=version)
    except MalformedCommand as fault:
        return fault.code, fault.text
    return (codes.OK, "") if serial else (codes.MALFORMED, "serials start at 1")


def _create(arguments: list[object]) -> Create:
    path, data, kind, sequential, parents, ttl_ms, guards = take(arguments, 7)
    command = Create(
        read_path(path),
        read_data(data),
        read_number(kind),
        read_flag(sequential),
        read_flag(parents),
        read_number(ttl_ms),
        read_guards(guards),
    )
    if command.kind > ops.TTL:
        raise MalformedCommand(codes.BAD_ARGUMENTS, "unknown kind of node")
    if command.kind == ops.TTL and not 1 <= command.ttl_ms <= limits.TTL_MS_MAX:
        raise MalformedCommand(codes.BAD_ARGUMENTS, f"a TTL is from 1 to {limits.TTL_MS_MAX} ms")
    if command.kind != ops.TTL and command.ttl_ms:
        raise MalformedCommand(codes.BAD_ARGUMENTS, "only a TTL node has a TTL")
    return command


def _put(arguments: list[object]) -> Put:
    path, data, parents, guards = take(arguments, 4)
    return Put(read_path(path), read_data(data), read_flag(parents), read_guards(guards))


def _set(arguments: list[object]) -> Set:
    path, data, version, guards = take(arguments, 4)
    return Set(read_path(path), read_data(data), read_version(version), read_guards(guards))


def _delete(arguments: list[object]) -> Delete:
    path, version, recursive, guards = take(arguments, 4)
    return Delete(read_path(path), read_version(version), read_flag(recursive), read_guards(guards))


def _check_version(arguments: list[object]) -> CheckVersion:
    path, version = take(arguments, 2)
    return CheckVersion(read_path(path), read_version(version))


def _check_exists(arguments: list[object]) -> CheckExists:
    path, exists = take(arguments, 2)
    return CheckExists(read_path(path), read_flag(exists))


def _check_token(arguments: list[object]) -> CheckToken:
    path, token = take(arguments, 2)
    return CheckToken(read_path(path), read_number(token))


def _check_data(arguments: list[object]) -> CheckData:
    path, data = take(arguments, 2)
    return CheckData(read_path(path), read_data(data))


def _check_mzxid(arguments: list[object]) -> CheckMzxid:
    path, revision = take(arguments, 2)
    return CheckMzxid(read_path(path), read_number(revision))


def _transaction(arguments: list[object]) -> Transaction:
    conditions, then, otherwise = take(arguments, 3)
    return Transaction(
        _steps(conditions, _CONDITION_PARSERS),
        _steps(then, _BRANCH_PARSERS),
        _steps(otherwise, _BRANCH_PARSERS),
    )


def parse_step(value: object) -> Step:
    """Return the step in `value`, `[op, *arguments]`, of those that a branch may have.

    Raises:
        MalformedCommand: unknown operation, wrong shape, or an argument out of its bounds.

    """
    return _step(value, _BRANCH_PARSERS)


def _steps(value: object, parsers: dict[int, Callable[[list[object]], Step]]) -> list[Step]:
    if type(value) is not list:
        raise MalformedCommand(codes.MALFORMED, "operations are an array")
    if len(value) > limits.TXN_OPS_MAX:
        raise MalformedCommand(codes.TOO_MANY, f"at most {limits.TXN_OPS_MAX} operations")
    return [_step(item, parsers) for item in value]


def _step(value: object, parsers: dict[int, Callable[[list[object]], Step]]) -> Step:
    if type(value) is not list or not value or type(value[0]) is not int:
        raise MalformedCommand(codes.MALFORMED, "an operation is [op, ...]")
    parser = parsers.get(value[0])
    if parser is None:
        raise MalformedCommand(codes.MALFORMED, "an operation that has no place there")
    return parser(value[1:])


def _acquire(arguments: list[object]) -> Acquire:
    path, shared, wait, delay_ms, note = take(arguments, 5)
    command = Acquire(
        read_path(path),
        read_flag(shared),
        read_flag(wait),
        read_number(delay_ms),
        read_text(note, limits.NOTE_BYTES_MAX),
    )
    if command.delay_ms > limits.LOCK_DELAY_MS_MAX:
        raise MalformedCommand(
            codes.BAD_ARGUMENTS, f"a lock delay is at most {limits.LOCK_DELAY_MS_MAX} ms"
        )
    return command


def _release(arguments: list[object]) -> Release:
    path, request = take(arguments, 2)
    return Release(read_path(path), read_number(request))


def _break(arguments: list[object]) -> Break:
    path, note = take(arguments, 2)
    return Break(read_path(path), read_text(note, limits.NOTE_BYTES_MAX))


def _close(arguments: list[object]) -> Close:
    take(arguments, 0)
    return Close()


def parse_open_session(arguments: list[object]) -> OpenSession:
    """Return the command that these arguments of OPEN_SESSION make."""
    password, timeout_ms, client_name, address = take(arguments, 4)
    if type(password) is not bytes or len(password) > limits.PASSWORD_BYTES_MAX:
        raise MalformedCommand(codes.MALFORMED, "a password is a few bytes")
    name_max = limits.CLIENT_NAME_BYTES_MAX
    command = OpenSession(
        password,
        read_number(timeout_ms),
        read_text(client_name, name_max),
        read_text(address, name_max),
    )
    # The least timeout is each front door's own setting; the state only needs a bound.
    if not 0 < command.timeout_ms <= limits.SESSION_TIMEOUT_MS_MAX:
        raise MalformedCommand(codes.BAD_ARGUMENTS, "a session timeout out of bounds")
    return command


def _expire_session(arguments: list[object]) -> ExpireSession:
    return ExpireSession(read_number(take(arguments, 1)[0]))


def _tick(arguments: list[object]) -> Tick:
    take(arguments, 0)
    return Tick()


def _end_session(arguments: list[object]) -> EndSession:
    session, note = take(arguments, 2)
    return EndSession(read_number(session), read_text(note, limits.NOTE_BYTES_MAX))


_CONDITION_PARSERS: Final[dict[int, Callable[[list[object]], Step]]] = {
    ops.CHECK_VERSION: _check_version,
    ops.CHECK_EXISTS: _check_exists,
    ops.CHECK_TOKEN: _check_token,
    ops.CHECK_DATA: _check_data,
    ops.CHECK_MZXID: _check_mzxid,
}
_BRANCH_PARSERS: Final[dict[int, Callable[[list[object]], Step]]] = {
    ops.CREATE: _create,
    ops.PUT: _put,
    ops.SET: _set,
    ops.DELETE: _delete,
    ops.CHECK_VERSION: _check_version,
    ops.CHECK_TOKEN: _check_token,
}
_PARSERS: Final[dict[int, Callable[[list[object]], Command]]] = {
    ops.CREATE: _create,
    ops.PUT: _put,
    ops.SET: _set,
    ops.DELETE: _delete,
    ops.TXN: _transaction,
    ops.ACQUIRE: _acquire,
    ops.RELEASE: _release,
    ops.BREAK: _break,
    ops.CLOSE: _close,
}
_INTERNAL_PARSERS: Final[dict[int, Callable[[list[object]], Command]]] = {
    ops.OPEN_SESSION: parse_open_session,
    ops.EXPIRE_SESSION: _expire_session,
    ops.TICK: _tick,
    ops.END_SESSION: _end_session,
}

assert frozenset(_PARSERS) == ops.MUTATIONS
