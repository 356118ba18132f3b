import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordsvc.base.vocabulary import codes, ops
from coordsvc.state import quota
from coordsvc.state.quota import Usage, usage_in, usage_of, watched_by
from coordsvc.state.znode import Znode

QUOTA = "/zookeeper/quota"


def set_quota(cell, session, path, limits=b"count=-1,bytes=-1"):
    cell.create(session, f"{QUOTA}{path}/zookeeper_limits", limits, parents=True)
    return cell.create(session, f"{QUOTA}{path}/zookeeper_stats", b"count=0,bytes=0")


def stats(cell, path):
    return cell.machine.tree.nodes[f"{QUOTA}{path}/zookeeper_stats"].data


@pytest.fixture
def session(cell):
    return cell.open()


def test_new_stats_are_filled_with_what_is_there(cell, session):
    cell.create(session, "/a", b"12", parents=True)
    cell.create(session, "/a/b/c", b"345", parents=True)
    applied = set_quota(cell, session, "/a")
    assert stats(cell, "/a") == b"count=3,bytes=5"
    assert applied.events[0].data == b"count=3,bytes=5"


def test_stats_follow_every_change_in_silence(cell, session):
    cell.create(session, "/a", b"12")
    set_quota(cell, session, "/a")
    node = cell.machine.tree.nodes[f"{QUOTA}/a/zookeeper_stats"]
    before = node.stat()
    other = cell.open()
    cell.create(session, "/a/b", b"3")
    cell.create(other, "/a/e", b"4444", ops.EPHEMERAL)
    assert stats(cell, "/a") == b"count=3,bytes=7"
    applied = cell.set(session, "/a/b", b"")
    assert [event.path for event in applied.events] == ["/a/b"]
    assert stats(cell, "/a") == b"count=3,bytes=6"
    cell.expire(other)
    assert stats(cell, "/a") == b"count=2,bytes=2"
    cell.delete(session, "/a", recursive=True)
    assert stats(cell, "/a") == b"count=0,bytes=0"
    assert node.stat()[:9] == before[:9]


def test_the_nearest_quota_is_the_one_that_counts(cell, session):
    cell.create(session, "/a/b", b"1", parents=True)
    set_quota(cell, session, "/a")
    set_quota(cell, session, "/a/b")
    cell.create(session, "/a/b/c", b"22")
    cell.create(session, "/a/x", b"333")
    cell.create(session, "/ab", b"")
    assert stats(cell, "/a/b") == b"count=2,bytes=3"
    assert stats(cell, "/a") == b"count=3,bytes=4"


@pytest.mark.parametrize(
    "limits",
    [b"count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=3", b"countHardLimit=3,byteHardLimit=10"],
)
def test_hard_limits_are_kept_and_what_shrinks_is_never_forbidden(cell, session, limits):
    cell.create(session, "/a", b"12345")
    set_quota(cell, session, "/a", limits)
    assert cell.create(session, "/a/b", b"12345").code == codes.OK
    assert cell.create(session, "/a/c", b"1").code == codes.QUOTA_EXCEEDED
    assert cell.create(session, "/a/b/c/d", b"", parents=True).code == codes.QUOTA_EXCEEDED
    assert cell.set(session, "/a/b", b"123456").code == codes.QUOTA_EXCEEDED
    assert cell.put(session, "/a/b", b"123456").code == codes.QUOTA_EXCEEDED
    assert cell.set(session, "/a/b", b"54321").code == codes.OK
    assert cell.create(session, "/a/c", b"").code == codes.OK
    assert cell.create(session, "/a/d", b"").code == codes.QUOTA_EXCEEDED
    assert cell.set(session, "/a/b", b"").code == codes.OK
    assert cell.delete(session, "/a/c").code == codes.OK
    assert cell.set(session, "/a", b"1234567890").code == codes.OK


def test_the_quota_is_asked_after_the_node_and_before_its_version(cell, session):
    cell.create(session, "/a", b"")
    set_quota(cell, session, "/a", b"countHardLimit=0,byteHardLimit=0")
    assert cell.set(session, "/a/none", b"1").code == codes.NO_NODE
    assert cell.set(session, "/a", b"1", version=7).code == codes.QUOTA_EXCEEDED
    assert cell.set(session, "/a", b"", version=7).code == codes.BAD_VERSION


def test_soft_limits_forbid_nothing(cell, session):
    cell.create(session, "/a", b"")
    set_quota(cell, session, "/a", b"count=0,bytes=0")
    assert cell.create(session, "/a/b", b"1").code == codes.OK
    assert stats(cell, "/a") == b"count=2,bytes=1"


