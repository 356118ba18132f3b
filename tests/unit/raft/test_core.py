from __future__ import annotations

import random

import pytest

from coordsvc.base.ports import SilentLogger
from coordsvc.raft import membership as rules
from coordsvc.raft.core import Core, RaftSettings, RecoveredRaft
from coordsvc.raft.messages import (
    COMMAND,
    MEMBERSHIP,
    Entry,
    HardState,
    Membership,
    SnapshotMeta,
)

OLD = Membership(("n1", "n2"))
NEW = Membership(("n2",))


def core_of(*entries: Entry) -> Core:
    recovered = RecoveredRaft(HardState(3, "n2"), SnapshotMeta(10, 2, OLD, 50), list(entries))
    return Core("n1", RaftSettings(), recovered, chance=random.Random(1), log=SilentLogger(), now=0)


def entry(term: int, data: bytes = b"x") -> Entry:
    return Entry(term, COMMAND, 60, data)


def change(term: int, membership: Membership) -> Entry:
    return Entry(term, MEMBERSHIP, 60, rules.encode(membership))


def test_what_was_recovered_counts_and_is_not_written_again() -> None:
    core = core_of(entry(3), change(3, NEW))
    assert (core.term, core.vote, core.commit, core.log.last_index) == (3, "n2", 10, 12)
    assert core.membership == NEW
    assert core.members.at(11) == OLD
    assert not core.take_ready()


def test_a_term_never_falls_and_a_vote_is_given_once() -> None:
    core = core_of()
    with pytest.raises(AssertionError):
        core.enter_term(2)
    with pytest.raises(AssertionError):
        core.vote_for("n1")
    core.enter_term(4)
    core.vote_for("n1")
    assert core.take_ready().hard_state == HardState(4, "n1")


def test_committed_entries_are_never_truncated() -> None:
    core = core_of(entry(3), entry(3))
    core.commit_to(11)
    core.commit_to(10)
    assert core.commit == 11
    with pytest.raises(AssertionError, match="is committed"):
        core.accept(10, [entry(4)])
    core.accept(11, [entry(4)])
    assert core.log.last_term == 4


def test_nothing_commits_that_is_not_there() -> None:
    with pytest.raises(AssertionError):
        core_of().commit_to(11)


def test_who_is_left_out_may_campaign_until_that_is_committed() -> None:
    core = core_of(change(3, NEW))
    assert core.may_campaign()
    core.commit_to(11)
    assert not core.may_campaign()


def test_a_ready_holds_what_is_new_since_the_last() -> None:
    core = core_of()
    core.append(entry(3))
    core.append(change(3, NEW))
    ready = core.take_ready()
    assert (ready.first_index, len(ready.entries), ready.membership_changed) == (11, 2, True)
    assert not core.take_ready()
