"""What only the digest of versions 1 and 2 does; test_digest.py holds it to the rest."""

import pytest

from coordsvc.state.digest_packed import PackedDigest
from coordsvc.state.events import Event
from coordsvc.state.results import Applied

STAT = (1, 1, 1, 5, 5, 0, 0, 0, 0, 1, 0, 0, 0)
EVENT = Event(1, "/a", 3, STAT, b"x")


def after(applied, count=1):
    digest = PackedDigest(7)
    for _ in range(count):
        digest.take(3, 1000, applied)
    return digest.value


def test_it_never_looked_at_the_end_of_a_session_beside_events():
    """Members of an old version have to agree with those that still run it."""
    assert after(Applied(1, 1, 0, 3, 5, [EVENT], ended=(5,))) == after(
        Applied(9, 9, 0, 3, 6, [EVENT])
    )
    assert after(Applied(1, 1, 0, 3, 5, ended=(5,))) != after(Applied(1, 1, 0, 3, 5))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 80, 120])
def test_headers_of_whatever_length_do_not_count(count):
    """Fifteen values have one byte before them, more of them three."""
    often = PackedDigest(7)
    for _ in range(count):
        often.take(3, 1000, Applied(1, 1, 0, 3, None, [EVENT]))
        often = PackedDigest(often.value)
    assert after(Applied(1, 1, 0, 3, None, [EVENT]), count) == often.value


def test_an_event_counts_the_same_by_either_way():
    one, other = PackedDigest(), PackedDigest()
    one.take_change(3, 1000, EVENT)
    other.take(3, 1000, Applied(1, 1, 0, 3, None, [EVENT]))
    assert one.value == other.value
