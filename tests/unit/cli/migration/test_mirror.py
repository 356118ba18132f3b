import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coordsvc.cli.migration import report as kinds
from coordsvc.cli.migration.mirror import Mirror
from coordsvc.cli.migration.zkclient import ZkGone
from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.records import AclEntry
from tests.unit.cli.migration.fakezookeeper import FakeZooKeeper

BOB = AclEntry(31, "digest", "bob:aGFzaA==")


@pytest.fixture
def source():
    return FakeZooKeeper()


@pytest.fixture
def target():
    return FakeZooKeeper()


def mirror(source, target, *, top="/app", to=None, dry=False, sequences_max=1_000):
    return Mirror(
        source,
        target,
        top=top,
        to=to or top,
        dry=dry,
        progress=lambda: None,
        sequences_max=sequences_max,
    )


def below(fake, top="/app"):
    return {
        path[len(top) :]: content for path, content in fake.content().items()
        if path == top or path.startswith(f"{top}/")
    }  # fmt: skip


def left(copy, kind):
    return copy.report.left.get(kind, {})


def test_a_tree_is_copied_with_data_and_access_rules(source, target):
    source.put("/app", None)
    source.put("/app/a", b"1", acl=[BOB, AclEntry(1, "world", "anyone")])
    for i in range(200):
        source.put(f"/app/a/{i}", b"%d" % i)
    source.put("/other", b"x")
    copy = mirror(source, target)
    copy.sweep()
    assert below(target) == below(source)
    assert "/other" not in target.nodes
    assert (copy.report.created, copy.report.bytes) == (
        202,
        1 + sum(len(str(i)) for i in range(200)),
    )
    assert not copy.report.failed


def test_a_second_run_finds_all_equal(source, target):
    source.put("/app/a", b"1")
    mirror(source, target).sweep()
    again = mirror(source, target)
    again.sweep()
    assert (again.report.created, again.report.changed, again.report.equal) == (0, 0, 2)
    assert again.differences == 0


def test_what_differs_is_set_right(source, target):
    source.put("/app/a", b"1", acl=[BOB])
    target.put("/app/a", b"2")
    copy = mirror(source, target)
    copy.sweep()
    assert below(target) == below(source)
    assert (copy.report.changed, copy.report.acls_set) == (1, 1)


def test_it_can_be_put_elsewhere_and_the_whole_tree_can_be_taken(source, target):
    source.put("/app/a", b"1")
    target.put("/new")
    mirror(source, target, to="/new/place").sweep()
    assert below(target, "/new/place") == below(source)
    source.put("/zookeeper/quota")
    mirror(source, target, top="/", to="/whole").sweep()
    assert target.nodes["/whole/app/a"].data == b"1"
    assert "/whole/zookeeper" not in target.nodes
    mirror(source, target, top="/").sweep()
    assert target.nodes["/app/a"].data == b"1"


def test_later_sweeps_carry_what_has_changed_and_ask_for_nothing_else(source, target):
    for name in "abc":
        source.put(f"/app/{name}/x", b"1")
    copy = mirror(source, target)
    copy.sweep()
    source.asked.clear()
    target.asked.clear()
    source.put("/app/a/x", b"2")
    source.remove("/app/b")
    source.set_acl("/app/c", [BOB])
    source.put("/app/d/new", b"3")
    copy.sweep()
    assert below(target) == below(source)
    assert source.asked.count(numbers.GET_DATA) == 4
    assert copy.report.deleted == 2
    assert copy.differences == 6


def test_a_node_made_anew_between_two_looks_is_carried(source, target):
    source.put("/app/a/old", b"1")
    copy = mirror(source, target)
    copy.sweep()
    source.remove("/app/a")
    source.put("/app/a", b"2")
    copy.sweep()
    assert below(target) == below(source)