def test_where_soft_limits_are_exceeded_can_be_asked(cell, session):
    for path in ("/a", "/b", "/c"):
        cell.create(session, path, b"12")
        cell.create(session, f"{path}/x", b"345")
    set_quota(cell, session, "/a", b"count=1,bytes=-1")
    set_quota(cell, session, "/b", b"count=-1,bytes=4")
    set_quota(cell, session, "/c", b"count=2,bytes=5")
    found = dict(quota.soft_excess(cell.machine.tree.nodes))
    assert found == {"/a": "count 2 of 1", "/b": "bytes 5 of 4"}


@pytest.mark.parametrize("missing", ["limits", "stats"])
def test_half_a_quota_is_none(cell, session, missing):
    cell.create(session, "/a", b"")
    set_quota(cell, session, "/a", b"countHardLimit=1")
    cell.delete(session, f"{QUOTA}/a/zookeeper_{missing}")
    assert cell.create(session, "/a/b", b"1").code == codes.OK


def test_a_transaction_that_fails_leaves_the_stats_as_they_were(cell, session):
    cell.create(session, "/a", b"")
    set_quota(cell, session, "/a")
    then = [
        [ops.CREATE, "/a/b", b"1", 0, False, False, 0, []],
        [ops.SET, "/a", b"22", -1, []],
        [ops.DELETE, "/none", -1, False, []],
    ]
    cell.txn(session, [], then)
    assert stats(cell, "/a") == b"count=1,bytes=0"


def test_a_restored_state_goes_on_counting(cell, session):
    cell.create(session, "/a", b"1")
    set_quota(cell, session, "/a", b"countHardLimit=2")
    cell.machine = type(cell.machine).restore(cell.image())
    assert cell.create(session, "/a/b", b"22").code == codes.OK
    assert stats(cell, "/a") == b"count=2,bytes=3"
    assert cell.create(session, "/a/c", b"").code == codes.QUOTA_EXCEEDED


def test_without_quotas_there_is_nothing_to_look_for(cell, session):
    assert not quota.is_in_use(cell.machine.tree.nodes)
    cell.create(session, QUOTA, b"", parents=True)
    assert not quota.is_in_use(cell.machine.tree.nodes)
    set_quota(cell, session, "/a")
    assert quota.is_in_use(cell.machine.tree.nodes)


@pytest.mark.parametrize(
    ("path", "watched"),
    [
        (f"{QUOTA}/a/b/zookeeper_stats", "/a/b"),
        (f"{QUOTA}/zookeeper_stats", None),
        (f"{QUOTA}/a/zookeeper_limits", None),
        ("/a/zookeeper_stats", None),
    ],
)
def test_which_node_holds_stats(path, watched):
    assert watched_by(path) == watched


@given(st.binary(max_size=60) | st.none())
def test_any_bytes_can_stand_where_numbers_should(data):
    usage = usage_in(Znode(data, 1, 1))
    assert isinstance(usage, Usage)


def test_of_nodes_that_are_not_there_nothing_is_used():
    assert usage_of({}, "/a") == Usage(0, 0)


PATHS = st.sampled_from(["/a", "/a/b", "/a/b/c", "/a/d", "/x", "/a/e"])
STEPS = st.one_of(
    st.builds(
        lambda path, data: [ops.CREATE, path, data, 0, False, False, 0, []],
        PATHS,
        st.binary(max_size=4),
    ),
    st.builds(lambda path, data: [ops.SET, path, data, -1, []], PATHS, st.binary(max_size=4)),
    st.builds(lambda path: [ops.DELETE, path, -1, True, []], PATHS),
)


@given(st.lists(st.lists(STEPS, min_size=1, max_size=4), max_size=15), st.integers(0, 6))
def test_stats_always_say_what_is_there_and_hard_limits_hold(make_cell, transactions, most):
    cell = make_cell()
    session = cell.open()
    cell.create(session, "/a", b"")
    for path in ("/a", "/a/b"):
        set_quota(cell, session, path, f"countHardLimit={most},byteHardLimit={2 * most}".encode())
    for steps in transactions:
        cell.txn(session, [], steps)
        nodes = cell.machine.tree.nodes
        whole, part = usage_of(nodes, "/a"), usage_of(nodes, "/a/b")
        assert stats(cell, "/a/b") == part.text()
        rest = Usage(whole.node_count - part.node_count, whole.data_bytes - part.data_bytes)
        assert stats(cell, "/a") == rest.text()
        assert rest.node_count <= max(most, 1)
        assert part.node_count <= most
        assert rest.data_bytes <= 2 * most
