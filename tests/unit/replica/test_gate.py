"""Who may have a link."""

import pytest

from coordsvc.base.ports import SilentLogger
from coordsvc.raft.messages import MemberInfo, Membership
from coordsvc.replica.gate import Gate, Greeting
from coordsvc.replica.messages import Dismissal

A, B = MemberInfo("a", 1), MemberInfo("b", 2)
THREE = Membership(("a", "b", "c"), infos=(A, B))


class Raft:
    def __init__(self, membership, index=10, committed=None):
        self.membership = membership
        self.committed_membership = committed or membership
        self.membership_index = index
        self.passive = False


def gate_of(membership=THREE, index=10, committed=None):
    raft = Raft(membership, index, committed)
    return Gate(A, raft, SilentLogger()), raft


def is_wanted(gate, name, number, index=0):
    return gate.refusal_of(Greeting(MemberInfo(name, number), index)) is None


def test_a_member_with_its_own_folder_is_let_in():
    gate, _ = gate_of()
    assert is_wanted(gate, "b", 2)
    assert is_wanted(gate, "c", 99)  # its folder was never heard of


def test_a_member_with_another_folder_is_not():
    gate, _ = gate_of()
    dismissal = gate.refusal_of(Greeting(MemberInfo("b", 3), 10))
    assert dismissal.index == 10
    assert "coordctl members replace b" in dismissal.text
    assert not is_wanted(gate, "b", 0)  # a program that does not know its number


def test_who_is_no_member_is_not():
    gate, _ = gate_of()
    assert "d is not a member" in gate.refusal_of(Greeting(MemberInfo("d", 4), 10)).text


def test_who_knows_a_later_membership_is_let_in():
    gate, _ = gate_of()
    assert is_wanted(gate, "d", 4, index=11)
    assert is_wanted(gate, "b", 3, index=11)


def test_who_goes_is_let_in_until_that_is_decided():
    gate, raft = gate_of(Membership(("a", "c"), infos=(A,)), 12, committed=THREE)
    assert is_wanted(gate, "b", 2)
    assert not is_wanted(gate, "b", 3)
    raft.committed_membership = raft.membership
    assert not is_wanted(gate, "b", 2)


def test_who_waits_to_be_added_lets_everybody_in():
    gate, _ = gate_of(Membership(()), 0)
    assert is_wanted(gate, "z", 9)
    assert gate.greeting() == Greeting(A, 0)
    assert "coordctl members add a=" in gate.standing


def test_who_is_turned_away_keeps_still_until_somebody_knows_better():
    gate, raft = gate_of()
    assert gate.standing == ""
    gate.dismissed("b", Dismissal(20, "you are not a member"))
    assert (raft.passive, gate.standing) == (True, "you are not a member")
    gate.met(Greeting(B, 20))
    assert raft.passive
    gate.met(Greeting(B, 21))
    assert (raft.passive, gate.standing) == (False, "")


def test_what_somebody_says_who_is_behind_does_not_count():
    gate, raft = gate_of(index=10)
    gate.dismissed("b", Dismissal(9, "you are not a member"))
    assert not raft.passive


def test_who_was_let_in_by_a_later_membership_is_not_sent_away_by_an_older_one():
    gate, raft = gate_of(Membership(()), 0)
    gate.met(Greeting(B, 30))
    gate.dismissed("c", Dismissal(29, "you are not a member"))
    assert not raft.passive
    gate.dismissed("b", Dismissal(30, "not any more"))
    gate.dismissed("c", Dismissal(29, "you are not a member"))
    assert gate.standing == "not any more"


@pytest.mark.parametrize("index", [10, 11])
def test_a_member_that_was_removed_says_so(index):
    gate, _ = gate_of(Membership(("b", "c")), index)
    assert gate.standing == "a was removed from the cluster"
