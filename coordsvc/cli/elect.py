"""`coordctl elect`: run a command only while leading, or watch who leads.

An election is a node: whoever holds its lock leads, and its data is what the leader says of
itself, written under the guard of the leader's token.
"""

from __future__ import annotations

import click

from coordsvc.base.vocabulary import codes, ops
from coordsvc.cli import answers, output
from coordsvc.cli.lock import TTL_HELP, own_name, place_of, run_guarded
from coordsvc.cli.shared import Shared, failures, parameters, shared
from coordsvc_client.blocking import CallFailed, Connection

ELECTIONS = "/elections"


@click.command(params=parameters())
@click.argument("name")
@click.option("--value", default="", help="What others learn of the leader, such as an address.")
@click.option("--observe", is_flag=True, help="Print each leader, without standing for election.")
@click.option("--ttl", default=15.0, type=click.FloatRange(1), show_default=True, help=TTL_HELP)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def elect(name: str, *, value: str, observe: bool, ttl: float, command: tuple[str, ...]) -> None:
    """Run COMMAND only while leading the election NAME (a path, or a name within /elections).

    coordctl elect web --value host7:80 -- ./serve

    The command finds its token in COORDSVC_FENCE and the election in COORDSVC_LOCK. It is ended
    as coordctl lock does it. With --observe each leader is printed: its value and its token.
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
        claim = connection.acquire(path, timeout_s=None, note=value)
        guards = [[path, claim.token]]
        connection.call(ops.SET, path, value.encode(), -1, guards, timeout_s=options.timeout_s)
        environment = {"COORDSVC_LOCK": path, "COORDSVC_FENCE": str(claim.token)}
        code = run_guarded(connection, options, claim, command, environment)
    click.get_current_context().exit(code)


def _observe(options: Shared, path: str) -> None:
    """Print the leader now, and each one that follows, for ever."""
    with options.reader() as connection, failures(path):
        _show_leader(connection, options, path)
        for _ in connection.watch(path, mode=ops.WATCH_NODE, with_data=False):
            _show_leader(connection, options, path)


def _show_leader(connection: Connection, options: Shared, path: str) -> None:
    """Print who leads, if anybody does."""
    try:
        answer = connection.call(ops.LOCK_GET, path, timeout_s=options.timeout_s)
    except CallFailed as error:
        if error.code == codes.NO_NODE:
            return  # nobody has stood for it yet, or for a long time
        raise
    lock = answers.lock(answer.value)
    for holder in lock.holders:
        if output.is_json(options.output):
            shown = {name: holder[name] for name in ("token", "session", "since")}
            output.print_json({"election": path, "value": holder["note"], **shown})
        else:
            output.print_line(f"{holder['note'] or '-'}  token {holder['token']}")
