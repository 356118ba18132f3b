"""`coordsvc serve`: run one node until it is told to stop."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from coordsvc.base.errors import SetupError
from coordsvc.cli.main import SETUP_EXIT
from coordsvc.cli.settings import node_parameters, resolve_or_exit
from coordsvc.server.main import run


@click.command(params=node_parameters())
def serve(config: Path | None, zoo_cfg: Path | None, **given: str | bool | None) -> None:
    """Run one node until SIGTERM or SIGINT.

    An option is taken from its flag, else its variable, else the file, else its default.
    """
    resolved = resolve_or_exit(config, zoo_cfg, given)
    try:
        code = run(resolved.settings, resolved.warnings)
    except SetupError as error:
        click.echo(f"coordsvc: {error}", err=True)
        code = SETUP_EXIT
    sys.exit(code)
