from datetime import timedelta

import pytest

from coordsvc_client.model import Node, Stat, bytes_of, lock_of, ms_of, stat_of
from coordsvc_client.wire.messages import STAT_FIELDS


def test_the_fields_of_a_stat_are_those_of_the_wire_and_later_ones_are_left_out():
    assert Stat._fields == STAT_FIELDS
    assert stat_of(list(range(20))) == tuple(range(13))


def test_a_node_is_frozen_and_reads_its_stat():
    node = Node("/a/b", b"\xc3\xa4", stat_of(list(range(13))))
    assert (node.text, node.name, node.version, node.czxid) == ("ä", "b", 5, 0)
    assert (node.mzxid, node.owner) == (1, 8)
    with pytest.raises(AttributeError):
        node.data = b""


@pytest.mark.parametrize(
    ("data", "stored"),
    [("ä", b"\xc3\xa4"), (bytearray(b"x"), b"x"), (memoryview(b"y"), b"y"), (None, None)],
)
def test_text_and_buffers_become_bytes(data, stored):
    assert bytes_of(data) == stored


@pytest.mark.parametrize(("span", "ms"), [(1.5, 1_500), (timedelta(minutes=1), 60_000), (0, 0)])
def test_spans_are_seconds_or_timedeltas(span, ms):
    assert ms_of(span) == ms


def test_a_lock_lists_holders_and_queue():
    claim = [5, 6, "me", True, 7, 8, "note", "later"]
    lock = lock_of(["/inner", [claim], [], 9], "/outer")
    assert (lock.path, lock.free_at, lock.queue) == ("/outer", 9, ())
    assert (lock.holders[0].token, lock.holders[0].shared) == (7, True)
    with pytest.raises(ValueError, match="claim"):
        lock_of(["/a", [[1]], [], 0], "/a")
