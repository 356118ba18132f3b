"""A data folder of a sample, brought a little further than it was made."""

from __future__ import annotations

from coordsvc.offline.inspection import inspect_folder
from coordsvc.offline.restore import read_backup
from coordsvc.raft.messages import COMMAND, SnapshotMeta
from coordsvc.replica.vault import Vault
from coordsvc.storage.snapshots import SnapshotStore


def take_snapshot(folder, index):
    """Add to an open folder the snapshot that its node would take at `index`."""
    report = inspect_folder(folder)
    (place,) = (folder.path / "snapshots").iterdir()
    machine = read_backup(place).machine
    for at in range(machine.revision + 1, index + 1):
        entry = report.entries[at]
        if entry.kind == COMMAND:
            machine.apply(at, entry.stamp_ms, entry.data)
        else:
            machine.skip(at, entry.stamp_ms)
    meta = SnapshotMeta(index, report.entries[index].term, report.membership, machine.time_ms)
    writer = Vault(SnapshotStore.open(folder.snapshots)).begin(meta, version=machine.version)
    for chunk in iter(machine.capture().next_chunk, None):
        writer.write(chunk)
    writer.commit()
