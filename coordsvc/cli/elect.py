"""`coordctl elect`: run a command only while leading, or watch who leads.

An election is as the client's recipe has it, so that either sees the other's leaders: whoever
holds the lock at the path leads, and the ephemeral node `leader` below it holds what the leader
says of itself, written under the guard of the leader's token.
"""

from __future__ import annotations

import contextlib
from typing import Final, NamedTuple

import click

from coordsvc.base.vocabulary import codes, ops
from coordsvc.cli import answers, output
from coordsvc.cli.lock import NOTE_MAX, TTL_HELP, own_name, place_of, run_guarded
from coordsvc.cli.shared import Seconds, Shared, failures, parameters, shared
from coordsvc_client.blocking import CallFailed, Connection, Unreachable
from coordsvc_client.claims import Claim

ELECTIONS: Final = "/elections"
LEADER: Final = "leader"


@click.command(params=parameters())
@click.argument("name")
@click.option("--value", default="", help="What others learn of the leader, such as an address.")
@click.option("--observe", is_flag=True, help="Print each leader, without standing for election.")
@click.option("--ttl", default=15.0, type=Seconds(1), show_default=True, help=TTL_HELP)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def elect(name: str, *, value: str, observe: bool, ttl: float, command: tuple[str, ...]) -> None:
    """Run COMMAND only while leading the election NAME (a path, or a name within /elections).

    coordctl elect web --value host7:80 -- ./serve

    The command finds its token in COORDSVC_FENCE and the election in COORDSVC_LOCK. It is ended
    as coordctl lock does it. With --observe each leader is printed, its value and its token, and
    when nobody leads.
    """
    if bool(command) == observe:
        raise click.UsageError("either a COMMAND or --observe")
    options = shared()
    path = place_of(name, ELECTIONS)
    if observe:
        _observe(options, path)
        return
    with (
        options.writer(timeout_ms=round(ttl * 1000), name=own_name()) as connection,
        failures(path),
    ):
        connection.open(timeout_s=options.timeout_s)
        claim = connection.acquire(path, timeout_s=None, note=value[:NOTE_MAX])
        _announce(connection, options, claim, value.encode())
        environment = {"COORDSVC_LOCK": path, "COORDSVC_FENCE": str(claim.token)}
        code = run_guarded(connection, claim, command, environment)
        _resign(connection, options, claim)
    click.get_current_context().exit(code)


def _announce(connection: Connection, options: Shared, claim: Claim, value: bytes) -> None:
    """Write who leads: a node of our session, under the guard of our token."""
    node, guards = _leader_node(claim.path), [[claim.path, claim.token]]
    create = (ops.CREATE, node, value, ops.EPHEMERAL, False, False, 0, guards)
    while not _did(connection, options, create, unless=codes.NODE_EXISTS):
        # It is of a leader whose lock was broken; the token permits to go on.
        _did(connection, options, (ops.DELETE, node, -1, False, guards), unless=codes.NO_NODE)


def _did(
    connection: Connection,
    options: Shared,
    request: tuple[int, *tuple[object, ...]],
    *,
    unless: int,
) -> bool:
    """Do what is asked; return False if the answer was `unless`."""
    try:
        connection.call(*request, timeout_s=options.timeout_s)
    except CallFailed as error:
        if error.code != unless:
            raise
        return False
    return True


def _resign(connection: Connection, options: Shared, claim: Claim) -> None:
    """Take the announcement back, then let the next one lead; the session's end does both too."""
    timeout_s = min(1.0, options.timeout_s)
    guards = [[claim.path, claim.token]]
    with contextlib.suppress(CallFailed, Unreachable):
        connection.call(
            ops.DELETE, _leader_node(claim.path), -1, False, guards, timeout_s=timeout_s
        )
    connection.release(claim, timeout_s=timeout_s)


def _leader_node(path: str) -> str:
    return f"{path.rstrip('/')}/{LEADER}"


class Term(NamedTuple):
    """Somebody's leadership."""

    value: bytes | None
    token: object
    session: object
    since: object


def _observe(options: Shared, path: str) -> None:
    """Print the leader now, and each change of that, for ever."""
    with options.reader() as connection, failures(path):
        term, since = _look(connection, options, path)
        _show(options, path, term)
        for _ in connection.watch(
            _leader_node(path), mode=ops.WATCH_NODE, since=since, with_data=False
        ):
            before = term
            term, _ = _look(connection, options, path)
            if term != before:
                _show(options, path, term)


def _look(connection: Connection, options: Shared, path: str) -> tuple[Term | None, int]:
    """Return who leads, and the revision at which his node was read."""
    try:
        node = connection.call(ops.GET, _leader_node(path), timeout_s=options.timeout_s)
        lock = connection.call(ops.LOCK_GET, path, timeout_s=options.timeout_s)
    except CallFailed as error:
        if error.code == codes.NO_NODE:
            return None, connection.conversation.revision
        raise
    return _term_of(node.value, lock.value), node.revision


def _term_of(node: object, lock: object) -> Term | None:
    """Return the term of who wrote the node, if his session still holds the lock."""
    data, numbers = answers.array(node)[:2]
    owner = answers.session_name(answers.stat(numbers)["owner"])
    for holder in answers.lock(lock).holders:
        if holder["session"] == owner:
            return Term(answers.data(data), holder["token"], holder["session"], holder["since"])
    return None


def _show(options: Shared, path: str, term: Term | None) -> None:
    """Print who leads, or that nobody does."""
    shown = output.value_fields(None if term is None else term.value)
    if output.is_json(options.output):
        rest = Term(None, 0, None, None) if term is None else term
        output.print_json(
            {
                "election": path,
                **shown,
                "token": rest.token,
                "session": rest.session,
                "since": rest.since,
            }
        )
    elif term is None:
        output.print_line("nobody leads")
    else:
        output.print_line(f"{shown['value'] or '-'}  token {term.token}")
