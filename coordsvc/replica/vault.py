"""Snapshots between the replica and its store: what to do for each of its effects, blocking.

The server runs these on a thread of their own, the simulator in line.
"""

from __future__ import annotations

from coordsvc.base import limits
from coordsvc.base.errors import CorruptData, DiskFull
from coordsvc.base.ids import NodeId
from coordsvc.raft.messages import SnapshotMeta
from coordsvc.replica.codec import Names, decode_meta, encode_meta, names_in
from coordsvc.replica.effects import ReadSnapshot, StoreChunk
from coordsvc.state import versions
from coordsvc.state.machine import StateMachine
from coordsvc.storage.snapshots import (
    SnapshotFile,
    SnapshotReader,
    SnapshotReceiver,
    SnapshotStore,
    SnapshotWriter,
)


class SnapshotGoneError(Exception):
    """The snapshot asked for is no longer kept."""


class Vault:
    """The store, with at most one snapshot being received."""

    def __init__(self, store: SnapshotStore, cluster: str = "") -> None:
        self._store = store
        self._cluster = cluster
        self.formerly: Names = ()
        """What the cluster was called before it was restored: its old clients are its clients."""
        latest = store.latest()
        if latest is not None:
            self._take_names(latest)
        self._receiving: SnapshotReceiver | None = None
        self._sending: dict[NodeId, tuple[SnapshotFile, SnapshotReader]] = {}
        """Kept open, so that a newer snapshot does not take away what a slow peer is being sent."""

    def begin(self, meta: SnapshotMeta, *, version: int = versions.NEWEST) -> SnapshotWriter:
        """Start to write this replica's own snapshot, of a state of that version."""
        has_names = self._cluster and version > versions.OLDEST
        names = (self._cluster, *self.formerly) if has_names else ()
        return self._store.begin(meta.index, meta.term, encode_meta(meta, names))

    def _take_names(self, file: SnapshotFile) -> None:
        names = names_in(file.extra)
        if names[:1] == (self._cluster,):
            self.formerly = names[1:]

    def latest(self) -> tuple[SnapshotMeta, StateMachine] | None:
        """Return the newest good snapshot, restored; None if there is none."""
        file = self._store.latest()
        if file is None:
            return None
        reader = self._store.open_file(file)
        try:
            return decode_meta(file.extra), StateMachine.restore(reader.chunks())
        finally:
            reader.close()

    def open_latest(self) -> tuple[SnapshotFile, SnapshotReader]:
        """Open the newest good snapshot for a backup; the caller closes the reader.

        Raises:
            SnapshotGoneError: there is none.

        """
        file = self._store.latest()
        if file is None:
            raise SnapshotGoneError("there is no snapshot")
        return file, self._store.open_file(file)

    def read(self, wanted: ReadSnapshot) -> tuple[SnapshotMeta, int, bytes]:
        """Return (what the file stands for, its size, a piece of it).

        Raises:
            SnapshotGoneError: there is none, or this peer is not being sent that one.

        """
        if wanted.index == 0:
            self._end_sending(wanted.peer)
            self._sending[wanted.peer] = self.open_latest()
        sending = self._sending.get(wanted.peer)
        if sending is None or wanted.index not in {0, sending[0].index}:
            raise SnapshotGoneError(f"no snapshot at {wanted.index} is on its way")
        file, reader = sending
        piece = reader.read(wanted.offset, limits.SNAPSHOT_CHUNK_BYTES)
        if wanted.offset + len(piece) >= file.size:
            self._end_sending(wanted.peer)
        return decode_meta(file.extra), file.size, piece

    def _end_sending(self, peer: NodeId) -> None:
        sending = self._sending.pop(peer, None)
        if sending is not None:
            sending[1].close()

    def store(self, chunk: StoreChunk) -> StateMachine | None:
        """Append a piece; after the last one return the state restored from the whole.

        Raises:
            CorruptData: the whole does not verify, or the pieces do not join.
            DiskFull: there is no room.
            In either case nothing of it stays: it is begun anew.

        """
        try:
            file = self._append(chunk)
        except (CorruptData, DiskFull):
            self.abandon()
            raise
        if file is None:
            return None
        self._take_names(file)
        reader = self._store.open_file(file)
        try:
            return StateMachine.restore(reader.chunks())
        finally:
            reader.close()

    def _append(self, chunk: StoreChunk) -> SnapshotFile | None:
        """Append a piece; after the last one return the file."""
        if chunk.offset == 0:
            self.abandon()
            self._receiving = self._store.receive(chunk.meta.index, chunk.meta.term)
        receiving = self._receiving
        if receiving is None or receiving.received != chunk.offset:
            raise CorruptData(f"a piece at {chunk.offset} does not join what is here")
        receiving.write(chunk.data)
        if receiving.received < chunk.total:
            return None
        self._receiving = None
        return receiving.commit()

    def abandon(self) -> None:
        """Drop a snapshot of which only a part has come."""
        if self._receiving is not None:
            self._receiving.abort()
            self._receiving = None
