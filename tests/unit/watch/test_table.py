"""The table of watches: who is told of what, once, in order, and at what cost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc.base import limits
from coordsvc.base.vocabulary import ops
from coordsvc.state.events import Event
from coordsvc.watch.table import WatchTable, matches

NODE, CHILDREN, SUBTREE = ops.WATCH_NODE, ops.WATCH_CHILDREN, ops.WATCH_SUBTREE
CREATED, DELETED, CHANGED = ops.CREATED, ops.DELETED, ops.CHANGED


def event(kind, path, revision=1, data=b"data"):
    return Event(kind, path, revision, (), data)


def ids(told):
    return [watch_id for _, watch_id, _ in told]


@pytest.mark.parametrize(
    ("mode", "path", "kind", "changed", "told"),
    [
        (NODE, "/a", CREATED, "/a", True),
        (NODE, "/a", CHANGED, "/a", True),
        (NODE, "/a", DELETED, "/a", True),
        (NODE, "/a", CREATED, "/a/b", False),
        (NODE, "/a", CHANGED, "/", False),
        (CHILDREN, "/a", CREATED, "/a/b", True),
        (CHILDREN, "/a", DELETED, "/a/b", True),
        (CHILDREN, "/a", CHANGED, "/a/b", False),
        (CHILDREN, "/a", CREATED, "/a/b/c", False),
        (CHILDREN, "/a", DELETED, "/a", True),
        (CHILDREN, "/a", CREATED, "/a", True),
        (CHILDREN, "/a", CHANGED, "/a", False),
        (CHILDREN, "/", CREATED, "/a", True),
        (CHILDREN, "/", CREATED, "/a/b", False),
        (CHILDREN, "/", CHANGED, "/", False),
        (CHILDREN, "/", CREATED, "/", True),
        (SUBTREE, "/a", CHANGED, "/a", True),
        (SUBTREE, "/a", CHANGED, "/a/b/c", True),
        (SUBTREE, "/a", CHANGED, "/ab", False),
        (SUBTREE, "/a", CHANGED, "/", False),
        (SUBTREE, "/", CHANGED, "/x/y", True),
        (SUBTREE, "/", CHANGED, "/", True),
    ],
)
def test_a_mode_decides_what_a_watch_is_told(mode, path, kind, changed, told):
    assert matches(mode, path, event(kind, changed)) is told
    table = WatchTable()
    table.add("client", 1, path, mode)
    assert bool(table.match([event(kind, changed)])) is told


def test_events_go_out_in_their_order_and_to_watches_in_order_of_registration():
    table = WatchTable()
    table.add("b", 7, "/", SUBTREE)
    table.add("a", 3, "/x", NODE)
    table.add("b", 2, "/", CHILDREN)
    told = table.match([event(CREATED, "/x", 5), event(CHANGED, "/x", 6)])
    assert [(who, watch_id, each.revision) for who, watch_id, each in told] == [
        ("b", 7, 5),
        ("a", 3, 5),
        ("b", 2, 5),
        ("b", 7, 6),
        ("a", 3, 6),
    ]


def test_a_watch_gets_data_only_if_it_asked_and_all_others_share_one_event():
    table = WatchTable()
    table.add("a", 1, "/x", NODE, with_data=True)
    table.add("b", 1, "/x", NODE)
    table.add("c", 1, "/x", NODE)
    first, second, third = (each for _, _, each in table.match([event(CHANGED, "/x")]))
    assert first.data == b"data"
    assert second.data is None
    assert second is third


def test_an_event_without_data_is_passed_on_as_it_is():
    table = WatchTable()
    table.add("a", 1, "/x", NODE)
    original = event(CHANGED, "/x", data=None)
    assert table.match([original])[0][2] is original


def test_a_watch_is_told_of_nothing_up_to_its_revision():
    table = WatchTable()
    table.add("a", 1, "/x", NODE, since=10)
    told = table.match([event(CHANGED, "/x", revision) for revision in (9, 10, 11)])
    assert [each.revision for _, _, each in told] == [11]


def test_a_one_shot_watch_fires_once_and_leaves():
    table = WatchTable()
    table.add("a", 1, "/x", NODE, one_shot=True)
    table.add("a", 2, "/x", NODE)
    told = table.match([event(CHANGED, "/x", 1), event(CHANGED, "/x", 2)])
    assert ids(told) == [1, 2, 2]
    assert len(table) == 1


def test_a_one_shot_watch_does_not_leave_for_an_event_it_is_not_told():
    table = WatchTable()
    table.add("a", 1, "/x", NODE, since=5, one_shot=True)
    assert table.match([event(CHANGED, "/x", 5), event(CHANGED, "/y", 6)]) == []
    assert ids(table.match([event(CHANGED, "/x", 7)])) == [1]


def test_a_removed_watch_is_told_nothing():
    table = WatchTable()
    table.add("a", 1, "/x", NODE)
    assert table.remove("a", 1)
    assert not table.remove("a", 1)
    assert not table.remove("nobody", 1)
    assert table.match([event(CHANGED, "/x")]) == []


def test_the_same_id_again_replaces_the_watch():
    table = WatchTable()
    table.add("a", 1, "/x", NODE)
    table.add("a", 1, "/y", NODE)
    assert len(table) == 1
    assert ids(table.match([event(CHANGED, "/x"), event(CHANGED, "/y")])) == [1]


def test_a_listener_leaves_with_all_its_watches_and_nobody_elses():
    table = WatchTable()
    table.add("a", 5, "/x", NODE)
    table.add("b", 5, "/x", NODE)
    table.add("a", 4, "/", SUBTREE)
    assert table.remove_listener("a") == [5, 4]
    assert table.remove_listener("a") == []
    assert [who for who, _, _ in table.match([event(CHANGED, "/x")])] == ["b"]


def test_clearing_names_whose_watches_went_in_order_of_registration():
    table = WatchTable()
    table.add("b", 1, "/x", NODE)
    table.add("a", 1, "/x", SUBTREE)
    table.add("b", 2, "/x", CHILDREN)
    assert table.clear() == [("b", 1), ("a", 1), ("b", 2)]
    assert len(table) == 0
    assert table.match([event(CREATED, "/x")]) == []


def test_a_listener_has_no_more_watches_than_the_bound(monkeypatch):
    monkeypatch.setattr(limits, "WATCHES_PER_CONNECTION_MAX", 2)
    table = WatchTable()
    assert table.add("a", 1, "/x", NODE)
    assert table.add("a", 2, "/x", NODE)
    assert not table.add("a", 3, "/x", NODE)
    assert table.add("a", 2, "/y", NODE), "replacing needs no room"
    assert table.add("b", 1, "/x", NODE)


def test_nothing_stays_behind_when_the_watches_are_gone():
    table = WatchTable()
    for mode in (NODE, CHILDREN, SUBTREE):
        table.add("a", mode, "/x", mode)
    table.remove_listener("a")
    assert table._by_listener == {}
    assert all(not shelf for shelf in table._shelves.values())


def test_watches_that_do_not_match_are_not_looked_at():
    table = WatchTable()
    for number in range(1000):
        table.add("other", number, f"/other/{number}", number % 3)
    table.add("a", 1, "/x", NODE)
    assert len(table._watches_of(event(CREATED, "/x/y/z"))) == 0
    assert len(table._watches_of(event(CREATED, "/x"))) == 1


PATHS = st.sampled_from(["/", "/a", "/b", "/a/b", "/a/bc", "/a/b/c", "/ab"])
KINDS = st.sampled_from([CREATED, DELETED, CHANGED])
WATCHES = st.lists(
    st.tuples(PATHS, st.sampled_from([NODE, CHILDREN, SUBTREE]), st.integers(0, 5)), max_size=12
)


@settings(max_examples=150, deadline=None)
@given(WATCHES, st.lists(st.tuples(KINDS, PATHS), max_size=10))
def test_the_table_tells_exactly_what_the_rule_says(watches, changes):
    table = WatchTable()
    for number, (path, mode, since) in enumerate(watches):
        table.add(number % 3, number, path, mode, since=since)
    events = [event(kind, path, revision) for revision, (kind, path) in enumerate(changes)]
    expected = [
        (number % 3, number, each.revision)
        for each in events
        for number, (path, mode, since) in enumerate(watches)
        if each.revision > since and matches(mode, path, each)
    ]
    assert [(who, number, each.revision) for who, number, each in table.match(events)] == expected
