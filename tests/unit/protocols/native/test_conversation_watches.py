"""Watches on a native connection, with a real replica behind it."""

from coordsvc.base import limits
from coordsvc_client.wire import codes, ops


def test_an_event_comes_before_the_answer_of_its_revision(guest):
    watch = guest.read(ops.WATCH, "/", ops.WATCH_SUBTREE, 0, True)
    guest.hear()
    write = guest.put("/a", b"x")
    event, answer = guest.hear()
    assert event[:4] == [ops.EVENT, watch, ops.CREATED, "/a"]
    assert event[6] == b"x"
    assert (answer[0], answer[2]) == (write, event[4])


def test_a_watch_that_resumes_misses_nothing_and_hears_nothing_twice(house, guest):
    since = house.replica.applied
    for number in range(3):
        guest.put(f"/{number}", b"x")
    guest.hear()
    other = house.guest()
    other.hello()
    watch = other.read(ops.WATCH, "/", ops.WATCH_CHILDREN, since, False)
    guest.put("/3")
    guest.hear()
    told = other.hear()
    assert told[0][:2] == [watch, codes.OK]
    assert [each[3] for each in told[1:]] == ["/0", "/1", "/2", "/3"]
    assert all(each[6] is None for each in told[1:])


def test_a_watch_whose_past_is_forgotten_is_told_so(house, guest):
    house.replica.machine.history.compacted = house.replica.applied + 1
    watch = guest.read(ops.WATCH, "/", ops.WATCH_SUBTREE, 1, False)
    assert guest.hear()[0][:2] == [watch, codes.COMPACTED]
    guest.put("/a")
    assert len(guest.hear()) == 1


def test_a_watch_on_a_path_where_nothing_can_ever_be_is_refused(guest):
    watch = guest.read(ops.WATCH, "/a//b", ops.WATCH_NODE, 0, False)
    assert guest.hear()[0][:2] == [watch, codes.BAD_PATH]


def test_a_watch_ends_when_asked(guest):
    watch = guest.read(ops.WATCH, "/", ops.WATCH_SUBTREE, 0, False)
    guest.read(ops.UNWATCH, watch)
    guest.put("/a")
    assert not any(each[0] == ops.EVENT and each[1] == watch for each in guest.hear()[3:])


def test_watches_are_bounded(guest, monkeypatch):
    monkeypatch.setattr(limits, "WATCHES_PER_CONNECTION_MAX", 1)
    guest.read(ops.WATCH, "/", ops.WATCH_SUBTREE, 0, False)
    guest.read(ops.WATCH, "/", ops.WATCH_NODE, 0, False)
    assert [each[1] for each in guest.hear()] == [codes.OK, codes.TOO_MANY]


def test_a_client_that_does_not_read_loses_its_watches_and_is_told(house, guest):
    watch = guest.read(ops.WATCH, "/", ops.WATCH_SUBTREE, 0, False)
    guest.hear()
    writer = house.guest()
    writer.hello()
    guest.talk.congested(True)
    writer.put("/a")
    writer.put("/b")
    writer.hear()
    assert guest.hear() == [[ops.WATCH_LOST, watch, codes.COMPACTED, house.replica.applied - 1]]
    guest.talk.congested(False)
    writer.put("/c")
    writer.hear()
    assert guest.hear() == []


def test_events_that_wait_to_be_sent_are_bounded(guest, monkeypatch):
    watch = guest.read(ops.WATCH, "/", ops.WATCH_SUBTREE, 0, True)
    guest.hear()
    monkeypatch.setattr(limits, "OUTBOX_BYTES_MAX", 1_000)
    for name in "abcd":
        guest.put(f"/{name}", bytes(600))
    heard = guest.hear()
    assert [each[0] for each in heard if each[0] < 0] == [ops.EVENT, ops.EVENT, ops.WATCH_LOST]
    assert next(each for each in heard if each[0] == ops.WATCH_LOST)[1] == watch
