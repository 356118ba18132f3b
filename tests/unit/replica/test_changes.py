"""What changes of the membership come to."""

import pytest

from coordsvc.base import limits
from coordsvc.raft.messages import MemberInfo, Membership
from coordsvc.raft.node import PeerView
from coordsvc.replica.changes import (
    LAG_ENTRIES_MAX,
    Fault,
    MembersChange,
    RefusedChange,
    Target,
    check_fitness,
    replacement_of,
    target_of,
)

A, B, C, D = (MemberInfo(name, 1, f"{name}:1", f"{name}:2", f"{name}:3") for name in "abcd")
NOW, ELECTION = 10_000, 1_000


def of(*voters, learners=(), infos=(A, B, C)):
    return Membership(voters, (), learners, infos)


def target(membership, **change):
    return target_of(membership, MembersChange(**change))


def test_who_is_added_learns():
    assert target(of("a", "b"), add=(D,)) == Target(("a", "b"), ("d",), (A, B, D))


def test_who_is_promoted_votes_and_is_marked_so_no_longer():
    joining = MemberInfo("d", 4, joins=True)
    made = target(of("a", learners=("d",), infos=(A, joining)), promote=("d",))
    assert made == Target(("a", "d"), (), (A, MemberInfo("d", 4)))


def test_who_is_replaced_goes_when_the_new_one_votes():
    joining = MemberInfo("d", 4, joins=True, replaces="b")
    made = target(of("a", "b", learners=("d",), infos=(A, B, joining)), promote=("d",))
    assert made == Target(("a", "d"), (), (A, MemberInfo("d", 4)))


def test_who_is_removed_goes_whether_it_votes_or_not():
    members = of("a", "b", learners=("c",))
    assert target(members, remove=("b",)) == Target(("a",), ("c",), (A, C))
    assert target(members, remove=("c",)) == Target(("a", "b"), (), (A, B))


def test_the_same_name_may_go_and_come_afresh():
    fresh = MemberInfo("b", 0, "b:1", "b:2", "b:3", joins=True)
    assert replacement_of(of("a", "b"), "b", None) == MembersChange(add=(fresh,), remove=("b",))
    assert target(of("a", "b"), add=(fresh,), remove=("b",)).learners == ("b",)


def test_another_takes_the_place_of_a_voter_when_it_has_caught_up():
    change = replacement_of(of("a", "b"), "b", D)
    assert change == MembersChange(add=(MemberInfo("d", 1, *["d:1", "d:2", "d:3"], True, "b"),))
    learner = of("a", learners=("b",))
    assert replacement_of(learner, "b", D) == MembersChange(add=(D,), remove=("b",))
    assert replacement_of(learner, "b", None).add[0].joins is False


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"remove": ("z",)}, Fault.NO_SUCH_MEMBER),
        ({"promote": ("z",)}, Fault.NO_SUCH_MEMBER),
        ({"promote": ("a",)}, Fault.MEMBER_EXISTS),
        ({"add": (A,)}, Fault.MEMBER_EXISTS),
        ({"add": (MemberInfo("d", replaces="z"),)}, Fault.NO_SUCH_MEMBER),
        ({"add": (MemberInfo("d", replaces="c"),)}, Fault.NO_SUCH_MEMBER),
        ({"add": (MemberInfo("d", 0, "a:1"),)}, Fault.ADDRESS_TAKEN),
        ({"remove": ("a", "b")}, Fault.NO_VOTERS),
        (
            {"add": tuple(MemberInfo(f"n{n}") for n in range(limits.MEMBERS_MAX))},
            Fault.TOO_MANY,
        ),
    ],
)
def test_what_does_not_fit_is_refused(change, fault):
    with pytest.raises(RefusedChange) as refused:
        target(of("a", "b", learners=("c",)), **change)
    assert refused.value.fault is fault
    assert refused.value.text


def test_who_replaces_another_may_be_where_that_is():
    new = MemberInfo("d", 0, "b:1", joins=True, replaces="b")
    assert target(of("a", "b"), add=(new,)).learners == ("d",)


class Raft:
    """The leader a, as far as fitness is concerned."""

    commit = 20_000

    def __init__(self, *voters, **peers):
        self.membership = Membership(voters)
        self._peers = {
            name: PeerView("snapshot" if heard == "snapshot" else "replicate", match, 1, 0, at)
            for name, (heard, match) in peers.items()
            for at in [NOW - ELECTION if heard == "silent" else NOW - 1]
        }

    def peers(self):
        return self._peers


UP, SILENT = ("up", 20_000), ("silent", 20_000)
BEHIND, ALMOST = ("up", 20_000 - LAG_ENTRIES_MAX - 1), ("up", 20_000 - LAG_ENTRIES_MAX)
SNAPSHOT, EMPTY = ("snapshot", 20_000), ("up", 0)


def fault_of(raft, *voters):
    try:
        check_fitness(Target(voters, (), ()), raft, "a", heard_after=NOW - ELECTION)
    except RefusedChange as refused:
        return refused.fault
    return None


def test_the_new_majority_must_be_up_and_caught_up():
    assert fault_of(Raft(*"abc", b=UP, c=SILENT), "a", "b") is None
    assert fault_of(Raft(*"abc", b=UP, c=SILENT), "a", "c") is Fault.QUORUM_AT_RISK
    assert fault_of(Raft(*"abc", b=UP, c=SILENT), "b", "c") is Fault.QUORUM_AT_RISK
    assert fault_of(Raft(*"abc", b=UP, c=UP), "b", "c") is None
    assert fault_of(Raft(*"abc", b=BEHIND, c=UP), "b", "c") is Fault.QUORUM_AT_RISK
    assert fault_of(Raft(*"ab", b=SILENT), "b") is Fault.QUORUM_AT_RISK
    assert fault_of(Raft(*"ab", b=SILENT), "a") is None


@pytest.mark.parametrize(
    ("newcomer", "fits"),
    [(UP, 1), (ALMOST, 1), (BEHIND, 0), (SILENT, 0), (SNAPSHOT, 0), (EMPTY, 0), (None, 0)],
)
def test_a_learner_must_have_caught_up_to_vote(newcomer, fits):
    peers = {"b": UP, "c": UP} | ({"d": newcomer} if newcomer else {})
    expected = None if fits else Fault.NOT_CAUGHT_UP
    assert fault_of(Raft(*"abc", **peers), *"abcd") is expected


def test_a_change_of_learners_only_is_never_a_risk():
    assert fault_of(Raft(*"abc", b=SILENT, c=SILENT), *"cba") is None
