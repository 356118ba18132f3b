"""`coordsvc inspect` and `coordsvc repair`: a data folder whose node does not run."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from coordsvc.base.errors import CoordsvcError
from coordsvc.cli.main import DAMAGED_EXIT, SETUP_EXIT
from coordsvc.cli.output import print_json, print_line, print_rows
from coordsvc.offline.inspection import FolderReport, inspect_folder, views
from coordsvc.offline.repair import Action, mend, plan_of
from coordsvc.storage.layout import DataFolder

_RANGE: Final = re.compile(r"(\d*)\.\.(\d*)")
_FOLDER: Final = click.Path(path_type=Path, file_okay=False)
_LAST: Final = 2**63

WARNING: Final = """\
WARNING: this node has acknowledged what would be cut away. The others count on it: a write that
is on this node and one other only is then on one, and can be lost or undone although its client
was told that it is safe. While other members live, DO NOT repair. Move the folder away and have
them take the node in afresh:

    coordctl members replace NODE

Only if no other member is left, or all that is behind the cut is known to be elsewhere:

    coordsvc repair {folder} --accept-data-loss
"""


@contextmanager
def _opened(path: Path) -> Iterator[DataFolder]:
    folder: DataFolder | None = None
    try:
        folder = DataFolder.open_existing(path)
        yield folder
    except CoordsvcError as error:
        click.echo(f"coordsvc: {error}", err=True)
        sys.exit(SETUP_EXIT)
    finally:
        if folder is not None:
            folder.close()


@click.command()
@click.argument("data_dir", type=_FOLDER)
@click.option("--entries", metavar="FROM..TO", help="Show these entries of the log; .. is all.")
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def inspect(data_dir: Path, *, entries: str | None, output: str) -> None:
    """Show what is in the data folder of a node that does not run, and check every checksum.

    Nothing is changed. Exit code 0: it is sound; 1: it is damaged, and where; 2: it cannot be read.
    """
    wanted = _range(entries)
    with _opened(data_dir) as folder:
        report = inspect_folder(folder)
        if wanted is not None:
            _show_entries(report, *wanted, output=output)
        elif output == "json":
            print_json(_fields(report) | {"repair": plan_of(folder, report).action.value})
        else:
            _show(report)
            print_line(f"repair:     {plan_of(folder, report).says}")
    sys.exit(0 if report.is_sound else DAMAGED_EXIT)


@click.command()
@click.argument("data_dir", type=_FOLDER)
@click.option("--accept-data-loss", is_flag=True, help="Cut even what this node has acknowledged.")
def repair(data_dir: Path, *, accept_data_loss: bool) -> None:
    """Mend the log in the data folder of a node that does not run, where that can be done.

    What is cut or dropped is kept in a folder beside it. Where that could lose acknowledged
    writes nothing is done without --accept-data-loss. Rebuilding the node from the others is
    better whenever there are others.
    """
    with _opened(data_dir) as folder:
        report = inspect_folder(folder)
        plan = plan_of(folder, report)
        if plan.action is Action.NOTHING:
            print_line(f"{data_dir}: {plan.says}; nothing was done")
            return
        if plan.action is Action.CUT and not accept_data_loss:
            click.echo(f"coordsvc: {data_dir}: {plan.says}\n", err=True)
            click.echo(WARNING.format(folder=data_dir), err=True, nl=False)
            sys.exit(DAMAGED_EXIT)
        kept = mend(folder, report, plan, now=datetime.now(UTC))
        done = "dropped, nothing is lost" if plan.action is Action.DROP else "CUT"
        print_line(f"{data_dir}: {done}: {plan.says}")
        print_line(f"what was there is kept in {kept}")
        after = inspect_folder(folder)
        print_line(f"the log now ends at entry {after.last_index}, term {after.hard_state.term}")


def _range(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = _RANGE.fullmatch(text)
    if found is None:
        if not text.isdigit():
            raise click.UsageError(f"--entries {text}: accepted is FROM..TO, such as 5..9, or 5")
        return int(text), int(text)
    return int(found[1] or 0), int(found[2] or _LAST)


def _show(report: FolderReport) -> None:
    identity, state = report.identity, report.hard_state
    stamp = datetime.fromtimestamp(report.last_stamp_ms / 1000, UTC)
    members = report.membership
    lines = {
        "folder": str(report.path),
        "cluster": identity.cluster,
        "node": identity.node,
        "term": f"{state.term}, voted for {state.vote or 'nobody'}",
        "entries": f"{report.first_index}..{report.last_index}",
        "last": f"entry {report.last_index} of term {report.last_term}, {stamp:%F %T} UTC",
        "members": _members(members.voters, members.voters_old, members.learners),
    }
    for name, value in lines.items():
        print_line(f"{name + ':':<11} {value}")
    print_line("")
    segments = _segments(report)
    print_rows("table", ["segment", "entries", "records", "used", "size", "state"], segments)
    print_line("")
    print_rows("table", ["snapshot", "index", "term", "size", "state"], _snapshots(report))
    print_line("")
    for each in report.log.damage:
        print_line(f"DAMAGE:     {each.place}, byte {each.offset}: {each.what}")
    for each in (shot.damage for shot in report.snapshots if shot.damage is not None):
        print_line(f"DAMAGE:     {each.place}, byte {each.offset}: {each.what}")
    for fault in report.faults:
        print_line(f"FAULT:      {fault}")


def _members(voters: tuple[str, ...], old: tuple[str, ...], learners: tuple[str, ...]) -> str:
    if not voters:
        return "not in the log: as the options of the first start said"
    parts = [", ".join(voters)]
    if old:
        parts.append(f"until now {', '.join(old)}")
    if learners:
        parts.append(f"learning {', '.join(learners)}")
    return "; ".join(parts)


def _segments(report: FolderReport) -> list[dict[str, object]]:
    return [
        {
            "segment": each.name,
            "first_index": each.first_index,
            "entries": f"{each.entries[0]}..{each.entries[1]}" if each.entries[1] else None,
            "records": each.records,
            "used": each.used_bytes,
            "size": each.size_bytes,
            "state": "good" if each.damage is None else f"damaged at byte {each.damage.offset}",
        }
        for each in report.log.segments
    ]


def _snapshots(report: FolderReport) -> list[dict[str, object]]:
    return [
        {
            "snapshot": each.name,
            "index": None if each.head is None else each.head.index,
            "term": None if each.head is None else each.head.term,
            "size": each.size_bytes,
            "state": "good" if each.damage is None else f"damaged at byte {each.damage.offset}",
        }
        for each in report.snapshots
    ]


def _fields(report: FolderReport) -> dict[str, object]:
    members = report.membership
    damage = [*report.log.damage, *(s.damage for s in report.snapshots if s.damage is not None)]
    return {
        "folder": str(report.path),
        "cluster": report.identity.cluster,
        "node": report.identity.node,
        "sound": report.is_sound,
        "term": report.hard_state.term,
        "vote": report.hard_state.vote,
        "first_index": report.first_index,
        "last_index": report.last_index,
        "last_term": report.last_term,
        "last_time_ms": report.last_stamp_ms,
        "voters": list(members.voters),
        "voters_old": list(members.voters_old),
        "learners": list(members.learners),
        "clean_stop": report.log.is_vouched,
        "torn_bytes": report.log.log.bytes_cut,
        "last_index_behind_damage": report.log.last_index_behind,
        "segments": _segments(report),
        "snapshots": _snapshots(report),
        "damage": [{"file": d.place, "offset": d.offset, "what": d.what} for d in damage],
        "faults": report.faults,
    }


def _show_entries(report: FolderReport, first: int, last: int, *, output: str) -> None:
    for each in views(report, first, last):
        arguments = _plain(each.arguments)
        if output == "json":
            print_json(
                {
                    "index": each.index,
                    "term": each.term,
                    "kind": each.kind,
                    "time_ms": each.stamp_ms,
                    "session": each.session,
                    "operation": each.operation or None,
                    "arguments": arguments or None,
                    "size_bytes": each.size_bytes,
                }
            )
            continue
        who = f" session {each.session:#x}" if each.session else ""
        words = " ".join(part for part in (each.operation, str(arguments or "")) if part)
        print_line(f"{each.index} term {each.term} {each.kind}{who} {words}".rstrip())


def _plain(value: object) -> object:
    """Return a value that JSON takes: bytes as text where they are UTF-8, else in hexadecimal."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return f"0x{value.hex()}"
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
