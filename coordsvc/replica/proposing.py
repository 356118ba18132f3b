"""Commands on their way into the log: proposed here, or passed on to the leader."""

from __future__ import annotations

from typing import Final

from coordsvc.base import limits
from coordsvc.base.ids import Millis, NodeId
from coordsvc.raft.node import RaftNode
from coordsvc.replica.codec import in_batches
from coordsvc.replica.desk import Desk
from coordsvc.replica.effects import Effects
from coordsvc.replica.messages import Forward
from coordsvc.replica.writing import LogWrites

LONE: Final = 2
"""Commands of two batches in a row that are no more come one at a time: nothing is waited for."""


class Proposals:
    """Lets commands gather while the log is being written, so that batches grow with the load.

    And in turns in which they are `gathering`: while more of them come in with each turn.
    """

    __slots__ = (
        "_bytes", "_commands", "_desk", "_proposed", "_raft", "_writes", "gathering", "held",
    )  # fmt: skip

    def __init__(self, raft: RaftNode, desk: Desk, writes: LogWrites) -> None:
        self._raft = raft
        self._desk = desk
        self._writes = writes
        self._commands: list[bytes] = []
        self._bytes = 0
        self._proposed = 0  # commands of the last batch
        self.gathering = False
        self.held = False
        """Whether in this turn something would have been proposed if it were not gathering."""

    def queue(self, commands: list[bytes]) -> None:
        """Have the leader, which this replica is, propose these in the order given."""
        self._commands += commands
        self._bytes += sum(map(len, commands))

    def clear(self) -> None:
        """Forget what is queued: the leader has changed, and what is pending is sent again."""
        self._commands = []
        self._bytes = 0

    def are_ripe(self) -> bool:
        """Tell whether to propose what waits: no write is under way, or it is much."""
        if self._desk.outgoing:
            self.queue(self._desk.take_outgoing())
        if not self._commands:
            return False
        if self._bytes >= limits.BATCH_BYTES_MAX:
            return True
        if self._writes:
            return False
        if self.gathering and self._come_from_many():
            self.held = True
            return False
        return True

    def _come_from_many(self) -> bool:
        return len(self._commands) + self._proposed > LONE

    def propose(self, stamp_ms: Millis, now: Millis) -> None:
        """As the leader, propose what waits, unless leadership is being handed over."""
        if self._raft.propose(self._commands, stamp_ms, now):
            self._proposed = len(self._commands)
            self.clear()

    def forward(self, leader: NodeId, effects: Effects) -> None:
        """Pass commands and signs of life on, in messages that always fit a frame."""
        touched = self._desk.take_touched()
        for commands in in_batches(self._desk.take_outgoing(), len) or [[]]:
            effects.send.append((leader, Forward(self._raft.term, touched, commands)))
            touched = []
