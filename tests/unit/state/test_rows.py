import msgpack
import pytest

from coordsvc.base.vocabulary import ops
from coordsvc.state import rows
from coordsvc.state.events import Event
from coordsvc.state.locks import Claim, Lock
from coordsvc.state.sessions import Session
from coordsvc.state.znode import Znode


def through_bytes(row):
    return msgpack.unpackb(msgpack.packb(row))


@pytest.mark.parametrize("numbers", [(5, 5, 5), (5, 7, 5), (5, 7, 7), (5, 7, 9), (5, 5, 9)])
def test_a_node_comes_back_with_its_numbers_shared(numbers):
    base = 2**40
    node = Znode(None, base, base, kind=ops.TTL, owner=3, ttl_ms=9)
    node.czxid, node.mzxid, node.pzxid = (base + number for number in numbers)
    node.mtime = base + numbers[1]
    node.version, node.aversion, node.creates = 1, 2, 3
    path, again = rows.node_from(through_bytes(rows.node_row("/a", node)))
    assert (path, again.stat(), again.data) == ("/a", node.stat(), None)
    assert again.creates == 3
    if numbers[1] == numbers[0]:
        assert again.mzxid is again.czxid
    if numbers[2] == numbers[1]:
        assert again.pzxid is again.mzxid


def test_a_session_comes_back_with_its_replies():
    session = Session(5, password=b"p", timeout_ms=9, client_name="n", address="a", opened_ms=3)
    session.replies.remember((2, 0, 7, ("/a", (1, 2))))
    session.replies.remember((4, 1, 8, None))
    session.replies.make_room(5)
    session.replies.remember((6, 0, 9, [True, None, b"x"]))
    again = rows.session_from(through_bytes(rows.session_row(5, session)))
    assert rows.session_row(5, again) == rows.session_row(5, session)
    assert again.replies.last_serial == 6


def test_a_lock_comes_back_in_the_order_of_its_queue():
    lock = Lock()
    lock.free_at_ms = 77
    lock.holders[3] = Claim(3, 1, 5, "note", 9, shared=True, token=4)
    for request in (8, 6, 7):
        lock.line_up(Claim(request, 2, 0, "", 9, shared=False))
    path, again = rows.lock_from(through_bytes(rows.lock_row("/l", lock)))
    assert path == "/l"
    assert list(again.queue) == [8, 6, 7]
    assert rows.lock_row("/l", again) == rows.lock_row("/l", lock)


def test_an_event_comes_back_equal():
    for data in (None, b"x"):
        event = Event(1, "/a", 5, tuple(range(1, 14)), data)
        assert rows.event_from(through_bytes(rows.event_row(event))) == event


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (rows.as_int, True),
        (rows.as_int, "1"),
        (rows.as_str, b""),
        (rows.as_bytes, ""),
        (rows.as_list, ()),
        (rows.as_value, {}),
    ],
)
def test_a_value_of_another_type_is_refused(read, value):
    with pytest.raises(TypeError):
        read(value)
