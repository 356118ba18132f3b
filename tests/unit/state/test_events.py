from coordsvc.state.events import NO_STAT, Event, LockChange


def test_changes_compare_by_what_they_say():
    assert Event(1, "/a", 5, NO_STAT, b"") == Event(1, "/a", 5, NO_STAT, b"")
    assert Event(1, "/a", 5, NO_STAT, b"") != Event(1, "/a", 5, NO_STAT, None)
    assert LockChange(1, "/a", 2, 0, 3) != LockChange(1, "/a", 2, 2, 3)
