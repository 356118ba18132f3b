"""Who votes, who learns, and the rules for changing it (joint consensus, thesis 4.3)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import msgpack

from coordsvc.base.ids import Index, NodeId
from coordsvc.raft.messages import Membership
from coordsvc.raft.quorum import Quorum


class Refusal(Enum):
    """Why a change of membership was not proposed."""

    NOT_LEADER = "this node does not lead"
    HANDING_OVER = "leadership is being handed over"
    CHANGE_PENDING = "another change is under way"
    TERM_UNCOMMITTED = "the leader has not committed an entry of its term yet"
    NO_VOTERS = "a cluster needs at least one voter"
    UNCHANGED = "that is the membership already"


def members_of(membership: Membership) -> tuple[NodeId, ...]:
    """Return everybody who is sent entries, sorted."""
    return tuple(sorted({*membership.voters, *membership.voters_old, *membership.learners}))


def is_voter(membership: Membership, node: NodeId) -> bool:
    """Tell whether the vote of `node` counts, in the old group or the new one."""
    return node in membership.voters or node in membership.voters_old


def is_sole_voter(membership: Membership, node: NodeId) -> bool:
    """Tell whether `node` decides alone."""
    return membership.voters == (node,) and membership.voters_old in {(), (node,)}


def step_towards(
    current: Membership, voters: Iterable[NodeId], learners: Iterable[NodeId]
) -> Membership:
    """Return the membership to propose first on the way from `current` to the one asked for.

    Where the voters stay, one step does; otherwise it is a joint membership, which `leave`
    ends once it is committed.
    """
    assert not current.voters_old, current
    new_voters = tuple(sorted(set(voters)))
    new_learners = tuple(sorted(set(learners) - set(new_voters)))
    if set(new_voters) == set(current.voters):
        return Membership(current.voters, (), new_learners)
    return Membership(new_voters, current.voters, new_learners)


def leave(joint: Membership) -> Membership:
    """Return the membership that a joint one leads to."""
    assert joint.voters_old, joint
    return Membership(joint.voters, (), joint.learners)


def encode(membership: Membership) -> bytes:
    """Return the data of a MEMBERSHIP entry."""
    return msgpack.packb([membership.voters, membership.voters_old, membership.learners])


def decode(data: bytes) -> Membership:
    """Read the data of a MEMBERSHIP entry. ValueError: it is not one."""
    parts: object = msgpack.unpackb(data)
    if not isinstance(parts, list) or len(parts) != 3:
        raise ValueError(f"not a membership: {data!r}")
    voters, voters_old, learners = [_names(part) for part in parts]
    return Membership(voters, voters_old, learners)


def _names(part: object) -> tuple[NodeId, ...]:
    if not isinstance(part, list) or not all(isinstance(name, str) for name in part):
        raise ValueError(f"not a list of names: {part!r}")
    return tuple(part)


class Members:
    """The membership in force, and those before it that a truncation could bring back.

    A membership counts from when it is appended, not from when it is committed (thesis 4.1).
    """

    __slots__ = ("_past", "current", "quorum")

    def __init__(self, index: Index, membership: Membership) -> None:
        self._past: list[tuple[Index, Membership]] = [(index, membership)]
        self.current = membership
        self.quorum = Quorum(membership)

    @property
    def index(self) -> Index:
        """Where in the log the current membership stands."""
        return self._past[-1][0]

    def append(self, index: Index, membership: Membership) -> None:
        """Let `membership`, which stands at `index`, count from now on."""
        assert index > self.index, (index, self.index)
        self._past.append((index, membership))
        self._settle()

    def truncate(self, first: Index) -> None:
        """Forget what stood at `first` and after it."""
        if self.index >= first:
            while self.index >= first:
                self._past.pop()
            self._settle()

    def compact(self, through: Index) -> None:
        """Forget what cannot be asked for when the log starts after `through`."""
        while len(self._past) > 1 and self._past[1][0] <= through:
            del self._past[0]

    def reset(self, index: Index, membership: Membership) -> None:
        """Start again from a snapshot."""
        self._past = [(index, membership)]
        self._settle()

    def at(self, index: Index) -> Membership:
        """Return the membership that counted when the entry at `index` was the last."""
        for since, membership in reversed(self._past):
            if since <= index:
                return membership
        raise AssertionError(f"membership at {index} is forgotten: {self._past}")

    def _settle(self) -> None:
        assert self._past, "a truncation never reaches the snapshot"
        self.current = self._past[-1][1]
        self.quorum = Quorum(self.current)
