"""Snapshots between the replica and its store: what to do for each of its effects, blocking.

The server runs these on a thread of their own, the simulator in line.
"""

from __future__ import annotations

from coordsvc.base import limits
from coordsvc.base.errors import CorruptData
from coordsvc.raft.messages import SnapshotMeta
from coordsvc.replica.codec import decode_meta, encode_meta
from coordsvc.replica.effects import ReadSnapshot, StoreChunk
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

    def __init__(self, store: SnapshotStore) -> None:
        self._store = store
        self._receiving: SnapshotReceiver | None = None

    def begin(self, meta: SnapshotMeta) -> SnapshotWriter:
        """Start to write this replica's own snapshot."""
        return self._store.begin(meta.index, meta.term, encode_meta(meta))

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
            SnapshotGoneError: there is no such snapshot (any more).

        """
        file = self._store.latest()
        if file is None or wanted.index not in {0, file.index}:
            raise SnapshotGoneError(f"no snapshot at {wanted.index}")
        reader = self._store.open_file(file)
        try:
            piece = reader.read(wanted.offset, limits.SNAPSHOT_CHUNK_BYTES)
        finally:
            reader.close()
        return decode_meta(file.extra), file.size, piece

    def store(self, chunk: StoreChunk) -> StateMachine | None:
        """Append a piece; after the last one return the state restored from the whole.

        Raises:
            CorruptData: the whole does not verify, or the pieces do not join.

        """
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
        file = receiving.commit()
        reader = self._store.open_file(file)
        try:
            return StateMachine.restore(reader.chunks())
        finally:
            reader.close()

    def abandon(self) -> None:
        """Drop a snapshot of which only a part has come."""
        if self._receiving is not None:
            self._receiving.abort()
            self._receiving = None
