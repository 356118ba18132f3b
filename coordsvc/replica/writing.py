"""Writes on their way to the disk, and what may be said once they are there."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from coordsvc.base import limits
from coordsvc.base.ids import Index, Millis, NodeId, Term
from coordsvc.raft.node import RaftNode
from coordsvc.raft.ready import Ready
from coordsvc.replica.codec import EntryEncoder, encode_hard_state, in_batches, size_of_entry
from coordsvc.replica.effects import Effects, Write
from coordsvc.replica.messages import PeerMessage


@dataclass(slots=True)
class _Writing:
    last: Index
    last_term: Term
    promises: list[tuple[NodeId, PeerMessage]]


class LogWrites:
    """Pairs each Write with the promises (votes, acknowledgements) that wait for it."""

    __slots__ = ("_encoder", "_since", "_under_way")

    def __init__(self, encoder: EntryEncoder) -> None:
        self._encoder = encoder
        self._under_way: deque[_Writing] = deque()
        self._since: Millis = 0  # the log is at the oldest of them

    def __len__(self) -> int:
        """Return how many writes are not durable yet."""
        return len(self._under_way)

    def waits_ms(self, now: Millis) -> Millis:
        """Return for how long the log has been at its oldest write; 0 if it is idle."""
        return now - self._since if self._under_way else 0

    def add(self, ready: Ready, effects: Effects, now: Millis) -> int:
        """Have term, vote and entries written; return how many bytes of entries that are.

        What is promised leaves when they, and everything before them, are durable.
        """
        promises: list[tuple[NodeId, PeerMessage]] = list(ready.send_after_sync)
        if not self._under_way:
            self._since = now
        if ready.entries:
            return self._add_entries(ready, promises, effects)
        if ready.hard_state is not None:
            effects.writes.append(Write(encode_hard_state(ready.hard_state), 0, 0, b""))
            self._under_way.append(_Writing(0, 0, promises))
        elif self._under_way:
            self._under_way[-1].promises += promises
        else:
            effects.send += promises
        return 0

    def _add_entries(
        self, ready: Ready, promises: list[tuple[NodeId, PeerMessage]], effects: Effects
    ) -> int:
        """Write in one piece, unless the entries are very many."""
        changed = ready.hard_state
        state = None if changed is None else encode_hard_state(changed)
        first = ready.first_index
        size = 0
        payload = self._encoder.encode(ready.entries)
        if len(payload) <= limits.BATCH_BYTES_MAX:  # in_batches would say so too
            last = first + len(ready.entries) - 1
            effects.writes.append(Write(state, first, last, payload))
            self._under_way.append(_Writing(last, ready.entries[-1].term, promises))
            return len(payload)
        for entries in in_batches(ready.entries, size_of_entry):
            payload = self._encoder.encode(entries)
            last = first + len(entries) - 1
            effects.writes.append(Write(state, first, last, payload))
            self._under_way.append(_Writing(0, 0, []))
            size += len(payload)
            first, state = last + 1, None
        # The last piece stands for all of them.
        self._under_way[-1] = _Writing(first - 1, ready.entries[-1].term, promises)
        return size

    def persisted(self, raft: RaftNode, effects: Effects, now: Millis) -> None:
        """Take note that the oldest write is durable."""
        writing = self._under_way.popleft()
        self._since = now
        if writing.last:
            raft.persisted(writing.last, writing.last_term, now)
        effects.send += writing.promises
