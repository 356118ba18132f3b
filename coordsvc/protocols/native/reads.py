"""Reads of the native protocol: their shapes, and what each asks of the state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from coordsvc.base.ids import Index, Serial, SessionId
from coordsvc.base.values import Value
from coordsvc.protocols.native.greeting import Hello
from coordsvc.state import queries
from coordsvc.state.acl import Who
from coordsvc.state.machine import StateMachine
from coordsvc.state.queries import Pages
from coordsvc_client.wire import codes, ops

_ITEM_BYTES: Final = 1_024  # of an item with data in a listing; a page is bounded as a whole


class BadReadError(Exception):
    """A read that has not the shape of its operation."""


@dataclass(slots=True, init=False)
class Read:
    """A question to the state."""

    serial: Serial
    op: int
    arguments: list[object]

    def __init__(self, serial: Serial, op: int, arguments: list[object]) -> None:
        self.serial = serial
        self.op = op
        self.arguments = arguments


@dataclass(frozen=True, slots=True)
class Watch:
    """The wish to hear of changes."""

    serial: Serial
    path: str
    mode: int
    since: Index
    with_data: bool


@dataclass(frozen=True, slots=True)
class Arrive:
    """The greeting of a client that must not be taken in before this replica has caught up."""

    hello: Hello


@dataclass(frozen=True, slots=True)
class Attach:
    """The wish to take up a session again."""

    session: SessionId
    password: bytes


def read_request(op: int, serial: Serial, request: list[object]) -> tuple[Read | Watch, int, Index]:
    """Return (what to serve, its consistency, the revision it must not fall behind).

    Raises:
        BadReadError: says what is wrong with it.

    """
    if op == ops.GET and len(request) == 5:  # the most frequent one, in one look
        _op, _serial, consistency, min_revision, path = request
        if (
            type(path) is str
            and type(consistency) is int
            and ops.LINEARIZABLE <= consistency <= ops.STALE
            and type(min_revision) is int
            and min_revision >= 0
        ):
            return Read(serial, op, [path]), consistency, min_revision
    if len(request) < 4:
        raise BadReadError("a read is [op, serial, consistency, min_revision, ...]")
    _op, _serial, consistency, min_revision, *arguments = request
    if type(consistency) is not int or not ops.LINEARIZABLE <= consistency <= ops.STALE:
        raise BadReadError("consistency is 0, 1 or 2")
    if type(min_revision) is not int or min_revision < 0:
        raise BadReadError("min_revision is not negative")
    shape = _SHAPES[op]
    if len(arguments) != len(shape):
        raise BadReadError(f"{ops.NAMES[op]} takes {len(shape)} arguments")
    for argument, wanted in zip(arguments, shape, strict=True):
        if type(argument) not in wanted:
            raise BadReadError(f"{ops.NAMES[op]} does not take a {type(argument).__name__} there")
    if op == ops.WATCH:
        path, mode, since, with_data = arguments
        assert isinstance(path, str)
        assert isinstance(mode, int)
        assert isinstance(since, int)
        if not ops.WATCH_NODE <= mode <= ops.WATCH_SUBTREE or since < 0:
            raise BadReadError("no such mode of watch")
        return (
            Watch(serial, path, mode, since, bool(with_data)),
            consistency,
            max(min_revision, since),
        )
    return Read(serial, op, arguments), consistency, min_revision


_TEXT: Final = (str,)
_NUMBER: Final = (int,)
_SHAPES: Final[dict[int, tuple[tuple[type, ...], ...]]] = {
    ops.GET: (_TEXT,),
    ops.STAT: (_TEXT,),
    ops.CHILDREN: (_TEXT, _NUMBER, (str, type(None)), _NUMBER, (bool,)),
    ops.WATCH: (_TEXT, _NUMBER, _NUMBER, (bool,)),
    ops.UNWATCH: (_NUMBER,),
    ops.PING: (),
    ops.LOCK_GET: (_TEXT,),
    ops.LOCK_LIST: (_TEXT, _NUMBER, (str, type(None))),
    ops.LOCK_STATE: (_TEXT, _NUMBER),
    ops.TOKEN_GET: (_TEXT, _NUMBER),
    ops.SESSIONS: (_NUMBER, _NUMBER),
    ops.STATUS: (),
}
assert _SHAPES.keys() == ops.READS


def answer(  # noqa: PLR0911 - one for each question
    machine: StateMachine, pages: Pages, read: Read, who: Who
) -> tuple[int, Value]:
    """Return (code, value) for a read whose shape was checked by `read_request`."""
    if read.op == ops.GET:
        (path,) = read.arguments
        assert isinstance(path, str)
        return queries.get(machine, path, who)
    match read.op, read.arguments:
        case ops.STAT, [str(path)]:
            return queries.stat(machine, path, who)
        case ops.PING, []:
            return codes.OK, None
        case ops.CHILDREN, [str(path), int(limit), after, int(cursor), bool(data)]:
            assert after is None or isinstance(after, str)
            return queries.children(
                machine,
                pages,
                path,
                limit=limit,
                after=after,
                cursor=cursor,
                with_data=data,
                who=who,
            )
        case ops.LOCK_GET, [str(path)]:
            return queries.lock(machine, path, who)
        case ops.LOCK_LIST, [str(prefix), int(limit), after]:
            assert after is None or isinstance(after, str)
            return queries.locks(machine, prefix, limit, after, who)
        case ops.LOCK_STATE, [str(path), int(request)]:
            return queries.lock_state(machine, path, request)
        case ops.TOKEN_GET, [str(path), int(token)]:
            return queries.token(machine, path, token)
        case ops.SESSIONS, [int(limit), int(after_session)]:
            return queries.sessions(machine, limit, after_session)
        case _:
            raise AssertionError(f"{read} was let through")


def weight_of(value: Value) -> int:
    """Return how many bytes of data an answer carries, roughly: what counts are large ones."""
    if value is None:
        return 0
    if type(value) is tuple and value and type(value[0]) is bytes:  # of a GET
        return len(value[0])
    match value:
        case [bytes() as data, _]:
            return len(data)
        case [[*items], int()]:
            return sum(len(each) if isinstance(each, str) else _ITEM_BYTES for each in items)
        case _:
            return 0
