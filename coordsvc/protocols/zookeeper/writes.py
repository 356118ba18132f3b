"""Writes: a client's request to a command of the log, and its outcome to a reply's body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgpack

from coordsvc.base import limits
from coordsvc.base.ids import Serial
from coordsvc.base.paths import fault_of
from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes, ops
from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.hall import error_of
from coordsvc.protocols.zookeeper.identity import InvalidAclError, entries_from
from coordsvc.protocols.zookeeper.jute import (
    COUNT_MASK,
    INT,
    STAT_SENT,
    JuteError,
    Reader,
    count_of,
    pack_string,
)
from coordsvc.protocols.zookeeper.records import (
    MULTI_END,
    AclEntry,
    Create,
    pack_multi_header,
    read_acl,
    read_create,
)
from coordsvc.state import acl
from coordsvc.state.acl import Who

pack: Final[Callable[[object], bytes]] = msgpack.Packer(use_bin_type=True, autoreset=True).pack

WRITES: Final = frozenset(
    {
        numbers.CREATE,
        numbers.CREATE2,
        numbers.CREATE_CONTAINER,
        numbers.CREATE_TTL,
        numbers.DELETE,
        numbers.SET_DATA,
        numbers.SET_ACL,
        numbers.MULTI,
        numbers.CLOSE_SESSION,
    }
)
CREATES: Final = frozenset(
    {numbers.CREATE, numbers.CREATE2, numbers.CREATE_CONTAINER, numbers.CREATE_TTL}
)
_SHRINKING: Final = frozenset({numbers.DELETE, numbers.CLOSE_SESSION, numbers.CHECK})
_PLAIN: Final = {
    numbers.PERSISTENT: (ops.PERSISTENT, False),
    numbers.EPHEMERAL: (ops.EPHEMERAL, False),
    numbers.PERSISTENT_SEQUENTIAL: (ops.PERSISTENT, True),
    numbers.EPHEMERAL_SEQUENTIAL: (ops.EPHEMERAL, True),
    numbers.CONTAINER: (ops.PERSISTENT, False),
}
_TTL: Final = {
    numbers.PERSISTENT_TTL: (ops.TTL, False),
    numbers.PERSISTENT_SEQUENTIAL_TTL: (ops.TTL, True),
}


class RefusedError(Exception):
    """A request with a fault of its own; carries the code of the state machine for it."""

    def __init__(self, code: int) -> None:
        super().__init__(codes.NAMES[code])
        self.code = code


class Write:
    """A write that waits for its outcome."""

    __slots__ = ("op", "size", "steps", "xid")

    def __init__(self, xid: int, op: int, size: int, steps: list[int]) -> None:
        self.xid = xid
        self.op = op
        self.size = size
        self.steps = steps  # the operations of a multi


def request_of(op: int, reader: Reader, who: Who) -> tuple[list[Value], list[int]]:
    """Return the operation in the body of any write, and what it lists if it is a multi.

    Raises:
        JuteError: the body does not hold it.
        RefusedError: it asks for what cannot be.

    """
    if op == numbers.MULTI:
        return multi_of(reader, who)
    if op == numbers.CLOSE_SESSION:
        return [ops.CLOSE], []
    return step_of(op, reader, who), []


def step_of(op: int, reader: Reader, who: Who) -> list[Value]:
    """Return the operation in a request's body, `[op, *arguments]`.

    Raises:
        JuteError: the body does not hold it.
        RefusedError: it asks for what cannot be.

    """
    if op == numbers.SET_DATA:
        path, data, version = reader.read_string(), reader.read_buffer(), reader.read_int()
        return [ops.SET, _named(path), data, count_of(version), []]
    if op in CREATES:
        return _create(op, read_create(reader, op), who)
    if op == numbers.DELETE:
        path, version = _present(reader.read_string()), reader.read_int()
        if "/" in path and "\0" not in path and fault_of(path):
            raise RefusedError(codes.NO_NODE)  # ZooKeeper does not judge it: it only finds nothing
        return [ops.DELETE, path, count_of(version), False, []]
    if op == numbers.CHECK:
        path, version = reader.read_string(), reader.read_int()
        return [ops.CHECK_VERSION, _named(path), count_of(version)]
    if op == numbers.SET_ACL:
        path, wanted, version = reader.read_string(), read_acl(reader), reader.read_int()
        entries = _entries(_named(path), wanted, who)
        return [ops.SET_ACL, _named(path), entries, count_of(version)]
    raise JuteError(f"operation {op} has no place there")


def _present(path: str | None) -> str:
    if path is None:
        raise JuteError("there is no path")
    return path


def _named(path: str | None) -> str:
    if path is None:
        raise RefusedError(codes.BAD_PATH)
    return path


def _entries(path: str, wanted: list[AclEntry] | None, who: Who) -> list[Value]:
    if "/" not in path or "\0" in path:
        raise RefusedError(codes.BAD_PATH)
    try:
        return list(entries_from(wanted, who))
    except InvalidAclError as error:
        raise RefusedError(codes.INVALID_ACL) from error


def _create(op: int, create: Create, who: Who) -> list[Value]:
    kinds = _TTL if op == numbers.CREATE_TTL else _PLAIN
    if create.flags not in kinds:
        raise RefusedError(codes.BAD_ARGUMENTS)
    kind, sequential = kinds[create.flags]
    if op == numbers.CREATE_CONTAINER:
        kind = ops.CONTAINER
    if op == numbers.CREATE_TTL and not 1 <= create.ttl_ms <= limits.TTL_MS_MAX:
        raise RefusedError(codes.BAD_ARGUMENTS)
    path = _present(create.path)
    entries = _entries(path, create.acl, who)
    if entries == list(acl.OPEN):
        return [ops.CREATE, path, create.data, kind, sequential, False, create.ttl_ms, []]
    return [ops.CREATE_ACL, path, create.data, kind, sequential, create.ttl_ms, entries]


def multi_of(reader: Reader, who: Who) -> tuple[list[Value], list[int]]:
    """Return a multi as an operation, and the opcodes of what it lists.

    Raises:
        JuteError: it is cut short, or lists what cannot be there.

    """
    steps: list[Value] = []
    kinds: list[int] = []
    while True:
        op, done, _ = reader.read_int(), reader.read_bool(), reader.read_int()
        if done:
            return [ops.MULTI, steps], kinds
        if op not in _STEPS or len(kinds) >= limits.MULTI_OPS_MAX:
            raise JuteError(f"operation {op} has no place in a multi")
        kinds.append(op)
        try:
            steps.append(step_of(op, reader, who))
        except RefusedError as refused:
            steps.append([ops.REFUSE, refused.code])


_STEPS: Final = CREATES | {numbers.DELETE, numbers.SET_DATA, numbers.CHECK}


def grows(op: int, kinds: list[int]) -> bool:
    """Tell whether a write may make the state larger."""
    return op not in _SHRINKING and (
        op != numbers.MULTI or any(kind not in _SHRINKING for kind in kinds)
    )


def command_of(prefix: bytes, serial: Serial, step: list[Value], who: Who, *, bare: bool) -> bytes:
    """Return the command for an operation; `bare` if the session's address says who sends it."""
    if bare:
        return prefix + pack([step[0], serial, serial, *step[1:]])
    return prefix + pack([ops.AS, serial, serial, who, step])


