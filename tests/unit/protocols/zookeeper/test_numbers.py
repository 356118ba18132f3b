"""The numbers are a wire format: they are pinned."""

from coordsvc.protocols.zookeeper import numbers


def test_operations_are_zookeepers():
    assert numbers.OP_NAMES == {
        1: "create", 2: "delete", 3: "exists", 4: "get_data", 5: "set_data", 6: "get_acl",
        7: "set_acl", 8: "get_children", 9: "sync", 11: "ping", 12: "get_children2", 13: "check",
        14: "multi", 15: "create2", 16: "reconfig", 17: "check_watches", 18: "remove_watches",
        19: "create_container", 21: "create_ttl", 22: "multi_read", 100: "auth",
        101: "set_watches", 102: "sasl", 103: "get_ephemerals", 104: "get_all_children_number",
        105: "set_watches2", 106: "add_watch", 107: "who_am_i", -11: "close_session",
    }  # fmt: skip


def test_errors_are_zookeepers():
    assert (numbers.NO_NODE, numbers.NO_AUTH, numbers.BAD_VERSION) == (-101, -102, -103)
    assert (numbers.NODE_EXISTS, numbers.NOT_EMPTY, numbers.INVALID_ACL) == (-110, -111, -114)
    assert (numbers.AUTH_FAILED, numbers.NO_WATCHER, numbers.QUOTA_EXCEEDED) == (-115, -121, -125)
