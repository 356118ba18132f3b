"""Sequential models: versioned registers with conditional writes, and an exclusive lock.

They speak the vocabulary of the wire: the operations of a history are the requests that clients
really sent, and the models compare the answers that clients really got.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias, cast

from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes, messages, ops
from tests.sim.history import Operation, Outcome

VERSION_FIELD: Final = messages.STAT_FIELDS.index("version")


class Cell(NamedTuple):
    """What one register holds."""

    data: bytes
    version: int


Cells: TypeAlias = tuple[Cell | None, ...]
"""The registers of one part, in the order of their keys; None is absent."""

_Seen: TypeAlias = tuple[Value, ...] | None
"""What an answer must show: nothing in particular (None), or these facts."""

_Step: TypeAlias = tuple[Cells, int, _Seen]
"""The registers afterwards, the result code, and what the answer shows."""


def keys_of(operation: Operation) -> list[str]:
    """Return the paths that an operation on registers touches, without repetition."""
    if operation.op != ops.TXN:
        return [path_of(operation.args)]
    branches = [cast("Sequence[Sequence[Value]]", branch) for branch in operation.args]
    return list(dict.fromkeys(path_of(step[1:]) for branch in branches for step in branch))


def path_of(args: Sequence[Value]) -> str:
    """Return the path, which every request but a transaction has first."""
    path = args[0]
    assert isinstance(path, str)
    return path


class RegisterModel:
    """Nodes without children: GET, CREATE, PUT, SET, DELETE and transactions of these.

    Answers are compared by code, data and version; stamps and revisions have their own checks.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._places = {key: place for place, key in enumerate(keys)}
        self._single: dict[int, Callable[[Cells, Sequence[Value]], _Step]] = {
            ops.GET: self._get,
            ops.CREATE: self._create,
            ops.PUT: self._put,
            ops.SET: self._set,
            ops.DELETE: self._delete,
            ops.TXN: self._transaction,
        }

    def initial(self) -> Cells:
        """Return the registers, all absent."""
        return (None,) * len(self._places)

    def step(self, state: Cells, operation: Operation) -> Cells | None:
        """Carry out `operation`; None if its answer differs from the one that was given."""
        after, code, seen = self._single[operation.op](state, operation.args)
        if operation.outcome is Outcome.UNKNOWN:
            return after
        if code != operation.code:
            return None
        if code != codes.OK or seen is None:
            return after
        return after if seen == _shown(operation) else None

    def _cell(self, cells: Cells, args: Sequence[Value]) -> Cell | None:
        return cells[self._places[path_of(args)]]

    def _with(self, cells: Cells, args: Sequence[Value], cell: Cell | None) -> Cells:
        place = self._places[path_of(args)]
        return (*cells[:place], cell, *cells[place + 1 :])

    def _get(self, cells: Cells, args: Sequence[Value]) -> _Step:
        cell = self._cell(cells, args)
        if cell is None:
            return cells, codes.NO_NODE, None
        return cells, codes.OK, (cell.data, cell.version)

    def _create(self, cells: Cells, args: Sequence[Value]) -> _Step:
        if self._cell(cells, args) is not None:
            return cells, codes.NODE_EXISTS, None
        return self._with(cells, args, Cell(_data(args[1]), 0)), codes.OK, (0,)

    def _put(self, cells: Cells, args: Sequence[Value]) -> _Step:
        cell = self._cell(cells, args)
        version = 0 if cell is None else cell.version + 1
        after = self._with(cells, args, Cell(_data(args[1]), version))
        return after, codes.OK, (cell is None, version)

    def _set(self, cells: Cells, args: Sequence[Value]) -> _Step:
        cell = self._cell(cells, args)
        refusal = _refusal(cell, args[2])
        if cell is None or refusal:
            return cells, refusal, None
        after = self._with(cells, args, Cell(_data(args[1]), cell.version + 1))
        return after, codes.OK, (cell.version + 1,)

    def _delete(self, cells: Cells, args: Sequence[Value]) -> _Step:
        refusal = _refusal(self._cell(cells, args), args[1])
        if refusal:
            return cells, refusal, None
        return self._with(cells, args, None), codes.OK, None

    def _transaction(self, cells: Cells, args: Sequence[Value]) -> _Step:
        conditions, then, otherwise = (cast("Sequence[Sequence[Value]]", arg) for arg in args)
        holds = all(self._check(cells, condition) == codes.OK for condition in conditions)
        after = cells
        for step in then if holds else otherwise:
            op, step_args = step[0], step[1:]
            if op in _CHECKS:
                code = self._check(after, step)
            else:
                assert isinstance(op, int)
                after, code, _ = self._single[op](after, step_args)
            if code != codes.OK:
                return cells, codes.OK, (None, True)
        return after, codes.OK, (holds, False)

    def _check(self, cells: Cells, step: Sequence[Value]) -> int:
        op, args = step[0], step[1:]
        cell = self._cell(cells, args)
        if op == ops.CHECK_VERSION:
            return _refusal(cell, args[1])
        if op == ops.CHECK_EXISTS:
            return codes.OK if (cell is not None) == args[1] else codes.CONDITION_FAILED
        assert op == ops.CHECK_DATA, "the model knows no other condition"
        same = cell is not None and cell.data == args[1]
        return codes.OK if same else codes.CONDITION_FAILED


