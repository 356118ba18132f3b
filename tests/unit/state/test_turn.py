from coordsvc.state.turn import Turn


def test_turns_do_not_share_what_they_collect():
    one, two = Turn(1, 10, 5), Turn(2, 20, 0)
    one.locks_touched.append("/a")
    assert (two.events, two.lock_changes, two.locks_touched) == ([], [], [])
    assert (one.revision, one.time_ms, one.session) == (1, 10, 5)
    assert (one.ended, one.opened) == ((), None)
