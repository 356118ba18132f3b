"""ZooKeeper's watches against a plain model of their rules."""

from hypothesis import given
from hypothesis import strategies as st

from coordsvc.base.paths import is_within, parent_of
from coordsvc.base.vocabulary import ops
from coordsvc.state.events import Event
from coordsvc.watch.paths import (
    CHILD,
    CHILDREN_CHANGED,
    DATA,
    KINDS,
    PERSISTENT,
    RECURSIVE,
    PathWatches,
    Watches,
)

PATHS = ["/", "/a", "/a/b", "/a/b/c", "/ab"]


def event(kind, path):
    return Event(kind, path, 1, (), None)


def expected(watches, change):
    """Return what `watches`, each (listener, path, kind), make their listeners hear."""
    kind, path = change.kind, change.path
    parent = parent_of(path)
    node, above = {}, {}
    for listener, at, what in watches:
        if (
            (what == DATA and at == path)
            or (what == CHILD and at == path and kind == ops.DELETED)
            or (what == PERSISTENT and at == path)
            or (what == RECURSIVE and is_within(path, at))
        ):
            node[listener] = kind
        if kind != ops.CHANGED and path != "/" and at == parent and what in (CHILD, PERSISTENT):
            above[listener] = CHILDREN_CHANGED
    return sorted(node.items()), sorted(above.items())


def fired(watches, change):
    """Return the one-shot watches that a change takes away."""
    kind, path = change.kind, change.path
    return {
        (listener, at, what)
        for listener, at, what in watches
        if (what == DATA and at == path)
        or (
            what == CHILD
            and (
                (at == path and kind == ops.DELETED)
                or (kind != ops.CHANGED and path != "/" and at == parent_of(path))
            )
        )
    }


watches_of = st.sets(
    st.tuples(st.sampled_from("xyz"), st.sampled_from(PATHS), st.sampled_from(KINDS)), max_size=12
)
changes = st.lists(
    st.builds(
        event, st.sampled_from([ops.CREATED, ops.DELETED, ops.CHANGED]), st.sampled_from(PATHS)
    ),
    max_size=5,
)


@given(watches_of, changes)
def test_who_hears_what(watches, happened):
    table = PathWatches()
    for listener, path, kind in sorted(watches):
        assert table.add(listener, path, kind)
    for change in happened:
        told = [(listener, what) for listener, what, _ in table.match([change])]
        node, above = expected(watches, change)
        assert sorted(told[: len(node)]) == node
        assert sorted(told[len(node) :]) == above
        watches = watches - fired(watches, change)
        assert len(table) == len(watches)
        for listener, path, kind in watches:
            assert table.has(listener, path, kind)
    for listener in "xyz":
        table.remove_listener(listener)
    assert not table
    assert len(table) == 0


def test_removing_says_whether_there_was_one():
    table = PathWatches()
    table.add("x", "/a", DATA)
    assert not table.remove("y", "/a", DATA)
    assert not table.remove("x", "/a", CHILD)
    assert table.remove("x", "/a", DATA)
    assert not table.remove("x", "/a", DATA)
    assert not table


def test_who_watches_what_can_be_listed():
    table = PathWatches()
    table.add("x", "/a", DATA)
    table.add("x", "/a", CHILD)
    table.add("x", "/b", RECURSIVE)
    assert list(table.listeners) == ["x"]
    assert table.watched_by("x") == ["/a", "/b"]
    assert table.watched_by("y") == []


def test_native_watches_and_these_live_side_by_side():
    table = Watches()
    table.add("native", 7, "/a", ops.WATCH_NODE)
    table.paths.add("zookeeper", "/a", DATA)
    change = event(ops.CHANGED, "/a")
    assert table.match([change]) == [("native", 7, change), ("zookeeper", ops.CHANGED, change)]
    assert table.remove_listener("native") == [7]
    table.remove_listener("zookeeper")
    assert table.match([change]) == []
