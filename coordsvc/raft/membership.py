"""Who votes, who learns, and the rules for changing it (joint consensus, thesis 4.3)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import TypeAlias

import msgpack

from coordsvc.base.ids import Index, Millis, NodeId, Term
from coordsvc.raft.messages import (
    MEMBERSHIP,
    MEMBERSHIP_WITH_INFOS,
    Entry,
    MemberInfo,
    Membership,
)
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
    current: Membership,
    voters: Iterable[NodeId],
    learners: Iterable[NodeId],
    infos: Iterable[MemberInfo] | None = None,
) -> Membership:
    """Return the membership to propose first on the way from `current` to the one asked for.

    Where the voters stay, one step does; otherwise it is a joint membership, which `leave`
    ends once it is committed. Without `infos` those known already stay.
    """
    assert not current.voters_old, current
    new_voters = tuple(sorted(set(voters)))
    new_learners = tuple(sorted(set(learners) - set(new_voters)))
    known = current.infos if infos is None else infos
    if set(new_voters) == set(current.voters):
        return _with_infos(Membership(current.voters, (), new_learners), known)
    return _with_infos(Membership(new_voters, current.voters, new_learners), known)


def leave(joint: Membership) -> Membership:
    """Return the membership that a joint one leads to."""
    assert joint.voters_old, joint
    return _with_infos(Membership(joint.voters, (), joint.learners), joint.infos)


def _with_infos(membership: Membership, infos: Iterable[MemberInfo]) -> Membership:
    """Return `membership` with what is known of its members, and of nobody else."""
    by_name = {info.name: info for info in infos}
    kept = tuple(by_name[name] for name in members_of(membership) if name in by_name)
    return Membership(membership.voters, membership.voters_old, membership.learners, kept)


Fields: TypeAlias = list[object]


def fields_of(membership: Membership) -> Fields:
    """Return a membership as plain values: three lists of names; a fourth if there are infos."""
    parts: Fields = [
        list(membership.voters),
        list(membership.voters_old),
        list(membership.learners),
    ]
    if membership.infos:
        parts.append([info_fields(info) for info in membership.infos])
    return parts


def from_fields(fields: object) -> Membership:
    """Return what `fields_of` was given. ValueError: it is not that."""
    match fields:
        case [list(voters), list(voters_old), list(learners)]:
            infos: Fields = []
        case [list(voters), list(voters_old), list(learners), list(infos)]:
            pass
        case _:
            raise ValueError(f"not a membership: {fields!r}")
    return Membership(
        _names(voters), _names(voters_old), _names(learners), tuple(map(info_from, infos))
    )


def info_fields(info: MemberInfo) -> Fields:
    """Return what is known of a member as plain values."""
    return [
        info.name,
        info.identity,
        info.peer,
        info.client,
        info.http,
        info.joins,
        info.replaces,
    ]


def info_from(fields: object) -> MemberInfo:
    """Return what `info_fields` was given. ValueError: it is not that."""
    match fields:
        case [
            str(name),
            int(identity),
            str(peer),
            str(client),
            str(http),
            bool(joins),
            str(replaces),
        ]:
            return MemberInfo(name, identity, peer, client, http, joins, replaces)
        case _:
            raise ValueError(f"not what is known of a member: {fields!r}")


def encode(membership: Membership) -> bytes:
    """Return the data of an entry of a membership."""
    packed: bytes = msgpack.packb(fields_of(membership))
    return packed


def decode(data: bytes) -> Membership:
    """Read the data of an entry of a membership. ValueError: it is not one."""
    return from_fields(msgpack.unpackb(data))


def entry_of(membership: Membership, term: Term, stamp_ms: Millis) -> Entry:
    """Return the entry that puts `membership` into the log."""
    kind = MEMBERSHIP_WITH_INFOS if membership.infos else MEMBERSHIP
    return Entry(term, kind, stamp_ms, encode(membership))


def is_membership(entry: Entry) -> bool:
    """Tell whether an entry changes the membership."""
    return entry[1] in (MEMBERSHIP, MEMBERSHIP_WITH_INFOS)


def _names(part: list[object]) -> tuple[NodeId, ...]:
    names = tuple(name for name in part if isinstance(name, str))
    if len(names) != len(part):
        raise ValueError(f"not a list of names: {part!r}")
    return names


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
