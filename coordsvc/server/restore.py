"""From a backup file to the data folder of one member of a new cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from coordsvc.base import limits
from coordsvc.base.errors import CorruptData, SetupError
from coordsvc.base.ids import Index, Millis, NodeId
from coordsvc.base.record import record
from coordsvc.raft.messages import HardState, SnapshotMeta
from coordsvc.replica.codec import cluster_in, decode_meta, encode_hard_state
from coordsvc.replica.restoration import restoration
from coordsvc.replica.vault import Vault
from coordsvc.state.machine import StateMachine
from coordsvc.storage.layout import DataFolder
from coordsvc.storage.snapshot_format import Checker
from coordsvc.storage.snapshots import SnapshotStore
from coordsvc.storage.wal import WriteAheadLog


@record
class Backup:
    """What a backup holds."""

    meta: SnapshotMeta
    machine: StateMachine
    cluster: str
    """Where it was taken; the empty string if it does not say so."""


@record
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
        meta, cluster = decode_meta(head.extra), cluster_in(head.extra)
    except ValueError as error:
        raise CorruptData(f"{path}: {error}") from error
    if not machine.revision == meta.index == head.index:
        raise CorruptData(f"{path}: says revision {head.index}, holds {machine.revision}")
    return Backup(meta, machine, cluster)


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
    written_ms = machine.time_ms
    begun = restoration(machine, old, voters, bump=bump)
    DataFolder.make(
        folder,
        cluster=cluster,
        node=node,
        fill=lambda empty: _fill(empty, machine, begun.meta, cluster),
    )
    return Restored(
        begun.meta.index, old.index, written_ms, len(machine.tree), begun.sessions_ended
    )


def _chunks(path: Path, checker: Checker) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(limits.SNAPSHOT_CHUNK_BYTES):
            yield from checker.feed(piece)
    checker.finish()


def _fill(folder: DataFolder, machine: StateMachine, meta: SnapshotMeta, cluster: str) -> None:
    vault = Vault(SnapshotStore.open(folder.snapshots), cluster)
    writer = vault.begin(meta, version=machine.version)
    capture = machine.capture()
    while (chunk := capture.next_chunk()) is not None:
        writer.write(chunk)
    writer.commit()
    wal = WriteAheadLog.open(folder.log, salt=folder.identity.salt)
    wal.save_state(encode_hard_state(HardState(meta.term, None)))
    wal.reset(meta.index)
    wal.close()
