"""The short ways against the general way: nobody can tell which was taken."""

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc.base import limits
from coordsvc.base.vocabulary import codes, ops
from coordsvc.state import versions
from coordsvc.state.machine import StateMachine

QUOTA = "/zookeeper/quota/a/zookeeper_"
LARGE = bytes(2_000)
BEGINNING = [
    (1, (ops.CREATE, "/a", b"", 0, False, False, 0, []), 0),
    (1, (ops.CREATE, "/box", b"", 2, False, False, 0, []), 0),
    (1, (ops.CREATE, "/ttl", b"", 3, False, False, 90, []), 0),
    (1, (ops.CREATE, "/mine", b"", 1, False, False, 0, []), 0),
]
COMMON = [
    *((ops.CREATE, path, b"x", kind, False, False, 0, [])
      for path in ("/a", "/a/b", "/box/c", "/ttl/d", "/mine/e") for kind in (0, 1, 2)),
    *((ops.DELETE, path, -1, False, [])
      for path in ("/a", "/a/b", "/box/c", "/box", "/ttl/d", "/mine")),
    *((ops.SET, path, b"y", -1, []) for path in ("/a", "/a/b", "/box", "/ttl", "/mine")),
    *((ops.PUT, path, b"z", False, []) for path in ("/a", "/a/b", "/ttl", "/mine/e")),
    *((ops.ACQUIRE, path, shared, wait, 0, "")
      for path in ("/a", "/a/b", "/box", "/ttl") for shared in (False, True)
      for wait in (False, True)),
    *((ops.RELEASE, None, which) for which in (*range(8), *range(8))),
]  # fmt: skip
"""A RELEASE names which of the sender's claims it gives up."""
RARE = [
    (ops.CREATE, "/zookeeper", b"", 0, False, False, 0, []),
    (ops.CREATE, QUOTA + "limits", b"countHardLimit=3,byteHardLimit=2000", 0, False, True, 0, []),
    (ops.CREATE, QUOTA + "stats", b"", 0, False, True, 0, []),
    (ops.CREATE, "/zookeeper/quota/x", b"", 0, False, False, 0, []),
    (ops.CREATE, "/a/s", b"", 0, True, False, 0, []),
    (ops.CREATE, "/a/s", b"", 0, 1, False, 0, []),
    (ops.CREATE, "/a/t", b"", 3, False, False, 5, []),
    (ops.CREATE, "/a/t", b"", 0, False, False, 5, []),
    (ops.CREATE, "/a/k", b"", False, False, False, 0, []),
    (ops.CREATE, "/none/x", b"", 0, False, True, 0, []),
    (ops.CREATE, "/a/..", b"", 0, False, False, 0, []),
    (ops.CREATE, "bad", b"", 0, False, False, 0, []),
    (ops.CREATE, "", b"", 0, False, False, 0, []),
    (ops.CREATE, "/", b"", 0, False, False, 0, []),
    (ops.CREATE, "/a/n", None, 0, False, False, 0, []),
    (ops.CREATE, "/a/g", b"", 0, False, False, 0, [["/a", 1]]),
    (ops.DELETE, "/", -1, False, []),
    (ops.DELETE, "/a", -1, True, []),
    (ops.DELETE, "/a/b", 0, False, []),
    (ops.DELETE, "/a/b", -1.0, False, []),
    (ops.DELETE, "/a/b", -1, False, [["/a", 1]]),
    (ops.DELETE, "/zookeeper/config", -1, False, []),
    (ops.DELETE, "/zookeeper/quota", -1, False, []),
    (ops.SET, "/a", LARGE, -1, []),
    (ops.SET, "/a", None, -1, []),
    (ops.SET, "/a", b"", 0, []),
    (ops.SET, "/a", b"", -1.0, []),
    (ops.SET, "/a", b"", -1, [["/a", 1]]),
    (ops.SET, "/a", 5, -1, []),
    (ops.SET, "/a"),
    *((ops.SET_ACL, path, [[31, "digest", "a:b"]], -1) for path in ("/", "/a", "/a/b", "/box")),
    (ops.SET_ACL, "/a", [[15, "world", "anyone"]], -1),
    (ops.PUT, "/new/x", b"n", True, []),
    (ops.ACQUIRE, "/new/lock", False, True, 0, ""),
    *((ops.ACQUIRE, path, False, True, 9_000, "me") for path in ("/a", "/box", "/ttl", "/mine")),
    (ops.ACQUIRE, "/a", False, True, limits.LOCK_DELAY_MS_MAX + 1, ""),
    (ops.ACQUIRE, "/a", False, True, 0, "é" * 600),
    (ops.BREAK, "/a", ""),
    (ops.RELEASE, "/a", -(2**62)),
    (ops.RELEASE, "/a", 2**62),
    (ops.RELEASE, "/b", None),
    (ops.TXN, [], [[ops.SET, "/a", b"1", -1, []], [ops.DELETE, "/none", -1, False, []]], []),
    (ops.TXN, [], [
        [ops.CREATE, "/box/c", b"", 0, False, False, 0, []], [ops.DELETE, "/box/c", -1, False, []],
    ], []),
    (True, "/a"),
    ([], "/a"),
]  # fmt: skip
ENDS = [(0, (ops.EXPIRE_SESSION, 2), 0), (0, (ops.END_SESSION, 2, ""), 0), (2, (ops.CLOSE,), 0)]
TICK = (0, (ops.TICK,), 0)
LOCKING = [
    *(step for step in COMMON if step[0] in {ops.ACQUIRE, ops.RELEASE} and step[1] != "/a/b"),
    *((ops.ACQUIRE, path, shared, True, 9_000, "") for path in ("/a", "/box", "/ttl")
      for shared in (False, True)),
]  # fmt: skip
LIVING = [step for step in COMMON if step[0] not in {ops.ACQUIRE, ops.RELEASE}]
"""Claims alone, and nodes alone: among everything, what depends on both comes too seldom."""


