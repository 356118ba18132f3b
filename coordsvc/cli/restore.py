"""`coordsvc restore`: start a cluster anew from a backup."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from coordsvc.cli.newfolder import bump_option, failing, folder_options, needed
from coordsvc.offline.restore import Restored, read_backup
from coordsvc.offline.restore import restore as restore_to
from coordsvc.server import options
from coordsvc.server.addresses import Member

_PARAMETERS: Final[list[click.Parameter]] = [
    click.Argument(["backup"], type=click.Path(path_type=Path, dir_okay=False)),
    *folder_options(
        node="Name of this node.",
        cluster="Name of the new cluster; best another one than before.",
    ),
    needed(options.MEMBERS, "All nodes of the new cluster, this one included."),
    bump_option("backup"),
]


@click.command(params=_PARAMETERS)
def restore(
    backup: Path,
    *,
    data_dir: Path,
    node: str,
    cluster: str,
    members: tuple[Member, ...],
    revision_bump: int,
) -> None:
    """Make the data folder of one node of a new cluster from BACKUP.

    BACKUP is what `coordctl snapshot save` wrote. Stop the old cluster, run this on every node
    of the new one with the same file and the same --members, then start them all.

    All sessions of the old cluster end, with their ephemeral nodes, locks and places in queues.
    Writes made after the backup are lost; revisions, which are also the tokens of locks, do not
    go back all the same: they go on far above.
    """
    names = [member.name for member in members]
    if node not in names:
        raise click.UsageError(f"--node {node} is not among --members {', '.join(names)}")
    with failing():
        restored = restore_to(
            read_backup(backup),
            data_dir,
            cluster=cluster,
            node=node,
            voters=names,
            bump=revision_bump,
        )
    _report(restored, data_dir=data_dir, node=node, cluster=cluster, members=members)


def _report(
    restored: Restored, *, data_dir: Path, node: str, cluster: str, members: tuple[Member, ...]
) -> None:
    written = datetime.fromtimestamp(restored.written_ms / 1000, UTC)
    click.echo(
        f"backup: revision {restored.revision_of_backup}, {written:%Y-%m-%d %H:%M:%S} UTC, "
        f"{restored.nodes} nodes; {restored.sessions_ended} sessions ended"
    )
    click.echo(f"{data_dir}: node {node} of cluster {cluster}, at revision {restored.revision}")
    others = [member.name for member in members if member.name != node]
    if others:
        click.echo(f"next: restore {', '.join(others)} from the same file, then start all nodes:")
    else:
        click.echo("next: start the node:")
    at = ",".join(map(str, members))
    click.echo(
        f"  coordsvc serve --data-dir {data_dir} --node {node} --cluster {cluster} --members {at}"
    )
