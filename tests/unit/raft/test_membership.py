from __future__ import annotations

import pytest

from coordsvc.raft import membership as rules
from coordsvc.raft.membership import Members
from coordsvc.raft.messages import (
    COMMAND,
    MEMBERSHIP,
    MEMBERSHIP_WITH_INFOS,
    Entry,
    MemberInfo,
    Membership,
)

ABC = Membership(("a", "b", "c"))


def test_everybody_is_sent_entries_once() -> None:
    joint = Membership(("c", "d"), ("a", "b", "c"), ("e", "a"))
    assert rules.members_of(joint) == ("a", "b", "c", "d", "e")


def test_both_groups_vote_and_learners_do_not() -> None:
    joint = Membership(("d",), ("a",), ("e",))
    assert [rules.is_voter(joint, name) for name in "ade"] == [True, True, False]


def test_a_sole_voter_needs_nobody_in_either_group() -> None:
    assert rules.is_sole_voter(Membership(("a",)), "a")
    assert not rules.is_sole_voter(Membership(("a",), ("a", "b")), "a")
    assert not rules.is_sole_voter(ABC, "a")
    assert not rules.is_sole_voter(Membership(("b",)), "a")


def test_a_change_of_voters_goes_through_a_joint_membership() -> None:
    step = rules.step_towards(ABC, ["d", "a"], ["c", "d"])
    assert step == Membership(("a", "d"), ("a", "b", "c"), ("c",))
    assert rules.leave(step) == Membership(("a", "d"), (), ("c",))


def test_a_change_of_learners_alone_is_one_step() -> None:
    assert rules.step_towards(ABC, ["c", "b", "a"], ["z", "d"]) == Membership(
        ABC.voters, (), ("d", "z")
    )


def test_a_membership_survives_the_log() -> None:
    joint = Membership(("a", "ö"), ("b",), ("c",))
    assert rules.decode(rules.encode(joint)) == joint
    infos = (MemberInfo("a", 7, "p:1", "c:2", "h:3"), MemberInfo("c", 0, "p", "", "", True, "b"))
    known = Membership(("a", "ö"), ("b",), ("c",), infos)
    assert rules.decode(rules.encode(known)) == known


def test_a_membership_of_names_is_written_as_it_always_was() -> None:
    names = Membership(("a", "b"), ("b",), ("c",))
    assert rules.encode(names) == b"\x93\x92\xa1a\xa1b\x91\xa1b\x91\xa1c"
    assert rules.entry_of(names, 3, 70) == Entry(3, MEMBERSHIP, 70, rules.encode(names))
    known = Membership(("a",), infos=(MemberInfo("a", 7),))
    assert rules.entry_of(known, 3, 70).kind == MEMBERSHIP_WITH_INFOS
    assert rules.is_membership(rules.entry_of(known, 3, 70))
    assert not rules.is_membership(Entry(3, COMMAND, 70, b""))


def test_what_is_known_of_members_stays_as_long_as_they_do() -> None:
    a, b, c = (MemberInfo(name, 1) for name in "abc")
    current = Membership(("a", "b"), infos=(a, b))
    joint = rules.step_towards(current, ["a", "c"], [], [c, b, a])
    assert joint == Membership(("a", "c"), ("a", "b"), (), (a, b, c))
    assert rules.leave(joint) == Membership(("a", "c"), (), (), (a, c))
    assert rules.step_towards(current, ["a", "b"], ["c"]).infos == (a, b)
    assert current.info_of("b") == b
    assert current.info_of("z") == MemberInfo("z")


@pytest.mark.parametrize(
    "data",
    [b"\x94\x90\x90\x90\x91\x01", b"\x01", b"\x90", b"\x93\x01\x02\x03", b"\x93\x91\x01\x90\x90"],
)
def test_other_bytes_are_no_membership(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^not "):
        rules.decode(data)


def test_the_newest_membership_counts_and_older_ones_can_be_asked_for() -> None:
    members = Members(0, ABC)
    two, three = Membership(("a", "b")), Membership(("a",))
    members.append(5, two)
    members.append(9, three)
    assert (members.current, members.index) == (three, 9)
    assert [members.at(i) for i in (0, 4, 5, 8, 9, 99)] == [ABC, ABC, two, two, three, three]


def test_a_truncation_brings_the_membership_before_back() -> None:
    members = Members(0, ABC)
    members.append(5, Membership(("a",)))
    members.truncate(6)
    assert members.index == 5
    members.truncate(5)
    assert (members.current, members.index) == (ABC, 0)
    assert members.quorum.reached({"a": 3, "b": 3}) == 3


def test_compaction_keeps_what_counted_at_the_base() -> None:
    members = Members(0, ABC)
    two = Membership(("a", "b"))
    members.append(5, two)
    members.append(9, Membership(("a",)))
    members.compact(4)
    assert members.at(4) == ABC
    members.compact(7)
    assert members.at(7) == two
    with pytest.raises(AssertionError):
        members.at(4)


def test_a_snapshot_replaces_all() -> None:
    members = Members(0, ABC)
    members.reset(50, Membership(("z",)))
    assert (members.index, members.current.voters) == (50, ("z",))
