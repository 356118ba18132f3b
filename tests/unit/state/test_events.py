from coordsvc.state.events import Event, LockChange


def test_changes_compare_by_what_they_say():
    assert Event(1, "/a", 5, (1,), b"") == Event(1, "/a", 5, (1,), b"")
    assert Event(1, "/a", 5, (1,), b"") != Event(1, "/a", 5, (1,), None)
    assert LockChange(1, "/a", 2, 0, 3) != LockChange(1, "/a", 2, 2, 3)
