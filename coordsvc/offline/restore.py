"""The data folder of a member of a new cluster, from a backup or from a folder of the old one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coordsvc.base import limits
from coordsvc.base.errors import CorruptData, SetupError
from coordsvc.base.ids import Index, Millis, NodeId
from coordsvc.offline.inspection import FolderReport
from coordsvc.raft.messages import COMMAND, HardState, SnapshotMeta
from coordsvc.replica.codec import Names, decode_meta, encode_hard_state, names_in
from coordsvc.replica.restoration import restoration
from coordsvc.replica.vault import Vault
from coordsvc.state.machine import StateMachine
from coordsvc.storage.layout import DataFolder
from coordsvc.storage.snapshot_format import Checker
from coordsvc.storage.snapshots import SnapshotStore
from coordsvc.storage.wal import WriteAheadLog

FORMER_NAMES_MAX: Final = 16
"""Of a cluster: clients from before so many restores have been started anew."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds."""

    meta: SnapshotMeta
    machine: StateMachine
    names: Names
    """Of the cluster where it was taken; none if it does not say so."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it."""

    revision: Index
    revision_of_backup: Index
    written_ms: Millis
    """Cluster time of the backup."""
    nodes: int
    sessions_ended: int


def read_backup(path: Path) -> Backup:
    """Read and verify a backup.

    Raises:
        SetupError: it cannot be read.
        CorruptData: it is damaged, or not a backup; nothing of it can be used.

    """
    checker = Checker(str(path))
    try:
        machine = StateMachine.restore(_chunks(path, checker))
    except OSError as error:
        raise SetupError(f"{path}: cannot be read: {error.strerror or error}") from error
    head = checker.finish()
    try:
        meta, names = decode_meta(head.extra), names_in(head.extra)
    except ValueError as error:
        raise CorruptData(f"{path}: {error}") from error
    if not machine.revision == meta.index == head.index:
        raise CorruptData(f"{path}: says revision {head.index}, holds {machine.revision}")
    return Backup(meta, machine, names)


def restore(
    backup: Backup,
    folder: Path,
    *,
    cluster: str,
    node: NodeId,
    voters: Sequence[NodeId],
    bump: Index,
) -> Restored:
    """Make the data folder of `node`, one of the `voters` of a new cluster. Uses the backup up.

    Raises:
        SetupError: there is something in the folder, or it cannot be written.

    """
    machine, old = backup.machine, backup.meta
    formerly = [name for name in backup.names if name != cluster][:FORMER_NAMES_MAX]
    written_ms = machine.time_ms
    begun = restoration(machine, old, voters, bump=bump)
    DataFolder.make(
        folder,
        cluster=cluster,
        node=node,
        fill=lambda empty: _fill(empty, machine, begun.meta, (cluster, *formerly)),
    )
    return Restored(
        begun.meta.index, old.index, written_ms, len(machine.tree), begun.sessions_ended
    )


@dataclass(frozen=True, slots=True)
class Survivor:
    """What one node's data folder holds, taken as decided to its end."""

    meta: SnapshotMeta
    machine: StateMachine
    names: Names


def survivor_of(folder: DataFolder, report: FolderReport) -> Survivor:
    """Return the state that the good part of a folder leads to, with all of its entries applied.

    Which of the last ones the lost majority had decided nobody knows any more. All that was
    acknowledged and is here is among them.

    Raises:
        CorruptData: snapshot and log do not join, or neither is there.

    """
    good = [each.name for each in report.snapshots if each.damage is None]
    machine = StateMachine()
    formerly: Names = ()
    if good:
        newest = read_backup(folder.path / "snapshots" / max(good))
        machine, formerly = newest.machine, newest.names[1:]
    if machine.revision < report.last_index and machine.revision + 1 not in report.entries:
        raise CorruptData(f"{folder.path}: {'; '.join(report.faults) or 'the log does not join'}")
    for index in range(machine.revision + 1, report.last_index + 1):
        entry = report.entries[index]
        if entry.kind == COMMAND:
            machine.apply(index, entry.stamp_ms, entry.data)
        else:
            machine.skip(index, entry.stamp_ms)
    term = max(report.last_term, report.hard_state.term)
    meta = SnapshotMeta(machine.revision, term, report.membership, machine.time_ms)
    return Survivor(meta, machine, (folder.identity.cluster, *formerly))


def start_alone(
    survivor: Survivor, place: Path, *, cluster: str, node: NodeId, bump: Index
) -> Restored:
    """Make a data folder for the only member of a new cluster. Uses the survivor up.

    Raises:
        SetupError: the new cluster has the name of the old one, or there is something at `place`.

    """
    if cluster == survivor.names[0]:
        raise SetupError(
            f"the new cluster needs another name than {cluster!r}, or nodes of the old one that "
            "come back could join it"
        )
    backup = Backup(survivor.meta, survivor.machine, survivor.names)
    return restore(backup, place, cluster=cluster, node=node, voters=[node], bump=bump)


def _chunks(path: Path, checker: Checker) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(limits.SNAPSHOT_CHUNK_BYTES):
            yield from checker.feed(piece)
    checker.finish()


def _fill(folder: DataFolder, machine: StateMachine, meta: SnapshotMeta, names: Names) -> None:
    vault = Vault(SnapshotStore.open(folder.snapshots), names[0])
    vault.formerly = names[1:]
    writer = vault.begin(meta, version=machine.version)
    capture = machine.capture()
    while (chunk := capture.next_chunk()) is not None:
        writer.write(chunk)
    writer.commit()
    wal = WriteAheadLog.open(folder.log, salt=folder.identity.salt)
    wal.save_state(encode_hard_state(HardState(meta.term, None)))
    wal.reset(meta.index)
    wal.close()
