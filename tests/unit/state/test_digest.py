from zlib import crc32

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordsvc.state.digest import DATA_BYTES_MAX, GATHERED_MAX, MixedDigest
from coordsvc.state.digest_packed import GATHERED_MAX as PACKED_MAX
from coordsvc.state.digest_packed import PackedDigest
from coordsvc.state.events import Event, LockChange
from coordsvc.state.results import Applied

STAT = (1, 1, 1, 5, 5, 0, 0, 0, 0, 1, 0, 0, 0)
BOTH = pytest.mark.parametrize("kind", [PackedDigest, MixedDigest])
NUMBERS_MAX = {PackedDigest: 2**32 - 1, MixedDigest: 2**62 - 1}
GATHERED = {PackedDigest: PACKED_MAX, MixedDigest: GATHERED_MAX}
GOLDEN = {
    PackedDigest: (581441336, 1944964956),
    MixedDigest: (4294779047336392141, 4000175209212923384),
}
LARGE = bytes(DATA_BYTES_MAX + 1)


def after(kind, applied, start=7, index=3, time_ms=1000):
    digest = kind(start)
    digest.take(index, time_ms, applied)
    return digest.value


def skipped(kind):
    digest = kind(7)
    digest.skip(3, 1000)
    return digest.value


def applied(code=0, value=None, **fields):
    return Applied(1, 1, code, 3, value, **fields)


def with_stat(field):
    return (*STAT[:field], 9, *STAT[field + 1 :])


OUTCOMES = [
    applied(),
    applied(1),
    applied(value=5),
    applied(value="5"),
    applied(value=(2, 5)),
    applied(value=(5, 2)),
    applied(value=(2, 5, 0)),
    applied(value=(2, "5", 0)),
    Applied(2, 1, 0, 3, 5),
    Applied(2, 1, 0, 3, "5"),
    applied(ended=(5,)),
    applied(opened=(5, b"pw")),
    applied(lock_changes=[LockChange(1, "/a", 2, 2, 3)]),
    applied(lock_changes=[LockChange(1, "/a", 2, 2, 4)]),
    applied(events=[Event(1, "/a", 3, STAT, b"x")]),
    applied(events=[Event(1, "/a", 3, STAT, b"x")], lock_changes=[LockChange(1, "/a", 2, 2, 4)]),
    applied(events=[Event(2, "/a", 3, STAT, b"x")]),
    applied(events=[Event(1, "/b", 3, STAT, b"x")]),
    applied(events=[Event(1, "/a", 3, STAT, b"y")]),
    applied(events=[Event(1, "/a", 3, STAT, b"")]),
    applied(events=[Event(1, "/a", 3, STAT, None)]),
    applied(events=[Event(1, "/a", 3, STAT, LARGE)]),
    applied(events=[Event(1, "/a", 3, STAT, LARGE + b"x")]),
    applied(events=[Event(1, "/a", 3, STAT, LARGE[1:] + b"x")]),
    *(applied(events=[Event(1, "/a", 3, with_stat(field), b"x")]) for field in (5, 6, 8)),
]
WITH_MORE = applied(events=[Event(1, "/a", 3, STAT, b"x")], ended=(5,))
"""PackedDigest did not look at the end of a session where there were events."""


@BOTH
def test_every_effect_counts(kind):
    seen = [
        *(after(kind, each) for each in OUTCOMES),
        after(kind, applied(), start=8),
        after(kind, applied(), index=4),
        after(kind, applied(), time_ms=1002),
        skipped(kind),
    ]
    if kind is MixedDigest:
        seen.append(after(kind, WITH_MORE))
    assert len(set(seen)) == len(seen)
    assert all(0 <= number <= NUMBERS_MAX[kind] for number in seen)


@BOTH
def test_where_one_byte_moves_to_the_next_path_or_data_it_is_seen(kind):
    def of(path, data):
        return after(kind, applied(events=[Event(1, path, 3, STAT, data)]))

    assert len({of("/a", b"bc"), of("/ab", b"c"), of("/abc", b"")}) == 3
    assert of("/a", LARGE) != of("/a", crc32(LARGE).to_bytes(4, "big"))


@BOTH
@pytest.mark.parametrize("value", [(2, 5, 0), ("/a", STAT), (True, ((0, ("/a", STAT)),)), b"x", 5])
def test_an_answer_counts_the_same_after_it_was_kept_in_an_image(kind, value):
    kept = msgpack.unpackb(msgpack.packb(value))
    assert after(kind, applied(value=kept)) == after(kind, applied(value=value))


@BOTH
def test_the_order_of_events_counts(kind):
    one, two = Event(1, "/a", 3, STAT, b"x"), Event(1, "/b", 3, STAT, b"x")
    there, back = applied(events=[one, two]), applied(events=[two, one])
    assert after(kind, there) != after(kind, back)


@BOTH
@given(
    told=st.lists(st.sampled_from(OUTCOMES), min_size=2, max_size=30),
    planted=st.integers(0, 29),
    other=st.sampled_from(OUTCOMES),
)
def test_one_that_went_another_way_never_comes_back(kind, told, planted, other):
    planted %= len(told)
    right, wrong = kind(), kind()
    for at, each in enumerate(told):
        right.take(at + 1, 5, each)
        wrong.take(at + 1, 5, other if at == planted else each)
        assert (right.value == wrong.value) == (at < planted or other == told[planted])


@BOTH
def test_it_does_not_matter_when_it_is_asked_for_or_begun_anew_with_it(kind):
    often, once = kind(), kind()
    for index in range(1, 3_000):
        for digest in (often, once):
            if index % 7:
                digest.take(index, 1, applied(events=[Event(1, f"/{index}", 3, STAT, b"x")]))
            else:
                digest.skip(index, 1)
        if index % 3 == 0:
            assert 0 <= often.value <= NUMBERS_MAX[kind]
        if index % 100 == 0:
            often = kind(often.value)
    assert often.value == once.value


@BOTH
@pytest.mark.parametrize("each", OUTCOMES)
def test_little_is_held_however_long_nobody_asks(kind, each):
    digest = kind()
    for index in range(1, 3_000):
        digest.take(index, 1, each)
    assert len(digest._gathered) <= GATHERED[kind]


@BOTH
def test_the_digest_is_the_same_on_every_machine(kind):
    event = applied(events=[Event(1, "/a", 3, STAT, b"x")])
    assert (after(kind, event), after(kind, applied(value=[1, "x"]))) == GOLDEN[kind]
