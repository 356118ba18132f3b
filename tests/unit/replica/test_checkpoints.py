"""Digests noted on the way, and what members agree on."""

from hypothesis import given
from hypothesis import strategies as st

from coordsvc.replica.checkpoints import (
    CHECKPOINT_EVERY,
    CHECKPOINTS_KEPT,
    Checkpoints,
    Comparison,
)


def test_only_the_latest_checkpoints_are_kept():
    checkpoints = Checkpoints()
    for number in range(1, CHECKPOINTS_KEPT + 2):
        checkpoints.add(number * CHECKPOINT_EVERY, number)
    assert checkpoints.digest_at(CHECKPOINT_EVERY) == 0
    assert checkpoints.digest_at(2 * CHECKPOINT_EVERY) == 2
    assert checkpoints.latest == (CHECKPOINTS_KEPT + 1) * CHECKPOINT_EVERY
    checkpoints.clear()
    assert checkpoints.digest_at(2 * CHECKPOINT_EVERY) == checkpoints.latest == 0


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 3)), st.integers(1, 5))
def test_what_is_agreed_more_than_half_of_the_voters_say(digests, size):
    voters = tuple("abcde"[:size])
    comparison = Comparison(1, "a", 1)
    comparison.digests = digests
    agreed = comparison.agreed(voters)
    sayings = [digests.get(voter) for voter in voters]
    majorities = [d for d in (1, 2, 3) if sayings.count(d) > size / 2]
    assert [agreed] == (majorities or [0])
