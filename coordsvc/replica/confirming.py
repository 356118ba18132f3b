"""Rounds of reads that a quorum is to confirm, for this replica's clients and for its followers.

The leader answers a follower's question in the same rounds as its own (thesis 6.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from coordsvc.base.ids import Index, Millis, NodeId, SessionId
from coordsvc.raft.node import RaftNode
from coordsvc.replica.liveness import Liveness
from coordsvc.replica.messages import ReadIndexReply, ReadIndexRequest

Confirmed: TypeAlias = tuple[NodeId, ReadIndexReply]
"""Who asked, and the answer."""


@dataclass(slots=True, init=False)
class _Asked:
    asker: NodeId
    token: int
    lapsed: list[SessionId]

    def __init__(self, asker: NodeId, token: int, lapsed: list[SessionId]) -> None:
        self.asker = asker
        self.token = token
        self.lapsed = lapsed


class Confirmations:
    """What the leader is asked to confirm, by Raft's own token.

    Under a leader lease (`lease_reads`) the answer is at hand and no round is needed.
    """

    __slots__ = ("_asked", "_lease_reads", "_liveness", "_raft", "_token")

    def __init__(self, raft: RaftNode, liveness: Liveness, *, lease_reads: bool) -> None:
        self._raft = raft
        self._liveness = liveness
        self._lease_reads = lease_reads
        self._asked: dict[int, _Asked] = {}
        self._token = 0

    def ask_for_us(self, node: NodeId, token: int, now: Millis) -> Confirmed | None:
        """Have a round of our own clients' reads confirmed; return the answer if it is known."""
        return self._ask(_Asked(node, token, []), now)

    def ask_for(self, peer: NodeId, request: ReadIndexRequest, now: Millis) -> Confirmed | None:
        """Have a follower's round confirmed. Its sessions have been heard from, unless too late."""
        heard = self._liveness.heard
        self._raft.hasten(peer, now)
        lapsed = [session for session in request.touched if not heard(session, now)]
        return self._ask(_Asked(peer, request.token, lapsed), now)

    def _ask(self, asked: _Asked, now: Millis) -> Confirmed | None:
        if self._lease_reads and now < self._raft.leader_lease_until():
            return self._answer(asked, self._raft.commit)
        self._token += 1
        self._asked[self._token] = asked
        self._raft.read(self._token, now)
        return None

    def confirmed(self, token: int, index: Index) -> Confirmed:
        """Return who asked for the round that a quorum has confirmed, and the answer."""
        return self._answer(self._asked.pop(token), index)

    def _answer(self, asked: _Asked, index: Index) -> Confirmed:
        # Our own are heard from when they ask; only an expiry under way can speak against them.
        own = asked.asker == self._raft.leader
        lapsed = list(self._liveness.lapsed) if own else asked.lapsed
        return asked.asker, ReadIndexReply(asked.token, index, lapsed)

    def failed(self, token: int) -> None:
        """Forget a round that this replica can no longer have confirmed; the asker asks again."""
        self._asked.pop(token, None)
