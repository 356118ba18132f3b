"""`coordctl status`, `leader`, `sessions` and `session`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import ClassVar, Final

import click

from coordsvc.base.vocabulary import ops
from coordsvc.cli import answers, output
from coordsvc.cli.answers import Fields
from coordsvc.cli.exits import LOST, NOT_FOUND, UNREACHABLE
from coordsvc.cli.shared import CtlGroup, Failure, Shared, failures, parameters, shared
from coordsvc.cli.web import fetch
from coordsvc_client.blocking import BlockingError, Connection

PAGE_SESSIONS: Final = 1_000
NODE_WAIT_S: Final = 2.0
"""How long `status` waits for one node: the others are to be seen all the same."""


@click.command(params=parameters())
def status() -> None:
    """Show how each node of --endpoints is, as it says itself; exit 5 if none leads."""
    options = shared()
    rows = [_status_of(options, endpoint) for endpoint in options.endpoints]
    columns = ("endpoint", "node", "role", "leader", "term", "applied_index", "sessions", "nodes")
    form = "table" if options.output == "text" else options.output
    output.print_rows(form, columns, rows)
    for row in rows:
        if row.get("disk_alarm"):
            options.say(f"{row['endpoint']} refuses what makes the state grow: {row['disk_alarm']}")
    if not any(row.get("role") == "leader" for row in rows):
        raise Failure("there is no leader among these nodes", UNREACHABLE)


def _status_of(options: Shared, endpoint: str) -> Fields:
    """Ask one node, and only that one."""
    wait_s = min(options.timeout_s, NODE_WAIT_S)
    with Connection([endpoint], with_session=False, name="coordctl status") as connection:
        try:
            answer = connection.call(ops.STATUS, timeout_s=wait_s, consistency=ops.STALE)
        except BlockingError as error:
            return {"endpoint": endpoint, "role": "down", "error": str(error)}
    pairs = [answers.array(pair) for pair in answers.array(answer.value)]
    return {"endpoint": endpoint, **{str(name): value for name, value, *_ in pairs}}


class LeaderCommands(CtlGroup):
    """What can be done with the leader."""

    places: ClassVar[Mapping[str, tuple[str, str]]] = {
        "transfer": ("coordsvc.cli.cluster:transfer", "Hand leadership to another node."),
    }


@click.group(cls=LeaderCommands, invoke_without_command=True, params=parameters())
@click.pass_context
def leader(context: click.Context) -> None:
    """Print who leads; or hand leadership over."""
    if context.invoked_subcommand is not None:
        return
    options = shared()
    with options.reader() as connection, failures():
        connection.open(timeout_s=options.timeout_s)
        name = connection.conversation.leader
        address = connection.conversation.leader_address
    if not name:
        raise Failure("there is no leader at present", UNREACHABLE)
    if output.is_json(options.output):
        output.print_json({"leader": name, "client_address": address})
    else:
        output.print_line(name)


@click.command(params=parameters())
@click.argument("node")
def transfer(node: str) -> None:
    """Hand leadership to NODE."""
    options = shared()
    fetch(options, "POST", "/v1/cluster/leader", {"to": node})
    options.say(f"leadership goes to {node}")


@click.command(params=parameters())
def sessions() -> None:
    """List the sessions: who is connected, or was until a moment ago."""
    options = shared()
    with options.reader() as connection, failures():
        found = list(_all_sessions(connection, options))
    if output.is_json(options.output):
        output.print_rows(options.output, (), found)
        return
    now_ms = time.time() * 1000
    for row in found:
        row["timeout"] = output.duration(answers.number(row["timeout_ms"]))
        row["age"] = output.duration(now_ms - answers.number(row["opened"]))
    columns = ("session", "client_name", "address", "timeout", "age", "ephemerals", "locks")
    output.print_rows("table", columns, found)


def _all_sessions(connection: Connection, options: Shared) -> Iterator[Fields]:
    after = 0
    while True:
        answer = connection.call(ops.SESSIONS, PAGE_SESSIONS, after, timeout_s=options.timeout_s)
        page = answers.array(answer.value)
        for item in page:
            after = answers.number(answers.array(item)[0])
            yield answers.session(item)
        if len(page) < PAGE_SESSIONS:
            return


class SessionCommands(CtlGroup):
    """What can be done to a session."""

    places: ClassVar[Mapping[str, tuple[str, str]]] = {
        "kill": ("coordsvc.cli.cluster:kill", "End a session."),
    }


@click.group(cls=SessionCommands, params=parameters())
def session() -> None:
    """End a session."""


@click.command(params=parameters())
@click.argument("number")
def kill(number: str) -> None:
    """End the session NUMBER (as `coordctl sessions` shows it): its locks and ephemerals go."""
    options = shared()
    try:
        int(number, 0)
    except ValueError:
        raise click.UsageError(f"{number} is no session; accepted is a number or 0x...") from None
    try:
        fetch(options, "DELETE", f"/v1/sessions/{number}")
    except Failure as failure:
        if failure.exit_code == LOST:  # somebody else's session, which ours does not depend on
            raise Failure(str(failure), NOT_FOUND) from None
        raise
    options.say(f"session {number} has ended")
