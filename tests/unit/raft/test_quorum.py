from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc.raft.messages import Membership
from coordsvc.raft.quorum import Majority, Quorum, Verdict

NAMES = [f"n{i}" for i in range(7)]
groups = st.lists(st.sampled_from(NAMES), unique=True, max_size=7).map(tuple)
voters = st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=7).map(tuple)
values = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 9))


def naive_reached(group: tuple[str, ...], reached: dict[str, int]) -> int:
    """Try every value, and count."""
    best = 0
    for value in range(10):
        if 2 * sum(reached.get(name, 0) >= value for name in group) > len(group):
            best = value
    return best


def naive_verdict(group: tuple[str, ...], votes: dict[str, bool]) -> Verdict:
    """Fill in the missing votes in every way, and see who wins."""
    missing = [name for name in group if name not in votes]
    outcomes = set()
    for filled in product([True, False], repeat=len(missing)):
        all_votes = votes | dict(zip(missing, filled, strict=True))
        outcomes.add(2 * sum(all_votes[name] for name in group) > len(group))
    return Verdict.OPEN if len(outcomes) == 2 else Verdict.WON if True in outcomes else Verdict.LOST


@given(group=voters, reached=values)
@settings(max_examples=300, deadline=None)
def test_a_majority_reaches_what_counting_says(
    group: tuple[str, ...], reached: dict[str, int]
) -> None:
    assert Majority(group).reached(reached) == naive_reached(group, reached)


@given(group=voters, votes=st.dictionaries(st.sampled_from(NAMES), st.booleans()))
@settings(max_examples=300, deadline=None)
def test_a_majority_decides_when_the_missing_votes_cannot_matter(
    group: tuple[str, ...], votes: dict[str, bool]
) -> None:
    assert Majority(group).verdict(votes) is naive_verdict(group, votes)


@given(new=voters, old=groups, reached=values)
@settings(max_examples=200, deadline=None)
def test_a_joint_quorum_asks_both_groups(
    new: tuple[str, ...], old: tuple[str, ...], reached: dict[str, int]
) -> None:
    expected = [naive_reached(group, reached) for group in (new, old) if group]
    assert Quorum(Membership(new, old)).reached(reached) == min(expected)


@given(new=voters, old=voters, votes=st.dictionaries(st.sampled_from(NAMES), st.booleans()))
@settings(max_examples=200, deadline=None)
def test_a_joint_vote_is_won_in_both_groups_and_lost_in_either(
    new: tuple[str, ...], old: tuple[str, ...], votes: dict[str, bool]
) -> None:
    verdicts = {naive_verdict(new, votes), naive_verdict(old, votes)}
    verdict = Quorum(Membership(new, old)).verdict(votes)
    if Verdict.LOST in verdicts:
        assert verdict is Verdict.LOST
    else:
        assert (verdict is Verdict.WON) == (verdicts == {Verdict.WON})


def test_nobody_decides_nothing() -> None:
    quorum = Quorum(Membership(()))
    assert quorum.reached({"n1": 5}) == 0
    assert quorum.verdict({"n1": True}) is not Verdict.WON


def test_learners_do_not_count() -> None:
    quorum = Quorum(Membership(("n1", "n2"), (), ("n3",)))
    assert quorum.reached({"n1": 5, "n3": 5}) == 0