_CHECKS: Final = frozenset({ops.CHECK_VERSION, ops.CHECK_EXISTS, ops.CHECK_DATA})


def _refusal(cell: Cell | None, version: Value) -> int:
    if cell is None:
        return codes.NO_NODE
    return codes.OK if version in {-1, cell.version} else codes.BAD_VERSION


def _data(value: Value) -> bytes:
    assert value is None or isinstance(value, bytes)
    return value or b""


def _shown(operation: Operation) -> tuple[Value, ...]:
    """Return the facts in an answer that the model foresees, in its order."""
    value = cast("Sequence[Value]", operation.value)
    if operation.op == ops.SET:
        return (value[VERSION_FIELD],)
    if operation.op == ops.TXN:
        results = cast("Sequence[Sequence[Value]]", value[1])
        undone = any(result[0] != codes.OK for result in results)
        return (None if undone else value[0], undone)
    version = cast("Sequence[Value]", value[1])[VERSION_FIELD]
    if operation.op == ops.CREATE:
        return (version,)
    return (_data(value[0]) if operation.op == ops.GET else value[0], version)


class Held(NamedTuple):
    """Who holds a lock ("" for nobody), and the highest token that was ever seen granted."""

    client: str
    token: int


class LockModel:
    """One exclusive lock, asked for without waiting: ACQUIRE, RELEASE, and CLOSE of a session.

    A session that may have expired is a CLOSE of its client with an unknown outcome.
    """

    def initial(self) -> Held:
        """Return a lock that nobody ever held."""
        return Held("", 0)

    def step(self, state: Held, operation: Operation) -> Held | None:
        """Carry out `operation`; None if its answer could not be given."""
        if operation.op == ops.ACQUIRE:
            return self._acquire(state, operation)
        mine = state.client == operation.client
        if operation.op == ops.RELEASE and operation.outcome is Outcome.DECIDED:
            released = operation.code == codes.OK
            return (Held("", state.token) if released else state) if released == mine else None
        return Held("", state.token) if mine else state

    def _acquire(self, state: Held, operation: Operation) -> Held | None:
        free = not state.client
        if operation.outcome is Outcome.UNKNOWN:
            return Held(operation.client, state.token) if free else state
        if operation.code == codes.SUPERSEDED:
            # Refused for want of room and asked again, until a later request of its session came
            # first: what had taken effect would have been answered as it was.
            return state
        if operation.code != codes.OK:
            return None if free else state
        _, _, token, _ = cast("Sequence[int]", operation.value)
        if not free or token <= state.token:
            return None
        return Held(operation.client, token)
