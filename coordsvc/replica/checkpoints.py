"""Checkpoints: digests of the state, noted on the way, and whether members have the same."""

from __future__ import annotations

from collections import Counter
from typing import Final

from coordsvc.base.ids import Index, NodeId

CHECKPOINT_EVERY = 1_024  # entries; not Final: the simulator makes it small
CHECKPOINTS_KEPT: Final = 256


class Checkpoints:
    """The digests at the latest multiples of CHECKPOINT_EVERY."""

    __slots__ = ("_digests", "latest")

    def __init__(self) -> None:
        self._digests: dict[Index, int] = {}
        self.latest: Index = 0

    def add(self, index: Index, digest: int) -> None:
        """Note the digest of the state at `index`, which is above all earlier ones."""
        self._digests[index] = digest
        self.latest = index
        if len(self._digests) > CHECKPOINTS_KEPT:
            del self._digests[next(iter(self._digests))]

    def digest_at(self, index: Index) -> int:
        """Return the digest at `index`; 0 if it is not known."""
        return self._digests.get(index, 0)

    def clear(self) -> None:
        """Forget all of them: they were of another state."""
        self._digests.clear()
        self.latest = 0


class Comparison:
    """The digests that members have told of for one checkpoint."""

    __slots__ = ("digests", "index", "told")

    def __init__(self, index: Index, node: NodeId, digest: int) -> None:
        self.index = index
        self.digests = {node: digest}
        self.told: dict[NodeId, None] = {}
        """Who has been told already that it differs."""

    def agreed(self, voters: tuple[NodeId, ...]) -> int:
        """Return the digest that a majority of `voters` has; 0 if there is none (yet)."""
        votes = Counter(self.digests[voter] for voter in voters if voter in self.digests)
        return next((digest for digest, n in votes.items() if 2 * n > len(voters)), 0)

    @property
    def contradictory(self) -> bool:
        """Whether any two have told of different digests."""
        return len(Counter(self.digests.values())) > 1
