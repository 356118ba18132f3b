"""The `coordsvc` command and its parts.

Exit codes: 0 ended as asked (also by SIGTERM) · 2 wrong usage or settings, nothing was started ·
70 had to stop: disk, damaged data, a broken invariant · 1 anything else.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar, Final

import click

import coordsvc
from coordsvc.base.compiled import is_compiled
from coordsvc.cli.lazy import LazyGroup

DAMAGED_EXIT: Final = 1
SETUP_EXIT: Final = 2


class Commands(LazyGroup):
    """What `coordsvc` can do."""

    places: ClassVar[Mapping[str, tuple[str, str]]] = {
        "dev": ("coordsvc.cli.dev:dev", "Run a cluster of three on this machine."),
        "serve": ("coordsvc.cli.serve:serve", "Run one node."),
        "restore": ("coordsvc.cli.restore:restore", "Start a cluster anew from a backup."),
        "inspect": ("coordsvc.cli.inspect:inspect", "Show what a data folder holds; find damage."),
        "repair": ("coordsvc.cli.inspect:repair", "Mend a damaged data folder, if that can be."),
        "force-new-cluster": (
            "coordsvc.cli.force:force_new_cluster",
            "Start anew from one node when a majority is lost for ever.",
        ),
        "config": ("coordsvc.cli.settings:config", "Show or check the settings of a node."),
        "version": ("coordsvc.cli.main:version", "Print the version."),
    }


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 ended as asked, 2 wrong usage or settings, 70 had to stop (disk, data), "
    "1 anything else.",
)
@click.version_option(coordsvc.__version__, prog_name="coordsvc", message="%(prog)s %(version)s")
def cli() -> None:
    """Locks, sessions, watches and small files, replicated by Raft."""


@click.command()
def version() -> None:
    """Print the version, and whether this program is compiled."""
    click.echo(f"coordsvc {coordsvc.__version__}" + (" (compiled)" if is_compiled() else ""))


def refuse_without_assertions() -> None:
    """End the process if Python was told to drop assertions (-O): they guard the data."""
    if not __debug__:
        sys.stderr.write("coordsvc: its assertions guard the data; run Python without -O\n")
        sys.exit(SETUP_EXIT)


def main() -> None:
    """Run the `coordsvc` command."""
    refuse_without_assertions()
    cli(prog_name="coordsvc")
