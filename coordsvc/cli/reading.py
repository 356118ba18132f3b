"""`coordctl get`, `ls`, `tree`, `stat` and `exists`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from coordsvc.base import paths
from coordsvc.base.vocabulary import codes, ops
from coordsvc.cli import answers, output
from coordsvc.cli.answers import Fields, Stat
from coordsvc.cli.exits import NOT_FOUND
from coordsvc.cli.shared import Failure, Shared, failures, parameters, shared
from coordsvc_client.blocking import CallFailed, Connection

PAGE_ITEMS: Final = 1_000
LEVELS: Final = {
    "linearizable": ops.LINEARIZABLE,
    "sequential": ops.SEQUENTIAL,
    "stale": ops.STALE,
}

_consistency = click.option(
    "--consistency",
    type=click.Choice(list(LEVELS)),
    default="linearizable",
    show_default=True,
    help="How new the answer has to be.",
)


@click.command(params=parameters())
@click.argument("path")
@_consistency
def get(path: str, consistency: str) -> None:
    """Print the data of the node at PATH, exactly; on a terminal with a line end."""
    options = shared()
    with options.reader() as connection, failures(path):
        data, numbers = _get(connection, options, path, LEVELS[consistency])
    fields = {"path": path, **output.value_fields(data), **answers.shown_stat(numbers)}
    if output.is_json(options.output):
        output.print_json(fields)
    elif options.output == "table":
        output.print_rows("table", ("path", "value", "version", "revision"), [fields])
    else:
        output.print_data(data)


def _get(
    connection: Connection, options: Shared, path: str, consistency: int
) -> tuple[bytes | None, Stat]:
    answer = connection.call(ops.GET, path, timeout_s=options.timeout_s, consistency=consistency)
    data, numbers, *_ = answers.array(answer.value)
    return answers.data(data), answers.stat(numbers)


@click.command(params=parameters())
@click.argument("path")
@_consistency
def stat(path: str, consistency: str) -> None:
    """Show the numbers of the node at PATH: revisions, versions, times, kind, owner, size."""
    options = shared()
    with options.reader() as connection, failures(path):
        answer = connection.call(
            ops.STAT, path, timeout_s=options.timeout_s, consistency=LEVELS[consistency]
        )
    fields: Fields = {"path": path, **answers.shown_stat(answers.stat(answer.value))}
    if output.is_json(options.output):
        output.print_json(fields)
        return
    for name, value in fields.items():
        if value is not None:
            output.print_line(f"{name.replace('_', ' '):<18}{value}")


@click.command(params=parameters())
@click.argument("path")
@_consistency
def exists(path: str, consistency: str) -> None:
    """Exit with 0 if there is a node at PATH, with 3 if there is none. Prints nothing."""
    options = shared()
    with options.reader() as connection, failures(path):
        try:
            connection.call(
                ops.STAT, path, timeout_s=options.timeout_s, consistency=LEVELS[consistency]
            )
        except CallFailed as error:
            if error.code == codes.NO_NODE:
                raise Failure("", NOT_FOUND) from None
            raise


@click.command(params=parameters())
@click.argument("path", default="/")
@click.option("-l", "--long", is_flag=True, help="Also kind, size, version and children.")
@_consistency
def ls(path: str, *, long: bool, consistency: str) -> None:
    """List the children of the node at PATH (by default the root), by name."""
    options = shared()
    consistency_level = LEVELS[consistency]
    with options.reader() as connection, failures(path):
        if options.output == "text" and not long:
            for name in _items(connection, options, path, consistency_level, with_stat=False):
                output.print_line(str(name))
            return
        rows: list[Fields] = []
        for name, numbers in _children(connection, options, path, consistency_level):
            rows.append({"name": name, "path": paths.join(path, name)})
            rows[-1].update(answers.shown_stat(numbers))
    output.print_rows(
        options.output, ("name", "kind", "size", "version", "children", "revision"), rows
    )


def _children(
    connection: Connection, options: Shared, path: str, consistency: int
) -> Iterator[tuple[str, Stat]]:
    """Yield names and numbers of all children."""
    for item in _items(connection, options, path, consistency, with_stat=True):
        name, _data, numbers, *_ = answers.array(item)
        yield str(name), answers.stat(numbers)


def _items(
    connection: Connection, options: Shared, path: str, consistency: int, *, with_stat: bool
) -> Iterator[object]:
    """Yield all children page by page: names, or with `with_stat` [name, data, stat]."""
    after, cursor = None, 0
    while True:
        answer = connection.call(
            ops.CHILDREN,
            *(path, PAGE_ITEMS, after, cursor, with_stat),
            timeout_s=options.timeout_s,
            consistency=consistency,
        )
        page, next_cursor, *_ = answers.array(answer.value)
        items = answers.array(page)
        yield from items
        cursor = answers.number(next_cursor)
        if not cursor:
            return
        last = items[-1]
        after = str(answers.array(last)[0] if with_stat else last)


@click.command(params=parameters())
@click.argument("path", default="/")
@click.option("-d", "--depth", type=click.IntRange(1), default=100, help="How far to go down.")
@_consistency
def tree(path: str, depth: int, consistency: str) -> None:
    """Show the subtree at PATH (by default everything)."""
    options = shared()
    with options.reader() as connection, failures(path):
        found = _walk(connection, options, path, LEVELS[consistency], depth)
        if output.is_json(options.output):
            output.print_rows(options.output, (), (fields for _, fields in found))
            return
        output.print_line(path)
        for indent, fields in found:
            output.print_line(f"{indent}{fields['name']}{_remark(fields)}")


def _remark(fields: Fields) -> str:
    """Return what is worth a word about a node in the tree."""
    kind = "" if fields["kind"] == "persistent" else f"  {fields['kind']}"
    return kind + (f"  {fields['size']} B" if fields["size"] else "")


def _walk(
    connection: Connection, options: Shared, path: str, consistency: int, depth: int
) -> Iterator[tuple[str, Fields]]:
    """Yield every node below `path` in order, with the lines drawn in front of it."""
    branches: list[tuple[str, list[tuple[str, Stat]]]] = []
    drawn: list[str] = []

    def descend(top: str) -> None:
        children = list(_children(connection, options, top, consistency))
        branches.append((top, children[::-1]))

    descend(path)
    while branches:
        top, children = branches[-1]
        if not children:
            branches.pop()
            if drawn:
                drawn.pop()
            continue
        name, numbers = children.pop()
        place = paths.join(top, name)
        fields = {"name": name, "path": place, **answers.shown_stat(numbers)}
        yield "".join(drawn) + ("├─ " if children else "└─ "), fields
        if numbers["num_children"] and len(branches) < depth:
            drawn.append("│  " if children else "   ")
            descend(place)