@st.composite
def lives(draw):
    """Who, what, and how many serials back: a command may be a copy."""
    usual = draw(st.sampled_from([[*COMMON, *COMMON, *RARE], [*COMMON, *RARE], LOCKING, LIVING]))
    steps = st.tuples(
        st.sampled_from([1, 1, 1, 2]),
        st.sampled_from(usual),
        st.sampled_from([0, 0, 0, 0, 0, 0, 0, 0, 1, 3]),
    )
    ends = st.sampled_from([TICK, TICK, *ENDS])
    return draw(st.lists(st.one_of(*[steps] * 12, ends), min_size=20, max_size=60))


FIRST = 10
"""The index of the first of them."""


def opened(*, version=1):
    machine = StateMachine()
    for index in (1, 2):
        machine.apply(
            index, 10, msgpack.packb([0, [ops.OPEN_SESSION, 9, 9, b"p" * 16, 5_000, "", ""]])
        )
    if version > 1:
        machine.apply(3, 10, msgpack.packb([0, [ops.RAISE_VERSION, 9, 9, version]]))
    return machine


def answered(**options):
    """Return a machine with a session that has had an answer."""
    machine = opened(**options)
    machine.apply(9, 10, entry(9, 1, (ops.DELETE, "/none", -1, False, [])))
    return machine


def entry(index, session, request, back=0, claims=None):
    serial = index - back
    op, *arguments = request
    if op == ops.RELEASE and arguments[0] is None:
        mine = sorted((claims or {}).items())
        claim, path = mine[arguments[1] % len(mine)] if mine else (index - 1, "/a")
        arguments = [path, claim]
    return msgpack.packb([session, [op, serial, max(1, serial - 2), *arguments]])


def chunks_of(capture):
    chunks = []
    while (chunk := capture.next_chunk()) is not None:
        chunks.append(chunk)
    return chunks


def life(steps, *, short, version=versions.NEWEST, capture_at=0, restore_at=0):
    """Return everything anybody could see of a state machine that lived through `steps`."""
    machine = opened(version=version)
    seen, chunks, time_ms = [], [], 10
    for index, (session, request, back) in enumerate(steps, FIRST):
        if index == capture_at:
            capture = machine.capture()
        if index == restore_at and not capture_at:
            machine = StateMachine.restore(chunks_of(machine.capture()))
        if not short:
            machine._short_ways.by_op.clear()
        time_ms += limits.CONTAINER_IDLE_MS if request[0] == ops.TICK else 1
        sender = machine.sessions.by_id.get(session)
        data = entry(index, session, request, back, sender and sender.claims)
        applied = machine.apply(index, time_ms, data)
        claims = [each.claims for each in machine.sessions.by_id.values()]
        mine = [each.ephemerals for each in machine.sessions.by_id.values()]
        seen.append(repr((applied, machine.digest, machine.next_due_ms(), claims, mine)))
        seen.append(repr((machine.expiry.ttls.due_at, machine.expiry.containers.due_at)))
    if FIRST <= capture_at < FIRST + len(steps):
        chunks = chunks_of(capture)
    return seen, chunks, chunks_of(machine.capture()), machine.history.events


