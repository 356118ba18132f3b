"""What the commands that make a data folder of a new cluster share: options, and how they fail."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

from coordsvc.base import limits
from coordsvc.base.errors import CoordsvcError, CorruptData
from coordsvc.cli.main import DAMAGED_EXIT, SETUP_EXIT
from coordsvc.replica.restoration import REVISION_BUMP
from coordsvc.server import options
from coordsvc.server.options import Option

BUMP_MIN: Final = 10 * limits.SESSIONS_MAX
BUMP_MAX: Final = 10**14


def folder_options(*, node: str, cluster: str) -> list[click.Parameter]:
    """Return the options that name the folder, its node and its cluster, with these helps."""
    return [
        needed(options.DATA_DIR, "Folder to make; it must not be there, or be empty."),
        needed(options.NODE, node),
        needed(options.CLUSTER, cluster),
    ]


def needed(option: Option[object], text: str) -> click.Option:
    """Return one of a node's options as one that must be given."""
    return click.Option(
        [option.flag],
        callback=lambda _context, parameter, text: _parsed(option, parameter, text),
        metavar=option.kind.metavar,
        required=True,
        envvar=option.variable,
        help=f"{text}  [{option.variable}]",
    )


def _parsed(option: Option[object], parameter: click.Parameter, text: str) -> object:
    try:
        return option.kind.parse(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{error}; accepted is {option.kind.accepts}", param=parameter
        ) from error


def bump_option(above: str) -> click.Option:
    """Return the option that says how far revisions jump; `above` is what they go on from."""
    return click.Option(
        ["--revision-bump"],
        type=click.IntRange(BUMP_MIN, BUMP_MAX),
        default=REVISION_BUMP,
        show_default=True,
        help=f"How far above the {above} revisions go on: further than the old cluster can have "
        "got, or one that was made from it in the same way before.",
    )


@contextmanager
def failing() -> Iterator[None]:
    """Tell of what goes wrong and end the program: 1 if data is damaged, else 2."""
    try:
        yield
    except CoordsvcError as error:
        click.echo(f"coordsvc: {error}", err=True)
        sys.exit(DAMAGED_EXIT if isinstance(error, CorruptData) else SETUP_EXIT)
