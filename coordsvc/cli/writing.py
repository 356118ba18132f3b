"""`coordctl put`, `set`, `create` and `rm`."""

from __future__ import annotations

import sys

import click

from coordsvc.base.vocabulary import ops
from coordsvc.cli import answers, output
from coordsvc.cli.shared import Seconds, failures, parameters, shared
from coordsvc_client.blocking import Answer

_fence = click.option(
    "--fence",
    "fences",
    multiple=True,
    metavar="LOCK=TOKEN",
    help='Only if TOKEN still holds LOCK; within coordctl lock: "$COORDSVC_LOCK=$COORDSVC_FENCE".',
)
_parents = click.option(
    "--parents/--no-parents", default=True, show_default=True, help="Create what is missing above."
)


def _data_of(text: str | None) -> bytes | None:
    """Return the data that an argument stands for; `-` is standard input."""
    if text == "-":
        return sys.stdin.buffer.read()
    return None if text is None else text.encode(errors="surrogateescape")


def _guards_of(fences: tuple[str, ...]) -> list[list[object]]:
    guards: list[list[object]] = []
    for fence in fences:
        path, equals, token = fence.rpartition("=")
        if not equals or not (token.isascii() and token.isdigit()):
            raise click.UsageError(f"--fence {fence}: accepted is LOCK=TOKEN, such as /l/a=4213")
        guards.append([path, int(token)])
    return guards


def _write(path: str, op: int, *arguments: object) -> Answer:
    """Do one mutation in a session of its own."""
    options = shared()
    with options.writer() as connection, failures(path):
        return connection.call(op, path, *arguments, timeout_s=options.timeout_s)


def _tell(verb: str, path: str, numbers: answers.Stat) -> None:
    """Print what became of a node."""
    options = shared()
    if output.is_json(options.output):
        output.print_json({"done": verb, "path": path, **answers.shown_stat(numbers)})
    else:
        options.say(f"{verb} {path}  version {numbers['version']}  revision {numbers['mzxid']}")


@click.command(params=parameters())
@click.argument("path")
@click.argument("data")
@_parents
@_fence
def put(path: str, data: str, *, parents: bool, fences: tuple[str, ...]) -> None:
    """Create the node at PATH with DATA, or set its data. DATA of - is standard input."""
    answer = _write(path, ops.PUT, _data_of(data), parents, _guards_of(fences))
    created, numbers, *_ = answers.array(answer.value)
    _tell("created" if created else "set", path, answers.stat(numbers))


@click.command("set", params=parameters())
@click.argument("path")
@click.argument("data")
@click.option("--if-version", type=int, default=-1, help="Only if it has this version.")
@_fence
def set_(path: str, data: str, if_version: int, fences: tuple[str, ...]) -> None:
    """Set the data of the node at PATH. DATA of - is standard input."""
    answer = _write(path, ops.SET, _data_of(data), if_version, _guards_of(fences))
    _tell("set", path, answers.stat(answer.value))


@click.command(params=parameters())
@click.argument("path")
@click.argument("data", required=False)
@click.option("-s", "--sequential", is_flag=True, help="Append a growing number to the name.")
@click.option("--container", is_flag=True, help="Removed when its last child is gone.")
@click.option("--ttl", type=Seconds(0, min_open=True), help="Seconds it lives unset.")
@click.option("-e", "--ephemeral", is_flag=True, hidden=True)
@_parents
@_fence
def create(
    path: str,
    data: str | None,
    *,
    sequential: bool,
    container: bool,
    ttl: float | None,
    ephemeral: bool,
    parents: bool,
    fences: tuple[str, ...],
) -> None:
    """Create the node at PATH; it must not exist. DATA of - is standard input.

    Prints the path, which matters with --sequential.
    """
    if ephemeral:
        raise click.UsageError(
            "an ephemeral node would end with this command; "
            "use coordctl elect or coordctl lock, which hold on while a command runs"
        )
    if container and ttl is not None:
        raise click.UsageError("--container and --ttl exclude each other")
    kind = ops.CONTAINER if container else ops.PERSISTENT if ttl is None else ops.TTL
    answer = _write(
        path,
        ops.CREATE,
        _data_of(data),
        kind,
        sequential,
        parents,
        round((ttl or 0) * 1000),
        _guards_of(fences),
    )
    real_path, numbers, *_ = answers.array(answer.value)
    if sequential and not output.is_json(shared().output):
        output.print_line(str(real_path))
    _tell("created", str(real_path), answers.stat(numbers))


@click.command(params=parameters())
@click.argument("path")
@click.option("-r", "--recursive", is_flag=True, help="With everything below it.")
@click.option("--if-version", type=int, default=-1, help="Only if it has this version.")
@_fence
def rm(path: str, *, recursive: bool, if_version: int, fences: tuple[str, ...]) -> None:
    """Remove the node at PATH."""
    answer = _write(path, ops.DELETE, if_version, recursive, _guards_of(fences))
    count = answers.number(answer.value)
    options = shared()
    if output.is_json(options.output):
        output.print_json({"done": "removed", "path": path, "nodes": count})
    else:
        options.say(f"removed {path}" + (f"  {count} nodes" if recursive else ""))
