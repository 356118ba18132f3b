"""The `coordctl` command and its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

import coordsvc
from coordsvc.cli import exits
from coordsvc.cli.shared import CtlGroup, parameters, run

READ = "coordsvc.cli.reading"
WRITE = "coordsvc.cli.writing"
CLUSTER = "coordsvc.cli.cluster"


class Commands(CtlGroup):
    """What `coordctl` can do."""

    places: ClassVar[Mapping[str, tuple[str, str]]] = {
        "get": (f"{READ}:get", "Print the data of a node."),
        "put": (f"{WRITE}:put", "Create a node, or set its data."),
        "set": (f"{WRITE}:set_", "Set the data of a node that exists."),
        "create": (f"{WRITE}:create", "Create a node that does not exist."),
        "rm": (f"{WRITE}:rm", "Remove a node, or a subtree."),
        "ls": (f"{READ}:ls", "List the children of a node."),
        "tree": (f"{READ}:tree", "Show a subtree."),
        "stat": (f"{READ}:stat", "Show the numbers of a node."),
        "exists": (f"{READ}:exists", "Tell by the exit code whether a node exists."),
        "watch": ("coordsvc.cli.watch:watch", "Print changes, or run a command for each."),
        "lock": ("coordsvc.cli.lock:lock", "Run a command only while holding a lock."),
        "elect": ("coordsvc.cli.elect:elect", "Run a command only while leading; or watch."),
        "locks": ("coordsvc.cli.locks:locks", "List, show or break locks."),
        "sessions": (f"{CLUSTER}:sessions", "List the sessions."),
        "session": (f"{CLUSTER}:session", "End a session."),
        "status": (f"{CLUSTER}:status", "Show how each node is."),
        "members": ("coordsvc.cli.members:members", "List or change the members."),
        "leader": (f"{CLUSTER}:leader", "Show the leader, or hand leadership over."),
        "snapshot": ("coordsvc.cli.snapshot:snapshot", "Save a backup, or look into one."),
        "import": (
            "coordsvc.cli.migration.zookeeper:import_",
            "Copy a tree from a running ZooKeeper.",
        ),
        "dev": ("coordsvc.cli.dev:dev", "Run a cluster on this machine, or break it."),
    }


@click.group(
    cls=Commands,
    params=parameters(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=exits.HELP,
)
@click.version_option(coordsvc.__version__, prog_name="coordctl", message="%(prog)s %(version)s")
def cli() -> None:
    """Read, write, watch and lock what a coordsvc cluster keeps; see how it is."""


def main() -> None:
    """Run the `coordctl` command."""
    run(cli)
