"""The short way of SET against the general way: nobody can tell which was taken."""

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc.base.vocabulary import ops
from coordsvc.state import machine as module
from coordsvc.state.machine import StateMachine
from coordsvc.state.quick import PlainSets

PATHS = ["/a", "/a", "/a", "/a/b", "/ttl", "/mine", "/none", "bad"]
sets = st.tuples(
    st.just(ops.SET),
    st.sampled_from(PATHS),
    st.binary(max_size=3) | st.none() | st.binary(min_size=2_000, max_size=2_100),
    st.sampled_from([-1, -1, -1, 0, 1]),
    st.sampled_from([[], [], [], [["/a", 1]]]),
)
QUOTA = "/zookeeper/quota/a/zookeeper_"
others = st.sampled_from(
    [
        (ops.CREATE, QUOTA + "limits", b"byteHardLimit=2000", 0, False, True, 0, []),
        (ops.CREATE, QUOTA + "stats", b"", 0, False, True, 0, []),
        (ops.DELETE, "/a/b", -1, False, []),
        (ops.CREATE, "/a/b", b"", 0, False, True, 0, []),
        (ops.CREATE, "/ttl", b"", 3, False, True, 5, []),
        (ops.CREATE, "/mine", b"", 1, False, True, 0, []),
        (ops.TXN, [], [[ops.SET, "/a", b"1", -1, []], [ops.DELETE, "/none", -1, False, []]], []),
        (ops.SET, "/a", 5, -1, []),
        (ops.SET, "/a"),
    ]
)
retries = st.sampled_from([0, 0, 0, 0, 0, 1, 3])


def entry(index, request, back):
    serial = max(1, index - back)
    return msgpack.packb([1, [request[0], serial, max(1, serial - 2), *request[1:]]])


def life(steps, *, quick, capture_at):
    """Return everything anybody could see of a state machine that lived through `steps`."""
    machine = StateMachine()
    machine.apply(1, 10, msgpack.packb([0, [ops.OPEN_SESSION, 9, 9, b"p" * 16, 5_000, "", ""]]))
    seen, chunks = [], []
    with pytest.MonkeyPatch.context() as patch:
        if not quick:
            patch.setattr(module, "plain_set", lambda request: None)
        for index, (request, back) in enumerate(steps, 2):
            if index == capture_at:
                capture = machine.capture()
            applied = machine.apply(index, 10 + index, entry(index, request, back))
            seen.append((applied, machine.digest, machine.next_due_ms()))
        if 2 <= capture_at < len(steps) + 2:
            while (chunk := capture.next_chunk()) is not None:
                chunks.append(chunk)
    final = machine.capture()
    while (chunk := final.next_chunk()) is not None:
        chunks.append(chunk)
    return repr(seen), chunks, machine.history.events


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(sets | others, retries), min_size=5, max_size=25), st.integers(2, 27))
def test_the_short_way_leads_to_the_same_place(steps, capture_at):
    steps = [((ops.CREATE, "/a", b"", 0, False, True, 0, []), 0), *steps]
    quick = life(steps, quick=True, capture_at=capture_at)
    assert quick == life(steps, quick=False, capture_at=capture_at)


def opened():
    machine = StateMachine()
    machine.apply(1, 10, msgpack.packb([0, [ops.OPEN_SESSION, 9, 9, b"p" * 16, 5_000, "", ""]]))
    return machine


def test_the_short_way_is_taken(monkeypatch):
    taken = []
    monkeypatch.setattr(PlainSets, "apply", lambda _self, *args: taken.append(args))
    opened().apply(2, 10, msgpack.packb([1, [ops.SET, 1, 1, "/", b"x", -1, []]]))
    assert taken == [(1, (1, 1, "/", b"x"), 2, 10)]


def test_it_does_nothing_where_the_general_way_is_needed():
    machine = opened()
    machine.apply(2, 10, msgpack.packb([1, [ops.CREATE, 1, 1, "/a", b"", 0, False, False, 0, []]]))
    machine.history.events.clear()
    before = machine.digest
    short = PlainSets(machine.tree, machine.sessions, machine.history, machine._digest)
    assert short.apply(1, (2, 1, "/none", b""), 3, 10) is None
    assert short.apply(7, (2, 1, "/", b""), 3, 10) is None
    assert short.apply(1, (1, 1, "/", b""), 3, 10) is None
    capture = machine.capture()
    assert short.apply(1, (2, 1, "/", b""), 3, 10) is None
    capture.abandon()
    assert machine.digest == before
    assert not machine.history.events
    assert short.apply(1, (2, 1, "/", b""), 3, 10) is not None


def test_the_first_answer_of_a_session_takes_the_general_way():
    machine = opened()
    short = PlainSets(machine.tree, machine.sessions, machine.history, machine._digest)
    assert short.apply(1, (1, 1, "/", b""), 2, 10) is None
    assert not machine.history.events