# Outcomes.


def pack_native_stat(stat: Value) -> bytes:
    """Return a stat of the state machine as ZooKeeper's."""
    assert isinstance(stat, tuple | list)
    czxid, mzxid, pzxid, ctime, mtime, version, cversion, aversion, owner, size, count = stat[:11]
    return STAT_SENT.pack(
        *(czxid, mzxid, ctime, mtime),
        *(version & COUNT_MASK, cversion & COUNT_MASK, aversion & COUNT_MASK),
        *(owner, size, count, pzxid),
    )


def body_of(write: Write, value: Value) -> bytes:
    """Return the body of the reply to a write that took effect."""
    if write.op == numbers.MULTI:
        return _multi_body(write, value)
    return _result(write.op, value)


def _result(op: int, value: Value) -> bytes:
    if op in {numbers.SET_DATA, numbers.SET_ACL}:
        return pack_native_stat(value)
    if op in CREATES:
        assert isinstance(value, tuple | list)
        path, stat = value
        assert isinstance(path, str)
        return pack_string(path) + (pack_native_stat(stat) if op != numbers.CREATE else b"")
    return b""


def _multi_body(write: Write, value: Value) -> bytes:
    match value:
        case [bool(done), [*results]]:
            pass
        case _:
            raise AssertionError("a multi has another outcome")
    parts: list[bytes] = []
    failed = False
    for op, result in zip(write.steps, results, strict=True):
        assert isinstance(result, tuple | list)
        code, inner = result
        assert isinstance(code, int)
        if done:
            kind = numbers.CREATE2 if op in CREATES and op != numbers.CREATE else op
            parts.append(pack_multi_header(kind, done=False, error=0) + _result(op, inner))
            continue
        error = numbers.OK if code == codes.ROLLED_BACK and not failed else error_of(code)
        failed = failed or code != codes.ROLLED_BACK
        parts.append(pack_multi_header(numbers.ERROR, done=False, error=error) + INT.pack(error))
    return b"".join(parts) + MULTI_END
