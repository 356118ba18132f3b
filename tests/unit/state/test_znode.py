import sys

from coordsvc.base.vocabulary import messages, ops
from coordsvc.state import znode
from coordsvc.state.znode import Znode


def test_the_stat_follows_the_order_of_the_wire():
    node = Znode(b"abc", 7, 100, kind=ops.TTL, owner=0, ttl_ms=50)
    node.children = {"/a/b": None}
    node.creates = 3
    node.version = 2
    stat = dict(zip(messages.STAT_FIELDS, node.stat(), strict=True))
    assert stat == {
        "czxid": 7, "mzxid": 7, "pzxid": 7, "ctime": 100, "mtime": 100, "version": 2,
        "cversion": 5, "aversion": 0, "owner": 0, "data_length": 3, "num_children": 1,
        "kind": ops.TTL, "ttl_ms": 50,
    }  # fmt: skip


def test_null_and_empty_data_differ_but_both_have_length_zero():
    for data in (None, b""):
        node = Znode(data, 1, 1)
        assert node.data is data
        assert node.stat()[messages.STAT_FIELDS.index("data_length")] == 0


def test_the_places_in_a_stat_are_where_their_names_say():
    for name in ("version", "cversion", "owner", "kind"):
        assert messages.STAT_FIELDS[getattr(znode, f"STAT_{name.upper()}")] == name


def test_numbers_can_be_put_back():
    node = Znode(b"1", 1, 1)
    before, stat = node.numbers(), node.stat()
    node.data, node.mzxid, node.pzxid, node.mtime = b"2222", 5, 6, 7
    node.version, node.aversion, node.creates = 8, 9, 10
    node.put_back(before)
    assert (node.stat(), node.data) == (stat, b"1")


def test_a_leaf_is_small():
    node = Znode(b"", 2**40, 2**40)
    assert sys.getsizeof(node) <= 152
    assert not hasattr(node, "__dict__")
    assert node.czxid is node.mzxid is node.pzxid
