"""`coordctl snapshot`: save a backup, look into one, and check it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final

import click

from coordsvc.base.errors import CoordsvcError, CorruptData
from coordsvc.cli import exits
from coordsvc.cli.output import is_json, print_json, print_line
from coordsvc.cli.shared import CtlGroup, Failure, parameters, shared
from coordsvc.cli.web import stream
from coordsvc.offline.backups import Contents, Download, contents_of

SAVE_TIMEOUT_S: Final = 60.0
"""At least so long a node may take to write its snapshot before it sends the first byte."""


class SnapshotCommands(CtlGroup):
    """What can be done with backups."""

    places: ClassVar[Mapping[str, tuple[str, str]]] = {
        "save": ("coordsvc.cli.snapshot:save", "Save a backup of everything."),
        "inspect": ("coordsvc.cli.snapshot:inspect", "Show what a backup holds."),
        "verify": ("coordsvc.cli.snapshot:verify", "Check that a backup is whole and can be used."),
    }


@click.group(cls=SnapshotCommands, params=parameters())
def snapshot() -> None:
    """Save a backup, or look into one."""


_FILE: Final = click.Path(path_type=Path, dir_okay=False)


@click.command(params=parameters())
@click.argument("file", type=_FILE)
@click.option("--overwrite", is_flag=True, help="Replace FILE if it is there.")
def save(file: Path, *, overwrite: bool) -> None:
    """Save a backup of everything in FILE, whole or not at all.

    It holds every write acknowledged before this command began. Its checksums are those that the
    node made; they are checked on the way, and the file is read back before it gets its name.
    """
    options = replace(shared(), timeout_s=max(shared().timeout_s, SAVE_TIMEOUT_S))
    try:
        with Download(file, replace=overwrite) as target:
            for piece in stream(options, "/v1/snapshot"):
                target.write(piece)
            head = target.finish()
    except FileExistsError:
        raise Failure(f"{file}: exists already (--overwrite replaces it)", exits.CONFLICT) from None
    except OSError as error:
        raise Failure(
            f"{file}: cannot be written: {error.strerror or error}", exits.OTHER
        ) from error
    except CorruptData as error:
        raise Failure(f"nothing was saved: {error}", exits.OTHER) from error
    size = file.stat().st_size
    if is_json(options.output):
        print_json(
            {"file": str(file), "revision": head.index, "size_bytes": size, "verified": True}
        )
    else:
        options.say(f"saved {file}  revision {head.index}  {size} bytes, read back and checked")


@click.command(params=parameters())
@click.argument("file", type=_FILE)
def inspect(file: Path) -> None:
    """Show what the backup FILE holds. All of it is read and checked for that."""
    contents = _contents_of(file)
    if is_json(shared().output):
        print_json(_fields(file, contents))
        return
    for name, value in _fields(file, contents).items():
        print_line(f"{name.replace('_', ' ') + ':':<15} {_shown(value)}")


@click.command(params=parameters())
@click.argument("file", type=_FILE)
def verify(file: Path) -> None:
    """Check the backup FILE: every checksum, and that its state can be loaded.

    The state that was loaded is written again in memory and compared with the file.
    """
    contents = _contents_of(file)
    if is_json(shared().output):
        print_json(_fields(file, contents) | {"verified": True})
    else:
        print_line(f"{file}: good, revision {contents.revision}, {contents.nodes} nodes")


def _contents_of(file: Path) -> Contents:
    if not file.exists():
        raise Failure(f"{file}: there is no such file", exits.NOT_FOUND)
    try:
        return contents_of(file)
    except CoordsvcError as error:
        raise Failure(str(error), exits.OTHER) from error


def _fields(file: Path, contents: Contents) -> dict[str, object]:
    written = datetime.fromtimestamp(contents.written_ms / 1000, UTC)
    return {
        "file": str(file),
        "cluster": contents.cluster or None,
        "revision": contents.revision,
        "term": contents.term,
        "time": f"{written:%Y-%m-%dT%H:%M:%S}.{contents.written_ms % 1000:03d}Z",
        "voters": list(contents.voters),
        "learners": list(contents.learners),
        "state_version": contents.state_version,
        "nodes": contents.nodes,
        "sessions": contents.sessions,
        "locks": contents.locks,
        "digest": contents.digest,
        "fingerprint": contents.fingerprint,
        "checksum": contents.checksum,
        "size_bytes": contents.size_bytes,
    }


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)
