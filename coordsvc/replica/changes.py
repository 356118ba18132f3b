"""What a change of the membership asks for, what it comes to, and when it is too dangerous."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from coordsvc.base import limits
from coordsvc.base.ids import Index, Millis, NodeId
from coordsvc.raft.membership import members_of
from coordsvc.raft.messages import MemberInfo, Membership
from coordsvc.raft.node import RaftNode

ANY_REVISION: Final = -1
LAG_ENTRIES_MAX: Final = 10_000
"""A member that lacks more entries than this is not one that a new majority may rely on."""


class Fault(Enum):
    """Why a change was not made. The values are what is sent, and shown to people."""

    NO_SUCH_MEMBER = "no_such_member"
    MEMBER_EXISTS = "member_exists"
    ADDRESS_TAKEN = "address_taken"
    BAD_VERSION = "bad_version"
    NO_VOTERS = "no_voters"
    TOO_MANY = "too_many"
    NOT_CAUGHT_UP = "not_caught_up"
    QUORUM_AT_RISK = "quorum_at_risk"
    NO_QUORUM = "no_quorum"
    TIMED_OUT = "timed_out"
    OUTCOME_UNKNOWN = "outcome_unknown"


@dataclass(frozen=True, slots=True)
class MembersChange:
    """What is to be changed, all in one: first who goes, then who comes, then who may vote.

    A name in both `remove` and `add` begins afresh as a learner: a member that lost its disk.
    """

    add: tuple[MemberInfo, ...] = ()
    """New learners. With `joins` they vote once they have caught up, and then `replaces` goes."""
    promote: tuple[NodeId, ...] = ()
    """Learners that are to vote now."""
    remove: tuple[NodeId, ...] = ()
    expected: Index = ANY_REVISION
    """The revision of the membership that the change is meant for; ANY_REVISION: whichever."""


@dataclass(frozen=True, slots=True)
class MembersOutcome:
    """What became of a change: no fault, if it is made and committed."""

    fault: Fault | None
    text: str
    revision: Index
    """Of the membership that came of it; of the one in force, if nothing was changed."""


class RefusedChange(Exception):
    """The change cannot be made. Nothing was."""

    def __init__(self, fault: Fault, text: str) -> None:
        super().__init__(text)
        self.fault = fault
        self.text = text


@dataclass(frozen=True, slots=True)
class Target:
    """The membership that a change leads to."""

    voters: tuple[NodeId, ...]
    learners: tuple[NodeId, ...]
    infos: tuple[MemberInfo, ...]


def target_of(membership: Membership, change: MembersChange) -> Target:
    """Return what `change` makes of `membership`, in which no other change is under way.

    Raises:
        RefusedChange: it does not fit this membership.

    """
    voters = dict.fromkeys(membership.voters)
    learners = dict.fromkeys(membership.learners)
    infos = {name: membership.info_of(name) for name in members_of(membership)}
    for name in change.remove:
        _require(name in infos, Fault.NO_SUCH_MEMBER, f"{name} is not a member")
        voters.pop(name, None)
        learners.pop(name, None)
        del infos[name]
    for info in change.add:
        _check_newcomer(info, infos, voters)
        learners[info.name] = None
        infos[info.name] = info
    for name in change.promote:
        _require(name in infos, Fault.NO_SUCH_MEMBER, f"{name} is not a member")
        _require(name in learners, Fault.MEMBER_EXISTS, f"{name} votes already")
        del learners[name]
        voters[name] = None
        replaced = infos[name].replaces
        if replaced in voters and replaced != name:
            del voters[replaced], infos[replaced]
        infos[name] = replace(infos[name], joins=False, replaces="")
    _require(bool(voters), Fault.NO_VOTERS, "a cluster needs a member that votes")
    _require(
        len(infos) <= limits.MEMBERS_MAX,
        Fault.TOO_MANY,
        f"a cluster has at most {limits.MEMBERS_MAX} members",
    )
    return Target(tuple(voters), tuple(learners), tuple(infos.values()))


def replacement_of(membership: Membership, old: NodeId, new: MemberInfo | None) -> MembersChange:
    """Return the change that puts `new` in the place of `old`; None: `old` itself, afresh.

    A new name learns first, and `old` votes until the new one does. The same name cannot: it
    loses its vote at once, and gets it back when it has caught up.
    """
    voted = old in membership.voters
    if new is None or new.name == old:
        known = membership.info_of(old)
        same = new or MemberInfo(old, 0, known.peer, known.client, known.http)
        return MembersChange(add=(replace(same, joins=voted or known.joins),), remove=(old,))
    if voted:
        return MembersChange(add=(replace(new, joins=True, replaces=old),))
    return MembersChange(add=(new,), remove=(old,))


def _check_newcomer(
    info: MemberInfo, infos: dict[NodeId, MemberInfo], voters: dict[NodeId, None]
) -> None:
    _require(info.name not in infos, Fault.MEMBER_EXISTS, f"{info.name} is a member already")
    if info.replaces:
        _require(
            info.replaces in voters, Fault.NO_SUCH_MEMBER, f"{info.replaces} is no voting member"
        )
    for other in infos.values():
        places = {other.peer, other.client, other.http} - {""}
        taken = sorted({info.peer, info.client, info.http} & places)
        # Who replaces another may well take its place.
        free = not taken or other.name == info.replaces
        _require(free, Fault.ADDRESS_TAKEN, f"{other.name} is at {', '.join(taken)}")


def _require(condition: bool, fault: Fault, text: str) -> None:
    if not condition:
        raise RefusedChange(fault, text)


def check_fitness(target: Target, raft: RaftNode, node: NodeId, *, heard_after: Millis) -> None:
    """Return if the new voters can go on without a break; `raft` is the leader's, `node` it.

    Who was not heard from after `heard_after` counts as down. A change that was begun without a
    majority of the new voters cannot be undone: nobody could be elected before one is back.

    Raises:
        RefusedChange: those that are up and caught up are no majority of them, or a learner that
            is to vote is not among them.

    """
    voters = raft.membership.voters
    if set(target.voters) == set(voters):
        return
    fit = [name for name in target.voters if name == node or _is_fit(raft, name, heard_after)]
    for name in target.voters:
        if name not in voters and name not in fit:
            raise RefusedChange(
                Fault.NOT_CAUGHT_UP,
                f"{name} is not up, or has not caught up: wait until it has, or start it",
            )
    if 2 * len(fit) <= len(target.voters):
        raise RefusedChange(
            Fault.QUORUM_AT_RISK,
            f"of the {len(target.voters)} that would vote ({', '.join(sorted(target.voters))}) only"
            f" {len(fit)} are up and caught up, which is no majority: bring the others back, or"
            " remove one that is down instead",
        )


def _is_fit(raft: RaftNode, name: NodeId, heard_after: Millis) -> bool:
    view = raft.peers().get(name)
    return (
        view is not None
        and view.heard_ms > heard_after
        and view.flow != "snapshot"
        and view.match > 0
        and view.match + LAG_ENTRIES_MAX >= raft.commit
    )