def test_touched_nodes_are_carried_without_a_sweep(source, target):
    source.put("/app/a/x", b"1")
    source.put("/app/gone/below")
    copy = mirror(source, target)
    copy.sweep()
    source.put("/app/a/x", b"2")
    source.put("/app/new/deep/er", b"3")
    source.remove("/app/gone")
    copy.touch(["/app/new/deep/er", "/app/gone", "/app/new", "/app/a/x", "/app/new/deep", "/else"])
    assert below(target) == below(source)
    assert copy.report.sweeps == 1


def test_a_touched_node_brings_those_below_it(source, target):
    source.put("/app")
    copy = mirror(source, target)
    copy.sweep()
    source.put("/app/new/deep/er", b"3")
    copy.touch(["/app/new"])
    assert below(target) == below(source)


def test_ephemerals_are_told_and_not_copied(source, target):
    source.put("/app/e", b"1", owner=0x1234)
    source.put("/app/was", b"1")
    copy = mirror(source, target)
    copy.sweep()
    assert left(copy, kinds.EPHEMERAL) == {"/app/e": "session 0x1234"}
    assert not copy.report.failed
    source.remove("/app/was")
    source.put("/app/was", b"1", owner=5)
    copy.sweep()
    assert "/app/was" not in target.nodes


def test_what_may_not_be_read_is_told_and_what_stands_below_it_is_left_alone(source, target):
    source.put("/app/a/b", b"1")
    copy = mirror(source, target)
    copy.sweep()
    source.unreadable.add("/app/a")
    source.put("/app/a", b"2")
    copy.sweep()
    assert left(copy, kinds.UNREADABLE) == {"/app/a": "no_auth"}
    assert copy.report.failed
    assert "/app/a/b" in target.nodes
    source.unreadable.clear()
    copy.sweep()
    assert not copy.report.failed
    assert below(target) == below(source)


def test_what_may_not_be_written_is_told_and_tried_again(source, target):
    source.put("/app/a/b", b"1")
    target.refuse_writes["/app/a"] = numbers.NO_AUTH
    copy = mirror(source, target)
    copy.sweep()
    assert left(copy, kinds.UNWRITTEN) == {"/app/a": "no_auth", "/app/a/b": "no_node"}
    target.refuse_writes.clear()
    copy.sweep()
    assert not copy.report.failed
    assert below(target) == below(source)
    target.refuse_writes["/app/a/b"] = numbers.NO_AUTH
    source.remove("/app/a/b")
    copy.sweep()
    assert left(copy, kinds.UNWRITTEN) == {"/app/a/b": "delete: no_auth"}


def test_a_node_that_is_too_large_is_told_and_never_sent(source, target):
    source.put("/app/big", bytes(1_048_000))
    copy = mirror(source, target)
    copy.sweep()
    assert left(copy, kinds.TOO_LARGE) == {"/app/big": "1048000 bytes"}
    assert "/app/big" not in target.nodes


def test_rules_that_cannot_be_carried_are_left_out_and_never_opened(source, target):
    kerberos = AclEntry(31, "kerberos", "x")
    masked = AclEntry(31, "digest", "bob:x")
    source.put("/app/some", acl=[BOB, kerberos])
    source.put("/app/none", acl=[masked])
    copy = mirror(source, target)
    copy.sweep()
    assert target.content()["/app/some"][1] == [(31, "digest", BOB.id)]
    assert target.content()["/app/none"][1] == [(0, "world", "anyone")]
    assert left(copy, kinds.ACL) == {
        "/app/some": "kerberos:x:31",
        "/app/none": "digest:bob:x:31",
    }
    source.set_acl("/app/some", [BOB])
    copy.sweep()
    assert "/app/some" not in left(copy, kinds.ACL)


def test_a_dry_run_counts_and_writes_nothing(source, target):
    source.put("/app/a", b"1")
    target.put("/app", b"old")
    copy = mirror(source, target, dry=True)
    copy.sweep()
    copy.carry_sequences()
    assert (copy.report.created, copy.report.changed) == (1, 1)
    assert set(target.asked) <= {numbers.GET_DATA, numbers.GET_ACL}


