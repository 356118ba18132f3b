"""Tampering: single messages between servers that are lost, come twice, or come late.

TCP does none of this to one connection; a chain of broken and new ones does all of it. Raft, the
reads and the transfer of snapshots must bear it. What a lost message of another kind costs is
decided by the link that breaks with it, so those are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from coordsvc.raft.messages import (
    AppendReply,
    AppendRequest,
    Heartbeat,
    HeartbeatReply,
    SnapshotOffer,
    TimeoutNow,
    VoteReply,
    VoteRequest,
)
from coordsvc.replica.messages import (
    DigestQuery,
    DigestReply,
    PeerMessage,
    ReadIndexReply,
    ReadIndexRequest,
    Rebuild,
    RebuildRequest,
    SnapshotAck,
    SnapshotChunk,
)
from tests.sim.links import Direction, Fault, Links
from tests.sim.world import MS, Micros

TOUCHED: Final = frozenset(
    {
        AppendReply,
        AppendRequest,
        DigestQuery,
        DigestReply,
        Heartbeat,
        HeartbeatReply,
        ReadIndexReply,
        ReadIndexRequest,
        Rebuild,
        RebuildRequest,
        SnapshotAck,
        SnapshotChunk,
        SnapshotOffer,
        TimeoutNow,
        VoteReply,
        VoteRequest,
    }
)
LATE_MAX: Final[Micros] = 800 * MS
"""A delayed message may come this much after those sent behind it."""


class Tampering:
    """What is done to messages, direction by direction. Each chance is in percent."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._lose: dict[Direction, int] = {}
        self._repeat: dict[Direction, int] = {}
        self._delay: dict[Direction, int] = {}

    @property
    def is_at_work(self) -> bool:
        """Whether anything is done to any message."""
        return bool(self._lose or self._repeat or self._delay)

    def lose(self, directions: Iterable[Direction], percent: int) -> Fault:
        """Lose messages until healed."""
        return _set(self._lose, directions, percent)

    def repeat(self, directions: Iterable[Direction], percent: int) -> Fault:
        """Deliver messages once more, some time later, until healed."""
        return _set(self._repeat, directions, percent)

    def delay(self, directions: Iterable[Direction], percent: int) -> Fault:
        """Let messages be overtaken by those behind them, until healed."""
        return _set(self._delay, directions, percent)

    def pass_on(
        self,
        direction: Direction,
        message: PeerMessage,
        later: Callable[[Micros], None],
    ) -> bool:
        """Decide about one message: tell whether to send it now.

        `later` is called with a delay for each copy that is to be sent after it.
        """
        if not self.is_at_work or type(message) not in TOUCHED:
            return True
        chance = self._links.chance_of(direction)
        if chance.randrange(100) < self._lose.get(direction, 0):
            return False
        if chance.randrange(100) < self._repeat.get(direction, 0):
            later(chance.randint(0, LATE_MAX))
        if chance.randrange(100) < self._delay.get(direction, 0):
            later(chance.randint(0, LATE_MAX))
            return False
        return True


def _set(table: dict[Direction, int], directions: Iterable[Direction], percent: int) -> Fault:
    """Add to the chance of each direction; the healing takes it away again."""
    touched = sorted(set(directions))
    for direction in touched:
        table[direction] = table.get(direction, 0) + percent

    def heal() -> None:
        for direction in touched:
            table[direction] -= percent
            if not table[direction]:
                del table[direction]

    return Fault(heal)
