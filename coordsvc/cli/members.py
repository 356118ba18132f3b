"""`coordctl members`: who the members of the cluster are, and changing who they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, cast

import click

from coordsvc.cli import output
from coordsvc.cli.answers import Fields
from coordsvc.cli.shared import CtlGroup, Shared, parameters, shared
from coordsvc.cli.web import fetch

HERE: Final = "coordsvc.cli.members"
MEMBERS: Final = "/v1/cluster/members"
MEMBER_HELP: Final = "NAME=HOST[:PEER][/CLIENT[/HTTP]]"


class MembersCommands(CtlGroup):
    """What can be done with the members."""

    places: ClassVar[Mapping[str, tuple[str, str]]] = {
        "list": (f"{HERE}:list_", "List the members as the leader sees them."),
        "add": (f"{HERE}:add", "Add a member."),
        "promote": (f"{HERE}:promote", "Let a learner vote now."),
        "remove": (f"{HERE}:remove", "Remove a member."),
        "replace": (f"{HERE}:replace", "Put another member in the place of one."),
    }


@click.group(cls=MembersCommands, invoke_without_command=True, params=parameters())
@click.pass_context
def members(context: click.Context) -> None:
    """List the members of the cluster, or change who they are."""
    if context.invoked_subcommand is None:
        _list(shared())


@click.command(name="list", params=parameters())
def list_() -> None:
    """List the members of the cluster as the leader sees them."""
    _list(shared())


def _list(options: Shared) -> None:
    cluster = cast("dict[str, object]", fetch(options, "GET", "/v1/cluster"))
    if options.output == "json":
        output.print_json(cluster)
        return
    rows = cast("list[Fields]", cluster["members"])
    columns = ("id", "role", "up", "applied", "lag", "rtt_ms", "client_address", "peer_address")
    output.print_rows(options.output, columns, rows)
    if options.output != "jsonl":
        options.say(
            f"term {cluster.get('term')}  quorum {cluster.get('quorum')}  "
            f"may lose {cluster.get('fault_tolerance')}"
        )


@click.command(params=parameters())
@click.argument("member", metavar=MEMBER_HELP)
@click.option("--learner", is_flag=True, help="It never votes: it serves reads and watches.")
def add(member: str, *, learner: bool) -> None:
    """Add a member that runs, or will, with --join and an empty folder.

    It learns first and votes as soon as it has caught up; nothing more is to be done.
    """
    body = {"member": member, "votes": not learner}
    _change("POST", MEMBERS, body, f"{member.partition('=')[0]} is a member now, and learns")


@click.command(params=parameters())
@click.argument("name")
def promote(name: str) -> None:
    """Let the learner NAME vote now. It must have caught up."""
    _change("POST", f"{MEMBERS}/{name}/promote", {}, f"{name} votes now")


@click.command(params=parameters())
@click.argument("name")
def remove(name: str) -> None:
    """Remove the member NAME. Then stop its process, and do not start it again as it is."""
    _change("DELETE", f"{MEMBERS}/{name}", None, f"{name} is no member any more")


@click.command(params=parameters())
@click.argument("name")
@click.argument("member", metavar=f"[{MEMBER_HELP}]", required=False)
def replace(name: str, member: str | None) -> None:
    """Replace the member NAME by another; or, if none is given, take NAME in afresh.

    Afresh is for a member whose data folder was lost: start it with an empty one. Another member
    learns first, and NAME goes when it has caught up.
    """
    body = {} if member is None else {"member": member}
    new = name if member is None else member.partition("=")[0]
    said = f"{new} learns, and votes in the place of {name} once it has caught up"
    _change("POST", f"{MEMBERS}/{name}/replace", body, said)


def _change(method: str, path: str, body: object, done: str) -> None:
    options = shared()
    answer = cast("dict[str, object]", fetch(options, method, path, body))
    if output.is_json(options.output):
        output.print_json(answer)
    else:
        options.say(done)
