import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordsvc_client.requests import RequestQueue
from coordsvc_client.watching import RESYNC, Watch, WatchTable
from coordsvc_client.wire import codes, ops


def make_watch(seen, since=0, failures=None):
    return Watch(
        "/a",
        mode=ops.WATCH_SUBTREE,
        since=since,
        with_data=True,
        deliver=lambda kind, path, revision, stat, data: seen.append((kind, path, revision)),
        fail=lambda code, text: (failures if failures is not None else []).append((code, text)),
    )


def feed(watch, events):
    for path, revision in events:
        watch.receive(ops.CHANGED, path, revision, None, None)


@st.composite
def histories(draw):
    """A history in which a revision can have several events, and the places of the cuts."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=12))
    events = []
    revision = 1
    for size in sizes:
        revision += draw(st.integers(1, 3))
        events += [(f"/a/{number}", revision) for number in range(size)]
    cuts = draw(st.lists(st.tuples(st.integers(0, len(events)), st.booleans()), max_size=6))
    return events, cuts


@given(histories())
def test_every_event_is_delivered_once_in_order_wherever_connections_break(case):
    events, cuts = case
    seen = []
    watch = make_watch(seen, since=1)
    for serial, (length, shows) in enumerate([*cuts, (len(events), False)], start=1):
        since = watch.arm(serial)
        rest = [event for event in events if event[1] > since]
        watch.start(since, shown=0)
        sent = rest[:length]
        feed(watch, sent)
        whole = len(sent) == len(rest) or (sent and rest[len(sent)][1] != sent[-1][1])
        # A reply can show a revision only once all of its events are out.
        watch.disconnect(sent[-1][1] if shows and whole and sent else 0)
    assert seen == [(ops.CHANGED, path, revision) for path, revision in events]


def test_a_reply_that_shows_a_revision_moves_a_quiet_watch_on():
    watch = make_watch([], since=10)
    watch.arm(1)
    watch.start(10, shown=50)
    watch.disconnect(50)
    assert watch.arm(2) == 10, "shown before the watch stood, so it proves nothing"
    watch.start(10, shown=50)
    watch.disconnect(60)
    assert watch.arm(3) == 60


def test_a_cut_is_told_once_it_is_known_where_the_watch_goes_on():
    seen = []
    watch = make_watch(seen, since=10)
    watch.arm(1)
    watch.cut()
    assert seen == []
    assert watch.arm(2) == 0
    watch.start(77, shown=0)
    assert seen == [(RESYNC, "/a", 77)]
    watch.disconnect(0)
    assert watch.arm(3) == 77


def test_an_event_before_the_reply_still_comes_after_the_word_of_the_cut():
    seen = []
    watch = make_watch(seen)
    watch.cut()
    watch.arm(1)
    feed(watch, [("/a/x", 80)])
    watch.start(79, shown=0)
    assert [kind for kind, _, _ in seen] == [RESYNC, ops.CHANGED]


def answer(requests, out_index, code, value, revision=5):
    request = requests.open[out_index]
    requests.close(request)
    request.done(code, revision, value)


@pytest.fixture
def table():
    requests = RequestQueue()
    return requests, WatchTable(requests)


def test_a_watch_waits_for_a_connection_and_gets_a_new_id_on_each(table):
    requests, watches = table
    watch = make_watch([])
    watches.add(watch)
    assert watch.id == 0
    watches.begin()
    requests.fill([], 0, 0)
    answer(requests, 1, codes.OK, 5)
    assert (watch.id, watch.established) == (1, True)
    watches.end()
    watches.begin()
    assert watch.id == 2
    watches.receive_event(1, (ops.CHANGED, "/a", 9), None, None)  # of the old connection


def test_a_compacted_history_sets_the_watch_up_from_now(table):
    requests, watches = table
    seen = []
    watches.begin()
    watch = make_watch(seen, since=3)
    watches.add(watch)
    requests.fill([], 0, 0)
    answer(requests, 1, codes.COMPACTED, "gone")
    requests.fill([], 0, 0)
    answer(requests, 2, codes.OK, 40)
    assert seen == [(RESYNC, "/a", 40)]
    watches.receive_lost(2, codes.COMPACTED)
    assert watch.id == 3


def test_a_refused_watch_fails_and_an_ended_one_is_silent(table):
    requests, watches = table
    seen, failures = [], []
    watches.begin()
    refused, ended = make_watch(seen, failures=failures), make_watch(seen)
    watches.add(refused)
    watches.add(ended)
    requests.fill([], 0, 0)
    watches.remove(ended)
    answer(requests, 1, codes.DENIED, "no")
    answer(requests, 2, codes.OK, 5)
    watches.receive_event(2, (ops.CHANGED, "/a", 9), None, None)
    watches.receive_lost(2, codes.COMPACTED)
    assert (seen, failures) == ([], [(codes.DENIED, "no")])
