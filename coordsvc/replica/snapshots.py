"""Everything a replica does about snapshots: when to take one, sending, taking one in."""

from __future__ import annotations

from typing import Final

from coordsvc.base import limits
from coordsvc.base.ids import Index, Millis, NodeId
from coordsvc.raft.messages import SnapshotMeta
from coordsvc.raft.node import RaftNode
from coordsvc.replica.compaction import Compaction
from coordsvc.replica.effects import Effects, ReadSnapshot, StoreChunk, TakeSnapshot
from coordsvc.replica.messages import SnapshotAck, SnapshotChunk
from coordsvc.replica.transfer import Receiver, Sender
from coordsvc.state.machine import StateMachine

TRIM_EVERY: Final = 512
"""Entries. Forgotten a few at a time, they leave free what the next ones take while it is in the
processor's cache; but each time what stays is moved in memory."""


class SnapshotTraffic:
    """One replica's snapshots, its own and others'. What is to be done goes into `effects`."""

    __slots__ = ("_raft", "_sender", "_waiting", "compaction", "held", "look_at", "receiver")

    def __init__(self, raft: RaftNode, compaction: Compaction) -> None:
        self._raft = raft
        self._sender = Sender()
        self._waiting: dict[NodeId, None] = {}
        """Followers that need a newer snapshot than there is."""
        self.compaction = compaction
        self.look_at: Index = 0
        """The revision at which the log may be too long, if much is written."""
        self.receiver = Receiver()
        self.held = False
        """Members differ and nobody knows who is right: send nothing that could spread a wrong
        state. Transfers stall, and are begun again some time later."""

    # Its own.

    def shorten(
        self, machine: StateMachine, now: Millis, short_of_room: bool, effects: Effects
    ) -> bool:
        """Forget entries that nobody needs, and start a snapshot if one is due; tell whether."""
        applied, full_at = machine.revision, self.compaction.full_at
        self.trim(applied)
        self.look_at = applied + TRIM_EVERY
        if applied < full_at < self.look_at:
            self.look_at = full_at
        # Where room on the disk is short the log does not grow with the tree.
        nodes = 0 if short_of_room else len(machine.tree)
        if not self.compaction.is_due(applied, now, nodes):
            return False
        self.take(machine, effects)
        return True

    def take(self, machine: StateMachine, effects: Effects) -> None:
        """Start a snapshot of the state as it is now."""
        self.compaction.started()
        meta = self._raft.snapshot_meta(machine.revision)
        effects.take_snapshot = TakeSnapshot(meta, machine.capture())

    def taken(self, meta: SnapshotMeta, now: Millis, effects: Effects) -> None:
        """The snapshot is durable: forget the log behind it, but for followers a little late."""
        through = self._needed(self.compaction.taken(meta.index))
        self.look_at = 0
        if meta.index > self._raft.snapshot.index:  # else a newer one was installed meanwhile
            self._raft.compact(meta, through)
            effects.drop_log_before = max(effects.drop_log_before, through + 1)
        waiting, self._waiting = self._waiting, {}
        for peer in waiting:
            self.send_to(peer, now, effects)

    def _needed(self, through: Index) -> Index:
        """Return up to where the log may go: not past a snapshot that is on its way.

        Or under load whoever is sent one would need a newer one when it has arrived, and so on
        for ever.
        """
        for peer in self._sender.active():
            at = self._sender.index_of(peer)
            if 0 < at < through and self._raft.bytes_behind(at) <= limits.LOG_BYTES_HELD_MAX:
                through = at
        return through

    def trim(self, applied: Index) -> None:
        """Forget entries in memory that are applied here and known everywhere."""
        kept = self.compaction.entries_kept
        self._raft.trim(applied, entries=kept, size=limits.LOG_BYTES_KEPT_BEHIND)

    # Sending.

    def send_to(self, peer: NodeId, now: Millis, effects: Effects) -> None:
        """A follower needs a snapshot; begin, unless one is on its way.

        If the newest ends before the entries in memory begin, another is taken first.
        """
        if self._raft.snapshot.index < self._raft.first_index - 1:
            self._waiting[peer] = None
            self.compaction.ask()
        elif self._sender.start(peer, now) and not self.held:
            effects.read_snapshot.append(ReadSnapshot(peer, 0, 0))

    def piece(
        self,
        read: ReadSnapshot,
        meta: SnapshotMeta,
        *,
        total: int,
        data: bytes,
        now: Millis,
        effects: Effects,
    ) -> None:
        """A piece was read; send it, if it is still wanted."""
        if self._sender.piece(read.peer, meta.index, total, now):
            chunk = SnapshotChunk(self._raft.term, meta, read.offset, total, data)
            effects.send.append((read.peer, chunk))

    def on_ack(self, peer: NodeId, message: SnapshotAck, now: Millis, effects: Effects) -> None:
        """The follower has so much of it: go on, or be done."""
        if self._sender.finished(peer, message.index, message.offset):
            self._raft.snapshot_sent(peer, message.index, ok=True, now=now)
            return
        offset = self._sender.acknowledged(peer, message.index, message.offset, now)
        if offset is not None and not self.held:
            effects.read_snapshot.append(ReadSnapshot(peer, message.index, offset))

    def stop_sending(self, peer: NodeId, now: Millis) -> None:
        """Give a transfer up; Raft asks again if it is still needed."""
        self._waiting.pop(peer, None)
        index = self._sender.stop(peer)
        if index is not None:
            self._raft.snapshot_sent(peer, index, ok=False, now=now)

    def stop_stalled(self, now: Millis) -> None:
        """Give up transfers whose follower has been silent for too long.

        A snapshot that others wait for is asked for again, should it have failed.
        """
        if self._waiting:
            self.compaction.ask()
        for peer in self._sender.stalled(now):
            self.stop_sending(peer, now)

    def follow(self) -> None:
        """Another replica leads: sending is its business."""
        self._waiting.clear()
        for peer in self._sender.active():
            self._sender.stop(peer)

    # Taking one in.

    def on_chunk(self, peer: NodeId, message: SnapshotChunk, effects: Effects) -> None:
        """A piece has come: store it if it is the next one, else say how far we are."""
        if self.receiver.wants(peer, message.meta, message.offset):
            effects.store_chunk.append(
                StoreChunk(peer, message.meta, message.offset, message.total, message.data)
            )
        elif held := self.receiver.held(peer, message.meta):
            effects.send.append((peer, SnapshotAck(message.meta.index, held)))

    def stored(self, store: StoreChunk, effects: Effects) -> None:
        """A piece is written; ask for the next one."""
        offset = self.receiver.stored(len(store.data))
        effects.send.append((store.peer, SnapshotAck(store.meta.index, offset)))
