"""`coordsvc force-new-cluster`: when a majority of the nodes is lost for ever."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from coordsvc.cli.main import SETUP_EXIT
from coordsvc.cli.newfolder import bump_option, failing, folder_options
from coordsvc.offline.inspection import FolderReport, inspect_folder
from coordsvc.offline.restore import Restored, start_alone, survivor_of
from coordsvc.storage.layout import DataFolder

PHRASE: Final = "writes may be lost"

WARNING: Final = """\
################################################################################
#                                                                              #
#   YOU ARE ABOUT TO MAKE A NEW CLUSTER FROM ONE NODE OF AN OLD ONE.           #
#                                                                              #
#   - Writes that were acknowledged may be LOST for ever: those that the       #
#     lost majority had and this node had not.                                 #
#   - Writes that nobody was told of may now take effect.                      #
#   - All sessions end, with their locks and ephemeral nodes.                  #
#   - If any node of the old cluster still runs, its clients and those of      #
#     the new cluster see DIFFERENT data and hold the SAME locks.              #
#                                                                              #
#   Do it only when a majority of the old nodes can never come back, on the    #
#   node that has the most (coordsvc inspect), with all old nodes stopped.     #
#                                                                              #
################################################################################
"""

_PARAMETERS: Final[list[click.Parameter]] = [
    click.Argument(["survivor"], type=click.Path(path_type=Path, file_okay=False)),
    *folder_options(
        node="Name of this node in the new cluster.",
        cluster="Name of the new cluster; it must be another one than before.",
    ),
    click.Option(
        ["--confirm"], metavar="PHRASE", help=f'Must be "{PHRASE}"; without it nothing is done.'
    ),
    bump_option("folder"),
]


@click.command(params=_PARAMETERS)
def force_new_cluster(
    survivor: Path,
    *,
    data_dir: Path,
    node: str,
    cluster: str,
    confirm: str | None,
    revision_bump: int,
) -> None:
    """Make a new cluster of one node from SURVIVOR, the data folder of a node of a lost cluster.

    The last resort when a majority of the folders is gone: a backup may hold more. SURVIVOR stays
    as it is. The procedure is in docs/operations.md, "A majority is lost for ever".
    """
    click.echo(WARNING, err=True)
    with failing():
        folder = DataFolder.open_existing(survivor)
        try:
            report = inspect_folder(folder)
            _tell(report)
            if confirm != PHRASE:
                click.echo(f'Nothing was done. To go on: --confirm "{PHRASE}"', err=True)
                sys.exit(SETUP_EXIT)
            done = start_alone(
                survivor_of(folder, report),
                data_dir,
                cluster=cluster,
                node=node,
                bump=revision_bump,
            )
        finally:
            folder.close()
    _report(done, data_dir=data_dir, node=node, cluster=cluster)


def _tell(report: FolderReport) -> None:
    last = datetime.fromtimestamp(report.last_stamp_ms / 1000, UTC)
    click.echo(
        f"{report.path}: node {report.identity.node} of cluster {report.identity.cluster}, up to "
        f"entry {report.last_index} of term {report.last_term}, {last:%Y-%m-%d %H:%M:%S} UTC",
        err=True,
    )
    for each in report.log.damage:
        click.echo(f"DAMAGE: {each.place}, byte {each.offset}: {each.what}", err=True)
    if report.log.damage:
        click.echo("what is behind the first damage is LOST", err=True)


def _report(done: Restored, *, data_dir: Path, node: str, cluster: str) -> None:
    click.echo(f"{done.nodes} nodes; {done.sessions_ended} sessions ended")
    click.echo(f"{data_dir}: node {node} of cluster {cluster}, at revision {done.revision}")
    click.echo("next: start it alone, look at the data, then add members one by one:")
    click.echo(f"  coordsvc serve --data-dir {data_dir} --node {node} --cluster {cluster} ...")
    click.echo("  coordctl members add NAME=HOST")
