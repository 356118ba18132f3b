"""The outbox of one listener: order, bound, and what a cut tells."""

from __future__ import annotations

from coordsvc.base.vocabulary import codes, ops
from coordsvc.state.events import Event
from coordsvc.watch.outbox import NOTICE_BYTES, Lost, Outbox, Told


def event(revision, data=b""):
    return Event(ops.CHANGED, "/x", revision, (), data)


def test_notices_leave_in_the_order_they_came():
    outbox = Outbox()
    assert outbox.add(1, event(5))
    assert outbox.add(2, event(6, None))
    assert outbox.take(10**6) == [Told(1, event(5)), Told(2, event(6, None))]
    assert outbox.take(10**6) == []
    assert (len(outbox), outbox.bytes) == (0, 0)


def test_a_listener_takes_about_as_much_as_it_asks_and_at_least_one():
    outbox = Outbox()
    for revision in range(1, 6):
        outbox.add(1, event(revision, bytes(1000)))
    assert len(outbox.take(1)) == 1
    assert len(outbox.take(2 * (NOTICE_BYTES + 1000))) == 2
    assert len(outbox) == 2


def test_an_event_beyond_the_bound_is_refused_and_changes_nothing():
    outbox = Outbox(bytes_max=2 * NOTICE_BYTES + 10)
    assert outbox.add(1, event(1))
    before = outbox.bytes
    assert not outbox.add(1, event(2, bytes(NOTICE_BYTES)))
    assert outbox.bytes == before
    assert len(outbox) == 1


def test_a_cut_names_the_revision_before_the_first_event_that_was_dropped():
    outbox = Outbox()
    outbox.add(1, event(5))
    outbox.add(2, event(6))
    outbox.take(1)
    outbox.cut([1, 2], missed=9)
    assert outbox.bytes == 0
    assert outbox.take(10**6) == [Lost(1, codes.COMPACTED, 5), Lost(2, codes.COMPACTED, 5)]


def test_a_cut_of_an_empty_outbox_names_the_revision_before_the_missed_event():
    outbox = Outbox(bytes_max=10)
    assert not outbox.add(1, event(9))
    outbox.cut([1], missed=9)
    assert outbox.take(1) == [Lost(1, codes.COMPACTED, 8)]


def test_an_earlier_cut_is_still_told_after_a_second_one():
    outbox = Outbox()
    outbox.cut([1], missed=5)
    outbox.add(2, event(7))
    outbox.cut([2], missed=8)
    assert outbox.take(10**6) == [Lost(1, codes.COMPACTED, 4), Lost(2, codes.COMPACTED, 6)]
