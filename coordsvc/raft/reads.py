"""Reads that need no log entry: ReadIndex rounds (thesis 6.4) and the leader's lease (6.4.1).

A round is a heartbeat with a number. When a quorum has answered it, the leader led when it was
sent; so every read that was waiting then may be served at the commit index of that moment.
"""

from __future__ import annotations

from collections import deque

from coordsvc.base.ids import Index, Millis


class ReadRounds:
    """The leader's reads, gathered into rounds: one round serves every read that waits."""

    __slots__ = ("_flying", "_sent", "_waiting", "confirmed_ms", "round")

    def __init__(self) -> None:
        self.round = 0
        """The number of the last round sent."""
        self.confirmed_ms: Millis | None = None
        """When the last round was sent that a quorum answered."""
        self._waiting: list[int] = []
        self._flying: deque[tuple[int, Index, list[int]]] = deque()
        self._sent: deque[tuple[int, Millis]] = deque()

    def add(self, token: int) -> None:
        """Let a read wait for the next round."""
        self._waiting.append(token)

    def wants_round(self) -> bool:
        """Tell whether reads wait and no earlier round is still under way."""
        return bool(self._waiting) and not self._flying

    @property
    def is_flying(self) -> bool:
        """Whether reads wait for the answers to a round."""
        return bool(self._flying)

    def start(self, commit: Index | None, now: Millis) -> int:
        """Start a round and return its number.

        `commit` is the index at which it lets reads go; None while the leader has not committed
        an entry of its term: then none goes.
        """
        self.round += 1
        self._sent.append((self.round, now))
        if self._waiting and commit is not None:
            self._flying.append((self.round, commit, self._waiting))
            self._waiting = []
        return self.round

    def confirm(self, through: int) -> list[tuple[int, Index]]:
        """Return the reads (token, index) of all rounds up to `through`: a quorum answered."""
        assert through <= self.round, (through, self.round)
        while self._sent and self._sent[0][0] <= through:
            self.confirmed_ms = self._sent.popleft()[1]
        confirmed: list[tuple[int, Index]] = []
        while self._flying and self._flying[0][0] <= through:
            _, index, tokens = self._flying.popleft()
            confirmed += [(token, index) for token in tokens]
        return confirmed

    def abandon(self) -> list[int]:
        """Return, and forget, the tokens of all reads that are not confirmed."""
        tokens = [token for _, _, flying in self._flying for token in flying] + self._waiting
        self._flying.clear()
        self._waiting = []
        return tokens