@settings(max_examples=300, deadline=None)
@given(
    lives(),
    st.sampled_from([0, 0, 0, 15, 30, 45]),
    st.integers(FIRST, 80),
    st.sampled_from([1, 2, 3, 3, 3]),
)
def test_the_short_ways_lead_to_the_same_place(steps, capture_at, restore_at, version):
    steps = [*BEGINNING, *steps]
    options = {"capture_at": capture_at, "restore_at": restore_at, "version": version}
    assert life(steps, short=True, **options) == life(steps, short=False, **options)


LIMITS = (1, (ops.CREATE, QUOTA + "limits", b"countHardLimit=2", 0, False, True, 0, []), 0)
STATS = (1, (ops.CREATE, QUOTA + "stats", b"", 0, False, True, 0, []), 0)


@pytest.mark.parametrize(
    "steps",
    [
        [(1, (ops.DELETE, "/", -1, False, []), 0)],
        [
            (1, (ops.CREATE, "/zookeeper/quota", b"", 0, False, True, 0, []), 0),
            (1, (ops.DELETE, "/zookeeper/quota", -1, False, []), 0),
        ],
        [
            *(*BEGINNING, LIMITS, STATS),
            *((1, (ops.CREATE, f"/a/{i}", b"", 0, False, False, 0, []), 0) for i in range(3)),
        ],
        [
            *BEGINNING,
            (1, (ops.ACQUIRE, "/a", True, True, 0, ""), 0),
            (2, (ops.ACQUIRE, "/a", True, True, 9_000, ""), 0),
            (0, (ops.EXPIRE_SESSION, 2), 0),  # its delay closes the lock, also behind the other
            (1, (ops.RELEASE, None, 0), 0),
            (1, (ops.ACQUIRE, "/a", True, False, 0, ""), 0),
        ],
        [
            *BEGINNING,
            (1, (ops.ACQUIRE, "/a", False, True, 0, ""), 0),
            (1, (ops.DELETE, "/a", -1, False, []), 0),
        ],
        [*BEGINNING, (1, (float(ops.SET), "/a", b"", -1, []), 0)],
        [
            *BEGINNING,
            (1, (ops.SET_ACL, "/a", [[31, "digest", "a:b"]], -1), 0),
            (1, (ops.CREATE, "/a/b", b"", 0, False, False, 0, []), 0),
        ],
    ],
)
@pytest.mark.parametrize("version", sorted(versions.HISTORY))
def test_what_lives_meet_too_seldom(steps, version):
    assert life(steps, short=True, version=version) == life(steps, short=False, version=version)


CYCLE = [
    (1, (ops.CREATE, "/n", b"1", 0, False, False, 0, []), 0),
    (1, (ops.SET, "/n", b"2", -1, []), 0),
    (1, (ops.PUT, "/n", b"3", True, []), 0),
    (1, (ops.ACQUIRE, "/n", False, True, 0, "me"), 0),
    (1, (ops.RELEASE, "/n", FIRST + 3), 0),
    (1, (ops.CREATE, "/n/e", b"4", 1, False, False, 0, []), 0),
    (1, (ops.DELETE, "/n/e", -1, False, []), 0),
    (1, (ops.DELETE, "/n", -1, False, []), 0),
]


@pytest.mark.parametrize("version", sorted(versions.HISTORY))
def test_the_short_ways_are_taken(monkeypatch, version):
    machine = answered(version=version)
    monkeypatch.setattr(StateMachine, "_perform", None)  # the general way
    for index, step in enumerate(CYCLE, FIRST):
        applied = machine.apply(index, 10, entry(index, *step))
        assert (applied.code, applied.revision) == (codes.OK, index)
    assert not machine.locks.by_path
    assert "/n" not in machine.tree.nodes


def test_a_lock_that_a_container_carries_keeps_it():
    machine = opened()
    box = (ops.CREATE, "/box", b"", ops.CONTAINER, False, False, 0, [])
    machine.apply(10, 10, entry(10, 1, box, 0))
    machine.apply(11, 20, entry(11, 1, (ops.ACQUIRE, "/box", False, True, 0, ""), 0))
    assert machine.next_due_ms() is None
    machine.apply(12, 30, entry(12, 1, (ops.RELEASE, "/box", 11), 0))
    assert machine.next_due_ms() == 30 + limits.CONTAINER_IDLE_MS


def test_while_a_snapshot_is_read_the_general_way_is_taken(monkeypatch):
    machine = answered()
    capture = machine.capture()
    taken = []
    monkeypatch.setattr(
        StateMachine, "_perform", lambda _self, _turn, request: taken.append(request) or (0, None)
    )
    machine.apply(10, 10, entry(10, *CYCLE[0]))
    assert len(taken) == 1
    capture.abandon()
    machine.apply(11, 10, entry(11, *CYCLE[0]))
    assert len(taken) == 1
