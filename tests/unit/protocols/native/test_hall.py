"""What conversations share: counters, and their queues for what leaves."""

from coordsvc_client.wire import codes, ops


def test_requests_are_counted_and_so_is_what_was_not_carried_out(house, guest):
    guest.put("/a")
    guest.mutate(ops.SET, "/missing", b"", -1, [])
    guest.read(ops.GET, "/missing")
    guest.mutate(ops.SET, "/a", "not bytes", -1, [])
    guest.hear()
    requests = house.hall.requests
    assert (requests[ops.PUT], requests[ops.SET], requests[ops.GET]) == (1, 2, 1)
    assert house.hall.failures == {codes.NO_NODE: 2, codes.MALFORMED: 1}


def test_who_answers_and_who_only_tells_of_events_stand_apart(house, guest):
    other = house.guest()
    other.hello()
    other.read(ops.WATCH, "/", ops.WATCH_SUBTREE, 0, False)
    other.hear()
    guest.put("/a")
    house.turn()
    assert house.hall.dirty == [guest.talk]
    assert list(house.hall.told) == [other.talk]
