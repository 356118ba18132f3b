from coordsvc.base import limits
from coordsvc.base.vocabulary import codes, ops
from coordsvc.state.replies import NOTHING, Replies


def test_a_retry_gets_the_first_answer_and_has_no_effect(cell):
    session = cell.open()
    first = cell.create(session, "/a-", seq=True)
    cell.create(session, "/b")
    arguments = ("/a-", b"", 0, True, False, 0, [])
    again = cell.do(session, ops.CREATE, *arguments, serial=1, floor=1)
    # Serial 2 came with floor 2, so the client had its answer to 1.
    assert again.code == codes.SUPERSEDED
    second = cell.do(session, ops.CREATE, *arguments, serial=3, floor=3)
    again = cell.do(session, ops.CREATE, *arguments, serial=3, floor=3)
    assert (again.code, again.revision, again.value) == (0, second.revision, second.value)
    assert again.events == ()
    assert first.value[0] == "/a-0000000000"
    assert len(cell.machine.tree) == 4


def test_failures_are_remembered_too(cell):
    session = cell.open()
    first = cell.set(session, "/a")
    cell.internal(ops.PUT, "/a", b"", False, [])
    again = cell.do(session, ops.SET, "/a", b"", -1, [], serial=1)
    assert (again.code, again.revision) == (codes.NO_NODE, first.revision)


def test_a_pipelining_client_gets_each_answer_again(cell):
    session = cell.open()
    put = ("/a", b"", False, [])
    first = [cell.do(session, ops.PUT, *put, serial=n, floor=1) for n in range(1, 6)]
    again = [cell.do(session, ops.PUT, *put, serial=n, floor=1) for n in range(1, 6)]
    assert [a.revision for a in again] == [a.revision for a in first]
    cell.do(session, ops.PUT, *put, serial=6, floor=4)
    answers = [cell.do(session, ops.PUT, *put, serial=n, floor=1).code for n in range(1, 7)]
    assert answers == [codes.SUPERSEDED] * 3 + [codes.OK] * 3


def test_beyond_the_bound_a_new_request_is_refused_and_not_remembered(cell, monkeypatch):
    monkeypatch.setattr(limits, "REPLIES_PER_SESSION_MAX", 2)
    session = cell.open()
    put = ("/a", b"", False, [])
    cell.do(session, ops.PUT, *put, serial=1, floor=1)
    cell.do(session, ops.PUT, *put, serial=2, floor=1)
    assert cell.do(session, ops.PUT, *put, serial=3, floor=1).code == codes.TOO_MANY
    assert cell.do(session, ops.PUT, *put, serial=3, floor=2).code == codes.OK
    assert cell.machine.tree.nodes["/a"].version == 2


def test_room_is_made_from_the_low_end():
    replies = Replies()
    for serial in (1, 3, 7):
        assert replies.make_room(0)
        replies.remember((serial, 0, serial, None))
    assert replies.recall(2) is None
    replies.make_room(3)
    assert [reply[0] for reply in replies.kept] == [3, 7]
    replies.make_room(8)
    assert not replies.kept
    assert replies.recall(7) is None
    assert replies.last_serial == 7


def test_sessions_without_answers_share_nothing_that_changes():
    one, other = Replies(), Replies()
    one.remember((1, 0, 5, None))
    one.make_room(9)
    assert one.recall(1) is None
    other.begin_era()
    assert (len(NOTHING), len(other.kept), len(Replies().kept)) == (0, 0, 0)
    assert one.kept is not NOTHING
