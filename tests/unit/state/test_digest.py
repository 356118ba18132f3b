from coordsvc.state import digest
from coordsvc.state.events import Event, LockChange
from coordsvc.state.results import Applied

GOLDEN_EVENT = 4175268591989162608
GOLDEN_VALUE = 1962828480550506226
STAT = (1, 1, 1, 5, 5, 0, 0, 0, 0, 1, 0, 0, 0)


def fold(applied, start=7):
    return digest.fold(start, 3, 1000, applied)


def applied(code=0, value=None, **fields):
    return Applied(1, 1, code, 3, value, **fields)


def test_every_effect_counts():
    event = Event(1, "/a", 3, STAT, b"x")
    seen = [
        fold(applied()),
        fold(applied(1)),
        fold(applied(value=5)),
        fold(applied(), start=8),
        digest.fold(7, 4, 1000, applied()),
        digest.fold(7, 3, 1001, applied()),
        fold(applied(ended=(5,))),
        fold(applied(opened=(5, b"pw"))),
        fold(applied(lock_changes=[LockChange(1, "/a", 2, 2, 3)])),
        fold(applied(lock_changes=[LockChange(1, "/a", 2, 2, 4)])),
        fold(applied(events=[event])),
        fold(applied(events=[event], lock_changes=[LockChange(1, "/a", 2, 2, 4)])),
        fold(applied(events=[Event(2, "/a", 3, STAT, b"x")])),
        fold(applied(events=[Event(1, "/b", 3, STAT, b"x")])),
        fold(applied(events=[Event(1, "/a", 3, STAT, b"y")])),
        fold(applied(events=[Event(1, "/a", 3, STAT, b"")])),
        fold(applied(events=[Event(1, "/a", 3, STAT, None)])),
        fold(applied(events=[Event(1, "/a", 3, (*STAT[:5], 1, *STAT[6:]), b"x")])),
        fold(applied(events=[Event(1, "/a", 3, (*STAT[:6], 1, *STAT[7:]), b"x")])),
        fold(applied(events=[Event(1, "/a", 3, (*STAT[:8], 1, *STAT[9:]), b"x")])),
        digest.fold_skipped(7, 3, 1000),
    ]
    assert len(set(seen)) == len(seen)
    assert all(0 <= number < 2**64 for number in seen)


def test_the_order_of_events_counts():
    one, two = Event(1, "/a", 3, STAT, b"x"), Event(1, "/b", 3, STAT, b"x")
    assert fold(applied(events=[one, two])) != fold(applied(events=[two, one]))


def test_the_digest_is_the_same_on_every_machine():
    assert fold(applied(events=[Event(1, "/a", 3, STAT, b"x")])) == GOLDEN_EVENT
    assert fold(applied(value=[1, "x"])) == GOLDEN_VALUE
