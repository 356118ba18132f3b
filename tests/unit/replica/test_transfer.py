"""Both ends of a snapshot's way to a follower."""

from coordsvc.raft.messages import Membership, SnapshotMeta
from coordsvc.replica.transfer import PATIENCE_MS, Receiver, Sender


def meta(index):
    return SnapshotMeta(index, 1, Membership(("a",)))


def test_pieces_follow_their_acknowledgements():
    sender = Sender()
    assert sender.start("b", 0)
    assert not sender.start("b", 0), "one at a time"
    assert sender.active() == ["b"]
    assert sender.piece("b", 5, 100, 1)
    assert not sender.finished("b", 5, 40)
    assert sender.acknowledged("b", 5, 40, 2) == 40
    assert sender.finished("b", 5, 100)
    assert sender.active() == []
    assert not sender.finished("b", 5, 100)


def test_what_is_not_part_of_the_transfer_is_passed_over():
    sender = Sender()
    assert not sender.piece("b", 5, 100, 0)
    assert sender.acknowledged("b", 5, 0, 0) is None
    sender.start("b", 0)
    sender.piece("b", 5, 100, 0)
    assert not sender.piece("b", 6, 100, 0)
    assert sender.acknowledged("b", 4, 10, 0) is None
    assert not sender.finished("b", 4, 100)


def test_a_silent_follower_is_given_up():
    sender = Sender()
    sender.start("b", 0)
    assert sender.stalled(PATIENCE_MS) == []
    assert sender.stalled(PATIENCE_MS + 1) == ["b"]
    sender.piece("b", 5, 100, PATIENCE_MS)
    assert sender.stalled(PATIENCE_MS + 1) == []
    assert sender.stop("b") == 5
    assert sender.stop("b") is None


def test_a_receiver_takes_pieces_in_order_one_at_a_time():
    receiver = Receiver()
    assert not receiver.wants("a", meta(5), 10)
    assert receiver.wants("a", meta(5), 0)
    assert not receiver.wants("a", meta(5), 0), "the first is still being stored"
    assert receiver.held("a", meta(5)) == 0
    assert receiver.stored(10) == 10
    assert not receiver.wants("a", meta(5), 20)
    assert receiver.wants("a", meta(5), 10)
    assert receiver.stored(10) == 20


def test_an_interrupted_transfer_goes_on_unless_it_is_another_one():
    receiver = Receiver()
    receiver.wants("a", meta(5), 0)
    receiver.stored(10)
    assert not receiver.wants("a", meta(5), 0), "not from the start"
    assert receiver.held("a", meta(5)) == 10
    assert receiver.held("c", meta(5)) == 0
    assert receiver.wants("c", meta(5), 0), "another sender's file may differ"
    receiver.stored(3)
    assert receiver.held("a", meta(5)) == 0


def test_after_a_failure_it_starts_from_nothing():
    receiver = Receiver()
    receiver.wants("a", meta(5), 0)
    receiver.stored(10)
    receiver.wants("a", meta(5), 10)
    receiver.failed()
    assert receiver.held("a", meta(5)) == 0
    assert not receiver.wants("a", meta(5), 10)
    assert receiver.wants("a", meta(5), 0)