def test_what_is_only_at_the_target_is_told_or_pruned(source, target):
    source.put("/app/a")
    source.put("/app/secret")
    source.unreadable.add("/app/secret")
    for path in ("/app/a", "/app/secret", "/app/extra/below"):
        target.put(path)
    target.put("/app/live", owner=7)
    copy = mirror(source, target)
    copy.sweep()
    copy.find_extras(prune=False)
    assert set(left(copy, kinds.EXTRA)) == {"/app/extra", "/app/extra/below"}
    copy.find_extras(prune=True)
    assert "/app/extra" not in target.nodes
    assert {"/app/secret", "/app/live", "/app/a"} <= set(target.nodes)


def test_sequence_numbers_go_on_where_they_stood(source, target):
    for i in range(450):
        source.put(f"/app/q/n-{i:010d}")
        if i < 445:
            source.remove(f"/app/q/n-{i:010d}")
    source.put("/app/plain/x")
    copy = mirror(source, target)
    copy.sweep()
    assert target.nodes["/app/q"].creates == 5
    copy.carry_sequences()
    assert target.nodes["/app/q"].creates == 450
    assert below(target) == below(source)
    assert left(copy, kinds.SEQUENCE) == {}
    copy.carry_sequences()
    assert target.nodes["/app/q"].creates == 450


def test_sequence_numbers_that_are_too_far_or_refused_are_told(source, target):
    for i in range(3):
        source.put(f"/app/q/{i:010d}")
    source.remove(f"/app/q/{0:010d}")
    far = mirror(source, target, sequences_max=2)
    far.sweep()
    far.carry_sequences()
    assert left(far, kinds.SEQUENCE)["/app/q"].startswith("3 at the source, more than")
    target.refuse_writes["/app/q/coordsvc-import-pad"] = numbers.NO_AUTH
    refused = mirror(source, target)
    refused.sweep()
    refused.carry_sequences()
    assert "refuses" in left(refused, kinds.SEQUENCE)["/app/q"]


def test_quotas_are_told(source, target):
    source.put("/zookeeper/quota/app/a/zookeeper_limits", b"count=5")
    source.put("/zookeeper/quota/else/zookeeper_limits", b"count=5")
    source.put("/app/a")
    copy = mirror(source, target)
    copy.find_quotas()
    assert set(left(copy, kinds.QUOTA)) == {"/app/a"}


PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(
    lambda p: "/app/" + "/".join(p)
)
CHANGES = st.lists(
    st.tuples(st.sampled_from(["put", "remove", "acl", "ephemeral"]), PATHS, st.binary(max_size=3)),
    max_size=12,
)


def change(fake, what, path, data):
    above = path.rpartition("/")[0]
    while above:  # an ephemeral has no children
        if above in fake.nodes and fake.nodes[above].owner:
            return
        above = above.rpartition("/")[0]
    if what == "remove":
        if path in fake.nodes:
            fake.remove(path)
    elif what == "acl":
        if path in fake.nodes:
            fake.set_acl(path, [AclEntry(len(data) + 1, "world", "anyone")])
    elif path in fake.nodes or what == "put":
        fake.put(path, data)
    else:
        fake.put(path, data, owner=1)


@example(
    [
        [("put", "/app/a/a", b""), ("put", "/app/a/b", b"")],
        [("put", "/app/a", b""), ("remove", "/app/a", b"")],
    ],
    131,
)
@settings(deadline=None)
@given(st.lists(CHANGES, min_size=1, max_size=4), st.integers(0, 2**32))
def test_whatever_changes_and_wherever_it_is_cut_off_the_trees_end_equal(rounds, seed):
    chance = random.Random(seed)
    source, target = FakeZooKeeper(), FakeZooKeeper()
    source.put("/app")
    copy = mirror(source, target)
    for changes in rounds:
        for each in changes:
            change(source, *each)
        fake = chance.choice([source, target])
        fake.gone_after = chance.randrange(30)
        try:
            if chance.random() < 0.5:
                copy.touch([path for _, path, _ in changes])
            else:
                copy.sweep()
        except ZkGone:
            pass
        fake.gone_after = None
    copy.sweep()
    assert below(target) == below(source)
    copy.sweep()
    assert copy.differences == 0
