"""Why members change in two steps, and not before an entry of the term: the bug of doing without.

The case of four members that was found in the single-server change of Raft (Ongaro, raft-dev,
2015): two changes in one step each, by leaders of different terms, whose majorities do not overlap.
"""

from __future__ import annotations

import pytest

from coordsvc.raft import membership as rules
from coordsvc.raft.leader import Leader
from coordsvc.raft.membership import Refusal
from coordsvc.raft.messages import AppendRequest, Membership
from tests.scripts.raft_cluster import Cluster


class NothingReachesD(Cluster):
    """What b appends never reaches d; its votes do."""

    def send(self, sender, messages):
        kept = [
            (receiver, message)
            for receiver, message in messages
            if not ((sender, receiver) == ("b", "d") and isinstance(message, AppendRequest))
        ]
        super().send(sender, kept)


def begin(cluster, leader, voters):
    """Have a leader begin a change; return what it was told."""
    return cluster.members[leader].node.propose_membership(
        voters=tuple(voters), learners=(), stamp_ms=0, now=cluster.now
    )


def change_twice():
    """Have a and b each begin a change, then let a lead again; return what b was told."""
    cluster = NothingReachesD()
    for name in "abcde":
        cluster.add(name, Membership(("a", "b", "c", "d")))
    cluster.elect("a")
    cluster.partition("a", "e")
    begin(cluster, "a", "abcde")
    cluster.settle()
    cluster.elect("b")
    answer = begin(cluster, "b", "bcd")
    cluster.settle()
    cluster.cut.clear()
    cluster.partition("b", "c")
    for _ in range(3):
        cluster.elect("a")
    return answer


def test_as_it_is_nothing_that_was_decided_is_lost():
    assert change_twice() is Refusal.TERM_UNCOMMITTED


def test_the_planted_overlap_of_single_steps_is_found(monkeypatch):
    in_two_steps, asked = rules.step_towards, Leader.propose_membership

    def in_one_step(*arguments):
        step = in_two_steps(*arguments)
        return rules.leave(step) if step.voters_old else step

    def at_once(leader, *arguments):
        leader._term_index = 0
        return asked(leader, *arguments)

    monkeypatch.setattr(rules, "step_towards", in_one_step)
    monkeypatch.setattr(Leader, "propose_membership", at_once)
    with pytest.raises(AssertionError, match="a lacks Entry"):
        change_twice()


def test_without_the_wait_for_an_entry_of_the_term_alone_it_does_not_come_to_that(monkeypatch):
    """Joint consensus holds by itself; the wait is a second lock on the same door."""
    asked = Leader.propose_membership

    def at_once(leader, *arguments):
        leader._term_index = 0
        return asked(leader, *arguments)

    monkeypatch.setattr(Leader, "propose_membership", at_once)
    change_twice()
