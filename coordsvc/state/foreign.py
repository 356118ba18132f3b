"""Commands that only front doors of other languages make, and what each does.

They stand in the log like a native client's, but no native client may send them: who a command
says to come from is the word of the door that made it. Layouts are in `vocabulary.ops`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from coordsvc.base import limits
from coordsvc.base.ids import Millis, SessionId
from coordsvc.base.vocabulary import codes, ops
from coordsvc.state import special, transactions
from coordsvc.state.acl import Acl, Who, read_acl, read_who
from coordsvc.state.arguments import (
    MalformedCommand,
    read_number,
    read_path,
    read_text,
    read_version,
    take,
)
from coordsvc.state.commands import Create, OpenSession, Step, parse_open_session, parse_step
from coordsvc.state.sessions import SessionTable
from coordsvc.state.tree import Tree
from coordsvc.state.turn import Outcome, Turn
from coordsvc.state.writes import Writes

CODE_MAX: Final = 31
"""Of the codes that the state machine decides."""


@dataclass(frozen=True, slots=True)
class SetAcl:
    """Set the ACL of a node whose ACL has `version` (-1: any)."""

    path: str
    acl: Acl | None
    version: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """Fail: the door found a fault in an operation whose turn comes behind others."""

    code: int


ForeignStep: TypeAlias = Step | SetAcl | Refuse


@dataclass(frozen=True, slots=True)
class Multi:
    """Do all steps or none."""

    steps: list[ForeignStep]


@dataclass(frozen=True, slots=True)
class As:
    """Do something as somebody with these identities."""

    who: Who
    command: ForeignStep | Multi


@dataclass(frozen=True, slots=True)
class AttachSession:
    """Have a session go on over another connection, and nothing behind it over the old one.

    It holds for the `era` that its door saw: a copy of it, or one that lost a race, does nothing.
    """

    session: SessionId
    password: bytes
    timeout_ms: Millis
    address: str
    era: int


Foreign: TypeAlias = ForeignStep | Multi | As | AttachSession | OpenSession


def parse(request: list[object], *, internal: bool) -> Foreign:
    """Return the command in `request`, `[op, serial, floor, *arguments]`.

    Raises:
        MalformedCommand: unknown operation, wrong shape, or an argument out of its bounds.

    """
    op, arguments = request[0], request[3:]
    if op == ops.AS:
        who, inner = take(arguments, 2)
        return As(read_who(who), _inner(inner))
    if op == ops.ATTACH_SESSION and internal:
        return _attach(arguments)
    if op == ops.OPEN_ZOOKEEPER and internal:
        return parse_open_session(arguments)
    return _inner([op, *arguments])


def _inner(value: object) -> ForeignStep | Multi:
    if type(value) is list and value and value[0] == ops.MULTI:
        (steps,) = take(value[1:], 1)
        if type(steps) is not list or len(steps) > limits.MULTI_OPS_MAX:
            raise MalformedCommand(
                codes.TOO_MANY, f"operations are an array of at most {limits.MULTI_OPS_MAX}"
            )
        return Multi([_step(step) for step in steps])
    return _step(value)


def _step(value: object) -> ForeignStep:
    if type(value) is list and value:
        op, arguments = value[0], value[1:]
        if op == ops.CREATE_ACL:
            return _create_acl(arguments)
        if op == ops.SET_ACL:
            path, acl, version = take(arguments, 3)
            return SetAcl(read_path(path), read_acl(acl), read_version(version))
        if op == ops.REFUSE:
            code = read_number(take(arguments, 1)[0])
            if not codes.OK < code <= CODE_MAX:
                raise MalformedCommand(codes.MALFORMED, "that is no code to refuse with")
            return Refuse(code)
    return parse_step(value)


def _create_acl(arguments: list[object]) -> Create:
    path, data, kind, sequential, ttl_ms, acl = take(arguments, 6)
    create = parse_step([ops.CREATE, path, data, kind, sequential, False, ttl_ms, []])
    assert isinstance(create, Create)
    return Create(
        create.path,
        create.data,
        create.kind,
        create.sequential,
        create.parents,
        create.ttl_ms,
        create.guards,
        read_acl(acl),
    )


def _attach(arguments: list[object]) -> AttachSession:
    session, password, timeout_ms, address, era = take(arguments, 5)
    if type(password) is not bytes:
        raise MalformedCommand(codes.MALFORMED, "a password is bytes")
    command = AttachSession(
        read_number(session),
        password,
        read_number(timeout_ms),
        read_text(address, limits.CLIENT_NAME_BYTES_MAX),
        read_number(era),
    )
    if not 0 < command.timeout_ms <= limits.SESSION_TIMEOUT_MS_MAX:
        raise MalformedCommand(codes.BAD_ARGUMENTS, "a session timeout out of bounds")
    return command


class ForeignRunner:
    """Carries these commands out."""

    def __init__(self, writes: Writes, tree: Tree, sessions: SessionTable) -> None:
        self._writes = writes
        self._tree = tree
        self._sessions = sessions

    def perform(self, turn: Turn, request: list[object]) -> Outcome:
        """Do what a request says. If it fails it has changed nothing.

        Raises:
            MalformedCommand: it cannot be parsed.

        """
        command = parse(request, internal=turn.session == 0)
        if isinstance(command, As):
            turn.who = command.who
            command = command.command
        if isinstance(command, AttachSession):
            return self._attach(turn, command)
        if isinstance(command, OpenSession):
            return self._open(turn, command)
        if isinstance(command, Multi):
            done, results = transactions.run_all(turn, command.steps, self.run, self._tree)
            return codes.OK, (done, results)
        return self.run(turn, command)

    def run(self, turn: Turn, step: ForeignStep) -> Outcome:
        """Do one step. If it fails it has changed nothing."""
        if isinstance(step, SetAcl):
            return self._tree.set_acl(turn, step.path, step.acl, step.version)
        if isinstance(step, Refuse):
            return step.code, None
        return self._writes.run(turn, step)

    def _open(self, turn: Turn, command: OpenSession) -> Outcome:
        code, value = self._sessions.open(turn, command)
        if code == codes.OK:
            special.plant(turn, self._tree)
            turn.opened = (turn.revision, command.password)
        return code, value

    def _attach(self, turn: Turn, command: AttachSession) -> Outcome:
        session = self._sessions.by_id.get(command.session)
        if session is None:
            return codes.SESSION_EXPIRED, "there is no such session any more"
        if session.password != command.password:
            return codes.BAD_PASSWORD, "that is not the session's password"
        if session.replies.era != command.era:
            return codes.SUPERSEDED, "the session went on over another connection meanwhile"
        self._sessions.before_change(session.id)
        session.timeout_ms = command.timeout_ms
        session.address = command.address
        session.replies.begin_era()
        turn.opened = (session.id, session.password)
        return codes.OK, session.id
