"""What a replica asks the runtime to do."""

from __future__ import annotations

from dataclasses import dataclass

from coordsvc.base.ids import Index, NodeId
from coordsvc.raft.messages import SnapshotMeta
from coordsvc.replica.messages import PeerMessage
from coordsvc.state.image import Capture


@dataclass(slots=True, init=False)
class Write:
    """Put this into the log, sync, then call `Replica.persisted()`: once for each Write, in order.

    Several writes may share one sync.
    """

    hard_state: bytes | None
    first: Index
    last: Index
    payload: bytes
    """Entries first..last; empty if there are none (then first and last are 0)."""

    def __init__(self, hard_state: bytes | None, first: Index, last: Index, payload: bytes) -> None:
        self.hard_state = hard_state
        self.first = first
        self.last = last
        self.payload = payload


@dataclass(frozen=True, slots=True)
class LogReset:
    """Empty the log: it starts again behind `index`, which a durable snapshot holds. No answer."""

    index: Index


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """Write the chunks of `capture` into a snapshot file, a few per turn.

    When it is durable call `Replica.snapshot_taken(meta)`; if it cannot be written, call
    `Replica.snapshots.compaction.failed(now)`.
    """

    meta: SnapshotMeta
    capture: Capture


@dataclass(frozen=True, slots=True)
class ReadSnapshot:
    """Read a piece of the latest snapshot file for `peer`; then `Replica.snapshot_piece(...)`.

    If there is no such snapshot any more, call `Replica.snapshots.stop_sending(peer, now)`: Raft
    starts over with the latest.
    """

    peer: NodeId
    index: Index
    """Which snapshot; 0 for the latest."""
    offset: int


@dataclass(frozen=True, slots=True)
class StoreChunk:
    """Append this piece to the snapshot being received; offset 0 starts a new one.

    When it is written call `Replica.chunk_stored(...)`. After the last piece: verify the file,
    make it durable, restore the state from it, and call `Replica.snapshot_installed(...)` instead.
    """

    peer: NodeId
    meta: SnapshotMeta
    offset: int
    total: int
    data: bytes


class Effects:
    """Everything that came of the inputs of one turn. Writes and sends go in this order."""

    __slots__ = (
        "drop_log_before",
        "members_changed",
        "read_snapshot",
        "send",
        "store_chunk",
        "take_snapshot",
        "writes",
    )

    def __init__(self) -> None:
        self.writes: list[Write | LogReset] = []
        self.send: list[tuple[NodeId, PeerMessage]] = []
        self.drop_log_before: Index = 0
        self.take_snapshot: TakeSnapshot | None = None
        self.read_snapshot: list[ReadSnapshot] = []
        self.store_chunk: list[StoreChunk] = []
        self.members_changed = False
        """Who is a member, or where one is, has changed: look at the links."""

    def __bool__(self) -> bool:
        """Tell whether there is anything to do."""
        return bool(
            self.writes
            or self.send
            or self.drop_log_before
            or self.take_snapshot
            or self.read_snapshot
            or self.store_chunk
            or self.members_changed
        )
