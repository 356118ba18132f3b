"""Options of a node on the command line, made from the table; `coordsvc config`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import click

from coordsvc.base.errors import SetupError
from coordsvc.cli.main import SETUP_EXIT
from coordsvc.server.config import FILE_VARIABLE, Resolved, resolve
from coordsvc.server.options import OPTIONS, Option


def node_parameters() -> list[click.Parameter]:
    """Return `--config`, `--zoo-cfg` and the options of a node as parameters of a command."""
    config_file = click.Option(
        ["--config"],
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"TOML file with any of these options as keys.  [{FILE_VARIABLE}]",
    )
    zoo_cfg = click.Option(
        ["--zoo-cfg"],
        type=click.Path(path_type=Path, dir_okay=False),
        help="ZooKeeper's zoo.cfg; counts less than all other sources.",
    )
    return [config_file, zoo_cfg, *(_parameter_of(option) for option in OPTIONS)]


def _parameter_of(option: Option[object]) -> click.Option:
    """Return the flag of `option`; its value stays text, or a truth for a switch."""
    switch = option.kind.is_switch
    return click.Option(
        [f"{option.flag}/--no-{option.name}" if switch else option.flag],
        default=None,
        type=bool if switch else str,
        metavar=None if switch else option.kind.metavar,
        help=f"{option.help}  [{option.variable}; default: {option.default or 'none'}]",
    )


def resolve_or_exit(
    config: Path | None, zoo_cfg: Path | None, given: Mapping[str, str | bool | None]
) -> Resolved:
    """Return the settings from the command line, the environment and the file.

    Faults are written to stderr and end the program with SETUP_EXIT.
    """
    flags = {
        name.replace("_", "-"): value if isinstance(value, str) else str(value).lower()
        for name, value in given.items()
        if value is not None
    }
    try:
        return resolve(flags=flags, environment=os.environ, file=config, zoo_cfg=zoo_cfg)
    except SetupError as error:
        for line in str(error).splitlines():
            click.echo(f"coordsvc: {line}", err=True)
        raise SystemExit(SETUP_EXIT) from None


@click.group()
def config() -> None:
    """Show or check the settings of a node: flag, then variable, then file, then default."""


@config.command(params=node_parameters())
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
def show(
    origin: bool, config: Path | None, zoo_cfg: Path | None, **given: str | bool | None
) -> None:
    """Print the settings as a TOML file that can be used as one."""
    resolved = resolve_or_exit(config, zoo_cfg, given)
    _tell(resolved)
    for choice in resolved.choices:
        line = f"{choice.option.name} = {_toml_of(choice.text)}"
        click.echo(f"{line:<48} # {choice.origin}" if origin else line)


@config.command(params=node_parameters())
def check(config: Path | None, zoo_cfg: Path | None, **given: str | bool | None) -> None:
    """Check the settings; silent if a node can run with them, else exit 2 and name the faults.

    What of a zoo.cfg is not honoured is told as well.
    """
    _tell(resolve_or_exit(config, zoo_cfg, given))


def _tell(resolved: Resolved) -> None:
    for warning in resolved.warnings:
        click.echo(f"coordsvc: warning: {warning}", err=True)


def _toml_of(text: str) -> str:
    """Return `text` as a TOML value: plain numbers and truth bare, the rest as a string."""
    is_number = text.isdigit() and str(int(text)) == text
    return text if is_number or text in {"true", "false"} else json.dumps(text, ensure_ascii=False)
