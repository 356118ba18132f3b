from coordsvc.cli.migration.nodes import (
    child_of,
    in_batches,
    list_nodes,
    read_contents,
    stats_of,
)
from coordsvc.protocols.zookeeper import numbers
from tests.unit.cli.migration.fakezookeeper import OPEN, FakeZooKeeper


def filled():
    fake = FakeZooKeeper()
    fake.put("/b", b"2")
    fake.put("/a", None)
    fake.put("/a/x", b"")
    return fake


def test_the_path_of_a_child():
    assert child_of("/", "a") == "/a"
    assert child_of("/a", "b") == "/a/b"


def test_nodes_are_listed_with_the_paths_of_their_children_in_order():
    root, missing, leaf = list_nodes(filled(), ["/", "/none", "/a/x"])
    assert root.children == ("/a", "/b")
    assert root.stat.num_children == 2
    assert missing == numbers.NO_NODE
    assert leaf.children == ()


def test_contents_tell_null_from_empty_and_why_there_is_none():
    fake = filled()
    fake.unreadable.add("/b")
    null, empty, denied, missing = read_contents(fake, ["/a", "/a/x", "/b", "/none"])
    assert (null.data, empty.data) == (None, b"")
    assert null.acl == (OPEN,)
    assert (denied.data, denied.acl, denied.error, denied.acl_error) == (
        None, None, numbers.NO_AUTH, numbers.NO_AUTH,
    )  # fmt: skip
    assert missing.error == numbers.NO_NODE


def test_numbers_of_nodes():
    stat, missing = stats_of(filled(), ["/b", "/none"])
    assert stat.data_length == 1
    assert missing == numbers.NO_NODE


def test_batches():
    assert in_batches("abcde", 2) == [["a", "b"], ["c", "d"], ["e"]]
    assert in_batches([], 2) == []
