"""`coordctl lock`: run a command only while holding a lock."""

from __future__ import annotations

import getpass
import os
import shlex
import socket
from collections.abc import Mapping, Sequence

import click

from coordsvc.base.vocabulary import codes
from coordsvc.cli.exits import KILLED, LOST, NOT_ACQUIRED
from coordsvc.cli.guard import CannotRunError, GuardedChild
from coordsvc.cli.shared import Failure, Seconds, failures, parameters, shared
from coordsvc_client.blocking import CallFailed, Connection
from coordsvc_client.claims import Claim, ClaimState

LOCKS = "/locks"
TTL_HELP = "Seconds until another can have it if this machine vanishes."
NOTE_MAX = 200
NO_COMMAND = 127
"""The shell's code for a command that is not there."""


def place_of(name: str, folder: str = LOCKS) -> str:
    """Return the path of a lock: a name without / in front lies in `folder`."""
    return name if name.startswith("/") else f"{folder}/{name}"


def own_name() -> str:
    """Return what others see of us beside the lock: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as containers run under
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def run_guarded(
    connection: Connection,
    claim: Claim,
    command: Sequence[str],
    environment: Mapping[str, str],
) -> int:
    """Run `command` while `claim` is held and return its exit code.

    Raises:
        Failure: KILLED, it was ended because the claim was lost; LOST, it was so before the start.

    """
    if claim.state is not ClaimState.HELD:
        raise Failure(f"{claim.path}: lost before the command was started", LOST)
    child = GuardedChild(connection, claim, command, environment)
    try:
        code = child.run()
    except CannotRunError as error:
        raise Failure(f"{command[0]}: {error}", NO_COMMAND) from None
    if child.lost:
        raise Failure(f"{claim.path}: lost; the command was ended", KILLED)
    return code


@click.command(params=parameters())
@click.argument("name")
@click.option("-w", "--wait", "wait_s", type=Seconds(0), help="Seconds; default: for ever.")
@click.option("-n", "--no-wait", is_flag=True, help="Give up at once if it is taken.")
@click.option("-s", "--shared", "is_shared", is_flag=True, help="Others may share it.")
@click.option("--note", help="What others see beside the lock.  [default: the command]")
@click.option("--ttl", default=15.0, type=Seconds(1), show_default=True, help=TTL_HELP)
@click.option(
    "-E",
    "--conflict-exit-code",
    default=NOT_ACQUIRED,
    show_default=True,
    help="If the lock was not acquired.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def lock(
    name: str,
    *,
    wait_s: float | None,
    no_wait: bool,
    is_shared: bool,
    note: str | None,
    ttl: float,
    conflict_exit_code: int,
    command: tuple[str, ...],
) -> None:
    """Run COMMAND only while holding the lock NAME (a path, or a name within /locks).

    coordctl lock deploy -w 30 -- ./deploy.sh

    The command finds the fencing token in COORDSVC_FENCE and the lock's path in COORDSVC_LOCK.
    If the lock is lost, it gets SIGTERM and 5 s later SIGKILL, and the exit code is 76.
    Otherwise the exit code is that of the command.
    """
    options = shared()
    path = place_of(name)
    with options.writer(timeout_ms=round(ttl * 1000), name=own_name()) as connection:
        try:
            with failures(path):
                connection.open(timeout_s=options.timeout_s)
            claim = connection.acquire(
                path,
                timeout_s=0 if no_wait else wait_s,
                shared=is_shared,
                note=shlex.join(command)[:NOTE_MAX] if note is None else note,
            )
        except CallFailed as error:
            if error.code == codes.LOCKED:
                raise Failure(f"{path}: {error}", conflict_exit_code) from None
            with failures(path):
                raise
        environment = {"COORDSVC_LOCK": path, "COORDSVC_FENCE": str(claim.token)}
        code = run_guarded(connection, claim, command, environment)
        connection.release(claim, timeout_s=min(1.0, options.timeout_s))
    click.get_current_context().exit(code)
