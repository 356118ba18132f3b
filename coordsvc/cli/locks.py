"""`coordctl locks`: list, show and break locks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import ClassVar, Final

import click

from coordsvc.base.vocabulary import ops
from coordsvc.cli import answers, output
from coordsvc.cli.answers import Claims, Fields, Lock
from coordsvc.cli.lock import place_of
from coordsvc.cli.shared import CtlGroup, Shared, failures, parameters, shared
from coordsvc_client.blocking import Connection

PAGE_LOCKS: Final = 1_000


class LockCommands(CtlGroup):
    """What can be done with locks."""

    places: ClassVar[Mapping[str, tuple[str, str]]] = {
        "show": ("coordsvc.cli.locks:show", "Show who holds a lock and who waits."),
        "break": ("coordsvc.cli.locks:break_", "Take a lock from its holders."),
    }


@click.group(cls=LockCommands, invoke_without_command=True, params=parameters())
@click.pass_context
def locks(context: click.Context) -> None:
    """List the locks that are held or waited for; show or break one."""
    if context.invoked_subcommand is not None:
        return
    options = shared()
    with options.reader() as connection, failures():
        found = list(_all(connection, options))
    rows = [_row(lock) for lock in found]
    if output.is_json(options.output):
        output.print_rows(options.output, (), [lock.fields() for lock in found])
        return
    output.print_rows("table", ("name", "holder", "token", "held", "waiting", "note"), rows)


def _all(connection: Connection, options: Shared) -> Iterator[Lock]:
    after: str | None = None
    while True:
        answer = connection.call(ops.LOCK_LIST, "/", PAGE_LOCKS, after, timeout_s=options.timeout_s)
        page = [answers.lock(item) for item in answers.array(answer.value)]
        if not page or page[-1].path == after:
            return
        yield from page
        after = page[-1].path


def _row(lock: Lock) -> Fields:
    first = lock.holders[0] if lock.holders else None
    more = f" +{lock.holding - 1}" if lock.holding > 1 else ""
    return {
        "name": lock.path,
        "holder": f"{_who(first)}{more}" if first else None,
        "token": first["token"] if first else None,
        "held": _age(first) if first else None,
        "waiting": lock.waiting,
        "note": first["note"] if first else None,
    }


def _who(claim: Fields) -> str:
    return str(claim["client_name"] or claim["session"])


def _age(claim: Fields) -> str:
    return output.duration(time.time() * 1000 - answers.number(claim["since"]))


@click.command(params=parameters())
@click.argument("name")
def show(name: str) -> None:
    """Show who holds the lock NAME, who waits for it, and how to break it."""
    options = shared()
    path = place_of(name)
    with options.reader() as connection, failures(path):
        answer = connection.call(ops.LOCK_GET, path, timeout_s=options.timeout_s)
    lock = answers.lock(answer.value)
    if output.is_json(options.output):
        output.print_json(lock.fields())
        return
    if not lock.holders and not lock.queue:
        output.print_line(f"{path} is free")
        return
    columns = ("state", "client", "session", "token", "since", "shared", "note")
    rows = [*_claim_rows("holds", lock.holders), *_claim_rows("waits", lock.queue)]
    output.print_rows("table", columns, rows)
    if len(rows) < lock.holding + lock.waiting:
        options.say(f"in all {lock.holding} hold it, {lock.waiting} wait: these are the first")
    options.say(f"take it away: coordctl locks break {name}")


def _claim_rows(state: str, claims: Claims) -> Iterator[Fields]:
    for claim in claims:
        yield {
            "state": state,
            "client": claim["client_name"],
            "session": claim["session"],
            "token": claim["token"] or None,
            "since": _age(claim),
            "shared": claim["shared"],
            "note": claim["note"],
        }


@click.command("break", params=parameters())
@click.argument("name")
@click.option("--note", default="broken by coordctl", help="Why; kept in the audit log.")
def break_(name: str, note: str) -> None:
    """Take the lock NAME from whoever holds it. Its holders are told; the next in line gets it."""
    options = shared()
    path = place_of(name)
    with options.writer() as connection, failures(path):
        answer = connection.call(ops.BREAK, path, note, timeout_s=options.timeout_s)
    count = answers.number(answer.value)
    if output.is_json(options.output):
        output.print_json({"done": "broken", "path": path, "holders": count})
    else:
        options.say(f"{path}: {count} lost it" if count else f"{path}: nobody held it")
