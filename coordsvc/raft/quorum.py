"""Majorities, simple and joint: who must agree before anything counts (thesis 4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from itertools import repeat

from coordsvc.base.ids import NodeId
from coordsvc.raft.messages import Membership


class Verdict(Enum):
    """How a vote stands."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class Majority:
    """More than half of a fixed group of voters."""

    __slots__ = ("_below", "_needed", "voters")

    def __init__(self, voters: tuple[NodeId, ...]) -> None:
        self.voters = voters
        self._needed = len(voters) // 2 + 1
        self._below = len(voters) - self._needed

    def reached(self, values: Mapping[NodeId, int]) -> int:
        """Return the highest value that a majority has reached; a missing voter has 0."""
        if not self.voters:
            return 0
        return sorted(map(values.get, self.voters, repeat(0)))[self._below]

    def verdict(self, votes: Mapping[NodeId, bool]) -> Verdict:
        """Tell whether `votes` decide it; who is no voter does not count."""
        cast = [votes[voter] for voter in self.voters if voter in votes]
        if sum(cast) >= self._needed:
            return Verdict.WON
        missing = len(self.voters) - len(cast)
        return Verdict.OPEN if sum(cast) + missing >= self._needed else Verdict.LOST


class Quorum:
    """What a membership asks for: one majority, or both while a change is under way."""

    __slots__ = ("_majorities",)

    def __init__(self, membership: Membership) -> None:
        majorities = [Majority(membership.voters)]
        if membership.voters_old:
            majorities.append(Majority(membership.voters_old))
        self._majorities = majorities

    def reached(self, values: Mapping[NodeId, int]) -> int:
        """Return the highest value that every majority asked for has reached."""
        majorities = self._majorities
        if len(majorities) == 1:
            return majorities[0].reached(values)
        return min([majority.reached(values) for majority in majorities])

    def verdict(self, votes: Mapping[NodeId, bool]) -> Verdict:
        """Tell whether `votes` decide it: lost if lost in one group, won if won in all."""
        verdicts = [majority.verdict(votes) for majority in self._majorities]
        if Verdict.LOST in verdicts:
            return Verdict.LOST
        return Verdict.OPEN if Verdict.OPEN in verdicts else Verdict.WON
