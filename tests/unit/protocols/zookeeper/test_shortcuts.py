"""The short way of the frequent writes against the general way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordsvc.protocols.zookeeper import numbers, records, shortcuts
from coordsvc.protocols.zookeeper.answers import reply
from coordsvc.protocols.zookeeper.jute import JuteError, Reader, pack_buffer
from coordsvc.protocols.zookeeper.reads import path_and_watch, stat_of
from coordsvc.protocols.zookeeper.writes import RefusedError, Write, body_of, step_of
from coordsvc.state.acl import Acl
from coordsvc.state.machine import StateMachine
from coordsvc.state.znode import Znode

HEADER = bytes(8)
paths = st.sampled_from(["/", "/a", "/a/b", "a", "", "/\0", "/ü"])
datas = st.binary(max_size=5) | st.none()
versions = st.integers(-(2**31), 2**31 - 1)
acls = st.sampled_from([[(31, "world", "anyone")]] * 3 + [[], [(1, "world", "anyone")], None])


def create(path, data, entries, flags):
    acl = None if entries is None else [records.AclEntry(*entry) for entry in entries]
    return records.pack_create(records.Create(path, data, acl, flags, 0), numbers.CREATE)


requests = st.tuples(
    st.just(numbers.SET_DATA), st.builds(records.pack_set_data, paths, datas, versions)
) | st.tuples(st.just(numbers.CREATE), st.builds(create, paths, datas, acls, st.integers(-1, 8)))


@given(requests, st.integers(0, 60), st.binary(max_size=2))
def test_where_it_takes_a_request_it_is_the_same_as_the_general_way(request, cut, more):
    op, body = request
    for frame in (HEADER + body, HEADER + body + more, HEADER + body[:-cut], HEADER + more):
        step = shortcuts.plain_step(op, frame)
        if step is None:
            continue
        try:
            assert step == step_of(op, Reader(frame, 8), ())
        except (JuteError, RefusedError) as fault:
            pytest.fail(f"the general way says {fault!r}")


@pytest.mark.parametrize(
    ("op", "body"),
    [
        (numbers.SET_DATA, records.pack_set_data("/a", b"x", -1)),
        (numbers.SET_DATA, records.pack_set_data("/a", b"", 3)),
        (numbers.CREATE, create("/a", b"x", [(31, "world", "anyone")], 0)),
        (numbers.CREATE, create("/a", b"", [(31, "world", "anyone")], 3)),
    ],
)
def test_it_takes_what_is_frequent(op, body):
    assert shortcuts.plain_step(op, HEADER + body) is not None


def test_what_is_not_utf8_goes_the_general_way():
    body = records.pack_set_data("/a", b"x", -1).replace(b"/a", b"/\xff")
    assert shortcuts.plain_step(numbers.SET_DATA, HEADER + body) is None


@given(paths, st.booleans(), st.integers(0, 9), st.binary(max_size=1))
def test_where_it_answers_a_get_it_is_the_same_as_the_general_way(path, watch, cut, more):
    machine = StateMachine()
    nodes = machine.tree.nodes
    nodes["/a"], nodes["/a/b"] = Znode(b"12", 5, 6), Znode(None, 7, 8)
    nodes["/a"].children = {"/a/b": None}
    nodes["/ü"] = Znode(b"", 9, 9, acl=Acl(((1, "world", "anyone"),)))
    body = records.pack_path_watch(path, watch)
    for frame in (HEADER + body + more, HEADER + body[: len(body) - cut], HEADER + more):
        quick = shortcuts.data_reply(7, 9, frame, nodes)
        if quick is not None:
            found, watched = path_and_watch(frame)
            assert not watched
            node = nodes[found]
            assert quick == reply(7, 9, pack_buffer(node.data) + stat_of(node))
            assert node.acl is None
    if path == "/a" and not watch:
        assert shortcuts.data_reply(7, 9, HEADER + body, nodes) is not None


def test_replies_are_those_of_the_general_way():
    stat = tuple(range(1, 14))
    write = Write(7, numbers.SET_DATA, 0, [])
    assert shortcuts.stat_reply(7, 9, stat) == reply(7, 9, body_of(write, stat))
    write = Write(7, numbers.CREATE, 0, [])
    assert shortcuts.path_reply(7, 9, ("/ü", stat)) == reply(7, 9, body_of(write, ("/ü", stat)))
