import pytest

from coordsvc.cli.migration.target import (
    CLOSED,
    Target,
    Wanted,
    Written,
    carried_acl,
    creates_of,
    ensure_parents,
    fits,
)
from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.records import AclEntry
from tests.unit.cli.migration.fakezookeeper import OPEN, FakeZooKeeper

BOB = AclEntry(31, "digest", "bob:aGFzaA==")


@pytest.fixture
def fake():
    return FakeZooKeeper()


def test_nodes_are_made_as_wanted_in_order(fake):
    fake.put("/same", b"1")
    fake.put("/data", b"1")
    fake.put("/rules", b"1")
    nodes = [
        Wanted("/new", b"1", (OPEN,)),
        Wanted("/new/below", None, (BOB,)),
        Wanted("/same", b"1", (OPEN,)),
        Wanted("/data", b"2", (OPEN,)),
        Wanted("/rules", b"1", (BOB, OPEN)),
    ]
    written = Target(fake, dry=False).write(nodes)
    assert written == [
        Written(True, False, False, 0),
        Written(True, False, False, 0),
        Written(False, False, False, 0),
        Written(False, True, False, 0),
        Written(False, False, True, 0),
    ]
    assert fake.nodes["/new/below"].acl == [BOB]
    assert (fake.nodes["/data"].data, fake.nodes["/rules"].acl) == (b"2", [BOB, OPEN])
    again = Target(fake, dry=False).write(nodes)
    assert not any(each.created or each.changed or each.acl_set for each in again)


def test_a_refusal_is_told_of_its_node_only(fake):
    fake.refuse_writes["/no"] = numbers.NO_AUTH
    nodes = [Wanted(path, b"", (OPEN,)) for path in ("/yes", "/no", "/also")]
    errors = [each.error for each in Target(fake, dry=False).write(nodes)]
    assert errors == [0, numbers.NO_AUTH, 0]


def test_a_node_that_may_not_be_read_is_written_all_the_same(fake):
    fake.put("/a", b"1")
    fake.unreadable.add("/a")
    (written,) = Target(fake, dry=False).write([Wanted("/a", b"1", (OPEN,))])
    assert written == Written(False, True, True, 0)


def test_deleting_what_is_not_there_is_no_fault(fake):
    fake.put("/a/b")
    assert Target(fake, dry=False).delete(["/none", "/a", "/a/b"]) == [0, numbers.NOT_EMPTY, 0]


def test_what_is_dry_writes_nothing(fake):
    target = Target(fake, dry=True)
    assert target.write([Wanted("/a", b"", (OPEN,))]) == [Written(True, False, False, 0)]
    assert target.delete(["/"]) == [0]
    assert target.raise_sequence("/", 5)
    assert set(fake.nodes) == {"/"}


def test_sequence_numbers_are_raised_and_never_lowered(fake):
    fake.put("/q")
    target = Target(fake, dry=False)
    assert target.raise_sequence("/q", 401)
    assert fake.nodes["/q"].creates == 401
    assert fake.nodes["/q"].children == set()
    assert target.raise_sequence("/q", 7)
    assert fake.nodes["/q"].creates == 401
    assert target.raise_sequence("/none", 7)


@pytest.mark.parametrize(("cversion", "children", "creates"), [(0, 0, 0), (2, 0, 1), (5, 3, 4)])
def test_creates_follow_from_what_a_stat_shows(cversion, children, creates):
    assert creates_of(cversion, children) == creates


def test_rules_without_a_counterpart_close_what_they_guarded():
    assert carried_acl([BOB, OPEN]) == ((BOB, OPEN), [])
    assert carried_acl([AclEntry(1, "digest", "bob:x")]) == ((CLOSED,), ["digest:bob:x:1"])
    assert carried_acl([]) == ((CLOSED,), [])


def test_what_fits_into_a_request():
    assert fits("/a", None)
    assert fits("/a", bytes(1_000_000))
    assert not fits("/a", bytes(1_048_575))


def test_what_stands_above_is_made_and_left_alone_if_it_is_there(fake):
    fake.put("/a", b"mine")
    ensure_parents(fake, "/a/b/c")
    assert fake.nodes["/a"].data == b"mine"
    assert "/a/b" in fake.nodes
    assert "/a/b/c" not in fake.nodes
    ensure_parents(fake, "/top")
