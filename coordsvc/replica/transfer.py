"""Sending a snapshot to a follower, piece by piece, and taking one in.

One piece is under way at a time and each is acknowledged when written, so a slow follower costs
the leader one piece of memory; an interrupted transfer goes on where the follower stands.
"""

from __future__ import annotations

from dataclasses import dataclass

from coordsvc.base.ids import Index, Millis, NodeId
from coordsvc.raft.messages import SnapshotMeta

PATIENCE_MS = 10_000  # without a sign from the follower the transfer is given up


@dataclass(slots=True)
class _Sending:
    index: Index
    total: int
    last_sign: Millis


class Sender:
    """The leader's side: which follower is being sent what."""

    __slots__ = ("_to",)

    def __init__(self) -> None:
        self._to: dict[NodeId, _Sending] = {}

    def start(self, peer: NodeId, now: Millis) -> bool:
        """Begin a transfer; False if one to this follower is under way."""
        if peer in self._to:
            return False
        self._to[peer] = _Sending(0, -1, now)
        return True

    def piece(self, peer: NodeId, index: Index, total: int, now: Millis) -> bool:
        """A piece of the snapshot at `index` was read; tell whether it should still be sent."""
        sending = self._to.get(peer)
        if sending is None or sending.index not in {0, index}:
            return False
        sending.index, sending.total, sending.last_sign = index, total, now
        return True

    def acknowledged(self, peer: NodeId, index: Index, offset: int, now: Millis) -> int | None:
        """Return from where to read the next piece; None if there is none.

        Call `finished` first: it tells a completed transfer from a stray acknowledgement.
        """
        sending = self._to.get(peer)
        if sending is None or sending.index != index:
            return None
        sending.last_sign = now
        return offset

    def finished(self, peer: NodeId, index: Index, offset: int) -> bool:
        """Tell whether this acknowledgement completes the transfer; if so it is over."""
        sending = self._to.get(peer)
        if sending is None or sending.index != index or offset < sending.total:
            return False
        del self._to[peer]
        return True

    def index_of(self, peer: NodeId) -> Index:
        """Return the index of the snapshot that is on its way to `peer`; 0: none is."""
        sending = self._to.get(peer)
        return 0 if sending is None else sending.index

    def stop(self, peer: NodeId) -> Index | None:
        """End a transfer early; return the index of its snapshot if there was one."""
        sending = self._to.pop(peer, None)
        return None if sending is None else sending.index

    def stalled(self, now: Millis) -> list[NodeId]:
        """Return the followers from which no sign came for too long."""
        return [peer for peer, sending in self._to.items() if now - sending.last_sign > PATIENCE_MS]

    def active(self) -> list[NodeId]:
        """Return the followers that are being sent a snapshot."""
        return list(self._to)


class Receiver:
    """The follower's side: how much of which snapshot is here."""

    __slots__ = ("_busy", "_index", "_offset", "_sender")

    def __init__(self) -> None:
        self._index: Index = 0
        self._offset = 0
        self._busy = False
        self._sender: NodeId | None = None

    def wants(self, sender: NodeId, meta: SnapshotMeta, offset: int) -> bool:
        """Tell whether this is the piece that comes next; it counts as being stored from now on."""
        if self._busy:
            return False
        if offset == 0 and not self.held(sender, meta):
            self._index, self._offset, self._sender = meta.index, 0, sender
        if (sender, meta.index, offset) != (self._sender, self._index, self._offset):
            return False
        self._busy = True
        return True

    def held(self, sender: NodeId, meta: SnapshotMeta) -> int:
        """Return how much of this sender's snapshot is already here: it may go on from there."""
        if self._busy or (sender, meta.index) != (self._sender, self._index):
            return 0
        return self._offset

    def stored(self, size: int) -> int:
        """The piece is written; return how much of the file is here."""
        self._busy = False
        self._offset += size
        return self._offset

    def failed(self) -> None:
        """Writing or verifying failed; start from nothing."""
        self._busy = False
        self._index = self._offset = 0
