import sys

from coordsvc.base import limits
from coordsvc.state.events import NO_STAT, Event
from coordsvc.state.history import DROP_SHARE, History


def event(revision, data=b""):
    return Event(1, "/a", revision, NO_STAT, data)


def test_since_gives_what_came_after_a_revision():
    history = History()
    for revision in (2, 4, 4, 9):
        history.append(event(revision))
    assert [e.revision for e in history.since(0)] == [2, 4, 4, 9]
    assert [e.revision for e in history.since(3)] == [4, 4, 9]
    assert [e.revision for e in history.since(4)] == [9]
    assert history.since(100) == []


def test_beyond_the_bound_the_oldest_go_and_it_says_so(monkeypatch):
    monkeypatch.setattr(limits, "HISTORY_EVENTS_MAX", 16)
    history = History()
    for revision in range(1, 18):
        history.append(event(revision))
    assert len(history.events) == 16
    assert history.compacted == 1
    assert history.since(0) is None
    assert [e.revision for e in history.since(1)] == list(range(2, 18))


def test_one_goes_for_each_that_comes_and_no_place_is_kept_for_those_that_went(monkeypatch):
    monkeypatch.setattr(limits, "HISTORY_EVENTS_MAX", 16)
    history = History()
    for revision in range(1, 200):
        history.append(event(revision, b"x"))
        oldest = max(1, revision - 15)
        assert [e.revision for e in history.events] == list(range(oldest, revision + 1))
        assert [e.revision for e in history.since(revision - 1)] == [revision]
        assert history.compacted == oldest - 1
        assert len(history._events) <= 16 + 3


def test_an_event_that_went_is_not_held(monkeypatch):
    monkeypatch.setattr(limits, "HISTORY_EVENTS_MAX", 16)
    history = History()
    first = b"held by the event only"
    held = sys.getrefcount(first)
    history.append(event(1, first))
    assert sys.getrefcount(first) == held + 1
    for revision in range(2, 18):
        history.append(event(revision))
    assert history.compacted == 1
    assert sys.getrefcount(first) == held


def test_empty_is_what_has_no_event(monkeypatch):
    monkeypatch.setattr(limits, "HISTORY_BYTES_MAX", 8)
    history = History()
    assert history.is_empty
    history.append(event(1, b"x"))
    assert not history.is_empty
    history.append(event(2, b"x" * 9))
    assert history.is_empty
    assert history.events == []


def test_some_more_than_needed_go_at_once(monkeypatch):
    monkeypatch.setattr(limits, "HISTORY_EVENTS_MAX", 2 * DROP_SHARE)
    history = History()
    for revision in range(1, 2 * DROP_SHARE + 1):
        history.append(event(revision))
    assert len(history.events) == 2 * DROP_SHARE
    history.append(event(2 * DROP_SHARE + 1))
    assert len(history.events) == 2 * DROP_SHARE - 2
    assert history.compacted == 3


def test_the_bytes_of_data_are_bounded_too(monkeypatch):
    monkeypatch.setattr(limits, "HISTORY_BYTES_MAX", 80)
    history = History()
    for revision in range(1, 9):
        history.append(event(revision, b"x" * 10))
    assert history.compacted == 0
    history.append(event(9, None))
    history.append(event(10, b"x"))
    assert history.compacted == 1
    history.append(event(11, b"x" * 9))
    assert history.compacted == 1
    history.append(event(12, b"x"))
    assert history.compacted == 2
    history.append(event(13, b"x" * 100))
    assert (history.events, history.compacted) == ([], 13)


def test_a_revision_cut_in_two_is_compacted(monkeypatch):
    monkeypatch.setattr(limits, "HISTORY_EVENTS_MAX", 8)
    history = History()
    for revision in (1, 2, 2, 2, 3, 4, 5, 6, 7, 8):
        history.append(event(revision))
    assert history.compacted == 2
    assert history.since(1) is None
    assert [e.revision for e in history.since(2)] == [3, 4, 5, 6, 7, 8]


def test_what_is_forgotten_is_not_resumed_from():
    history = History()
    history.append(event(1, b"x"))
    history.forget(5)
    assert (history.events, history.compacted) == ([], 5)
    assert history.since(4) is None
    history.append(event(6, b"y"))
    assert [e.revision for e in history.since(5)] == [6]
