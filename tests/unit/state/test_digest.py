from coordsvc.state.digest import DATA_BYTES_MAX, GATHERED_MAX, Digest
from coordsvc.state.events import Event, LockChange
from coordsvc.state.results import Applied

GOLDEN_EVENT = 581441336
GOLDEN_VALUE = 1944964956
STAT = (1, 1, 1, 5, 5, 0, 0, 0, 0, 1, 0, 0, 0)


def after(applied, start=7, index=3, time_ms=1000):
    digest = Digest(start)
    digest.take(index, time_ms, applied)
    return digest.value


def skipped():
    digest = Digest(7)
    digest.skip(3, 1000)
    return digest.value


def applied(code=0, value=None, **fields):
    return Applied(1, 1, code, 3, value, **fields)


def test_every_effect_counts():
    event = Event(1, "/a", 3, STAT, b"x")
    large = bytes(DATA_BYTES_MAX + 1)
    seen = [
        after(applied()),
        after(applied(1)),
        after(applied(value=5)),
        after(applied(), start=8),
        after(applied(), index=4),
        after(applied(), time_ms=1001),
        after(applied(ended=(5,))),
        after(applied(opened=(5, b"pw"))),
        after(applied(lock_changes=[LockChange(1, "/a", 2, 2, 3)])),
        after(applied(lock_changes=[LockChange(1, "/a", 2, 2, 4)])),
        after(applied(events=[event])),
        after(applied(events=[event], lock_changes=[LockChange(1, "/a", 2, 2, 4)])),
        after(applied(events=[Event(2, "/a", 3, STAT, b"x")])),
        after(applied(events=[Event(1, "/b", 3, STAT, b"x")])),
        after(applied(events=[Event(1, "/a", 3, STAT, b"y")])),
        after(applied(events=[Event(1, "/a", 3, STAT, b"")])),
        after(applied(events=[Event(1, "/a", 3, STAT, None)])),
        after(applied(events=[Event(1, "/a", 3, STAT, large)])),
        after(applied(events=[Event(1, "/a", 3, STAT, large + b"x")])),
        after(applied(events=[Event(1, "/a", 3, (*STAT[:5], 1, *STAT[6:]), b"x")])),
        after(applied(events=[Event(1, "/a", 3, (*STAT[:6], 1, *STAT[7:]), b"x")])),
        after(applied(events=[Event(1, "/a", 3, (*STAT[:8], 1, *STAT[9:]), b"x")])),
        skipped(),
    ]
    assert len(set(seen)) == len(seen)
    assert all(0 <= number < 2**32 for number in seen)


def test_the_order_of_events_counts():
    one, two = Event(1, "/a", 3, STAT, b"x"), Event(1, "/b", 3, STAT, b"x")
    assert after(applied(events=[one, two])) != after(applied(events=[two, one]))


def test_it_does_not_matter_when_it_is_asked_for():
    often, once = Digest(), Digest()
    for index in range(1, 3_000):
        for digest in (often, once):
            if index % 7:
                digest.take(index, 1, applied(events=[Event(1, f"/{index}", 3, STAT, b"x")]))
            else:
                digest.skip(index, 1)
        if index % 3 == 0:
            assert 0 <= often.value < 2**32
    assert often.value == once.value


def test_little_is_held_however_long_nobody_asks():
    digest = Digest()
    for index in range(1, 5_000):
        digest.take(index, 1, applied())
    assert len(digest._gathered) <= GATHERED_MAX


def test_the_digest_is_the_same_on_every_machine():
    assert after(applied(events=[Event(1, "/a", 3, STAT, b"x")])) == GOLDEN_EVENT
    assert after(applied(value=[1, "x"])) == GOLDEN_VALUE
