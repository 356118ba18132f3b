"""`coordctl watch`: print changes as they happen, or run a command for each."""

from __future__ import annotations

import os
import subprocess

import click

from coordsvc.base.vocabulary import ops
from coordsvc.cli import answers, output
from coordsvc.cli.shared import failures, parameters, shared
from coordsvc_client.blocking import Change


@click.command(params=parameters())
@click.argument("path")
@click.option("-r", "--recursive", is_flag=True, help="Everything below it too.")
@click.option("--since", type=click.IntRange(1), help="Begin after this revision.")
@click.option("-1", "--once", is_flag=True, help="End after the first change.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def watch(
    path: str, *, recursive: bool, since: int | None, once: bool, command: tuple[str, ...]
) -> None:
    """Print each change of the node at PATH until interrupted; nothing is missed between two.

    With a COMMAND it is run for each change, one after another, with COORDSVC_EVENT,
    COORDSVC_PATH and COORDSVC_REVISION set and the data on its standard input.

    coordctl watch /cfg -r -- ./reload.sh
    """
    options = shared()
    mode = ops.WATCH_SUBTREE if recursive else ops.WATCH_NODE
    with options.reader() as connection, failures(path):
        for change in connection.watch(path, mode=mode, since=since or 0):
            if command:
                _run(command, change)
            else:
                _print(options.output, change)
            if once:
                return


def _print(form: str, change: Change) -> None:
    kind = answers.EVENTS.get(change.kind, str(change.kind))
    value = output.value_fields(change.data)
    if output.is_json(form):
        fields = {"event": kind, "path": change.path, "revision": change.revision}
        version = None if change.stat is None else answers.stat(change.stat)["version"]
        output.print_json({**fields, "version": version, **value})
    else:
        shown = "" if change.data is None else f"  {value['value']}"
        output.print_line(f"{change.revision}  {kind:<8}{change.path}{shown}")


def _run(command: tuple[str, ...], change: Change) -> None:
    """Run the command for one change; that it fails is its own matter, but is told."""
    environment = {
        **os.environ,
        "COORDSVC_EVENT": answers.EVENTS.get(change.kind, str(change.kind)),
        "COORDSVC_PATH": change.path,
        "COORDSVC_REVISION": str(change.revision),
    }
    done = subprocess.run(  # noqa: S603 - running it is the purpose
        command, env=environment, input=change.data or b"", check=False
    )
    if done.returncode:
        click.echo(f"coordctl: {command[0]} ended with exit code {done.returncode}", err=True)
