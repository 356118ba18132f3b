"""When reads may be served."""

from coordsvc.base.vocabulary import ops
from coordsvc.replica.reads import ReadQueue, is_served_at_once


class Reader:
    def __init__(self, session=1, on_serve=None):
        self.session = session
        self.served = []
        self.on_serve = on_serve

    def serve(self, read):
        self.served.append(read)
        if self.on_serve is not None:
            self.on_serve()


def test_reads_of_one_turn_share_a_round_that_names_their_sessions():
    queue, one, two, stranger = ReadQueue(), Reader(1), Reader(2), Reader(0)
    assert queue.ask(0) == (0, [])
    queue.add(one, 1, "a")
    queue.add(two, 1, "b")
    queue.add(stranger, 1, "c")
    assert queue.unasked
    token, sessions = queue.ask(0)
    assert sessions == [1, 2]
    assert not queue.unasked
    queue.serve(100)
    assert one.served == []
    assert queue.confirmed(token, 7, lapsed=[], give_up=100) == []
    assert not queue.are_ripe(6)
    queue.serve(6)
    assert one.served == []
    assert queue.are_ripe(7)
    queue.serve(7)
    assert not queue.are_ripe(7)
    assert (one.served, two.served, stranger.served) == (["a"], ["b"], ["c"])
    assert queue.give_up(100) == [], "nothing waits any more"


def test_a_read_that_came_after_the_round_began_waits_for_the_next():
    queue, reader = ReadQueue(), Reader()
    queue.add(reader, 1, "early")
    first, _ = queue.ask(0)
    queue.add(reader, 2, "late")
    queue.confirmed(first, 1, lapsed=[], give_up=100)
    queue.serve(1)
    assert reader.served == ["early"]


def test_reads_of_lapsed_sessions_are_handed_back():
    queue, one, two = ReadQueue(), Reader(1), Reader(2)
    queue.add(one, 11, "a")
    queue.add(two, 12, "b")
    token, _ = queue.ask(0)
    assert queue.confirmed(token, 1, lapsed=[1], give_up=100) == [(one, 11, "a")]
    queue.serve(1)
    assert (one.served, two.served) == ([], ["b"])


def test_a_stray_confirmation_changes_nothing():
    queue = ReadQueue()
    assert queue.confirmed(99, 1, lapsed=[1], give_up=100) == []
    assert queue.give_up(100) == []


def test_rounds_without_an_answer_are_asked_again():
    queue, reader = ReadQueue(), Reader()
    queue.add(reader, 1, "a")
    old, _ = queue.ask(10)
    queue.ask_again(asked_before=10)
    assert not queue.unasked
    queue.ask_again(asked_before=11)
    assert queue.unasked
    new, _ = queue.ask(20)
    queue.confirmed(old, 1, lapsed=[], give_up=100)
    queue.serve(1)
    assert reader.served == [], "the answer to a round that is void proves nothing"
    queue.confirmed(new, 1, lapsed=[], give_up=100)
    queue.serve(1)
    assert reader.served == ["a"]


def test_a_read_whose_revision_does_not_come_is_given_up():
    queue, reader = ReadQueue(), Reader()
    queue.add_behind(reader, 3, "a", index=5, give_up=100)
    queue.add_behind(reader, 4, "b", index=5, give_up=200)
    assert queue.give_up(99) == []
    assert queue.give_up(100) == [(reader, 3, "a")]
    queue.serve(5)
    assert reader.served == ["b"]


def test_who_is_gone_is_served_nothing():
    queue, gone, here = ReadQueue(), Reader(), Reader()
    for reader in (gone, here):
        queue.add(reader, 1, "asked")
    token, _ = queue.ask(0)
    for reader in (gone, here):
        queue.add(reader, 1, "new")
        queue.add_behind(reader, 1, "behind", index=1, give_up=9)
    queue.forget(gone)
    queue.confirmed(token, 1, lapsed=[], give_up=9)
    second, _ = queue.ask(0)
    queue.confirmed(second, 1, lapsed=[], give_up=9)
    queue.serve(1)
    assert gone.served == []
    assert sorted(here.served) == ["asked", "behind", "new"]


def test_a_client_that_leaves_while_reads_are_served_does_not_double_them():
    queue, other = ReadQueue(), Reader()
    leaver = Reader(on_serve=lambda: queue.forget(leaver))
    queue.add_behind(leaver, 1, "x", index=1, give_up=9)
    queue.add_behind(other, 1, "y", index=1, give_up=9)
    queue.add_behind(other, 2, "z", index=2, give_up=9)
    queue.serve(1)
    queue.serve(2)
    assert other.served == ["y", "z"]


def test_a_read_added_while_others_are_served_is_kept():
    queue = ReadQueue()
    reader = Reader(on_serve=lambda: queue.add_behind(late, 2, "late", index=2, give_up=9))
    late = Reader()
    queue.add_behind(reader, 1, "x", index=1, give_up=9)
    queue.serve(1)
    queue.serve(2)
    assert late.served == ["late"]


def test_a_late_answer_to_an_earlier_life_confirms_nothing():
    before, after = ReadQueue(1_000), ReadQueue(2_000)
    before.add(Reader(1), 1, "asked before the crash")
    after.add(Reader(1), 1, "asked since")
    old, _ = before.ask(0)
    after.ask(0)
    after.confirmed(old, 7, lapsed=[], give_up=99)
    assert after.give_up(99) == [], "nothing waits for the state: nothing was confirmed"


def test_what_is_applied_will_do_for_a_stale_read_and_for_one_that_asks_for_no_more():
    assert is_served_at_once(ops.STALE, 9, applied=5)
    assert is_served_at_once(ops.SEQUENTIAL, 5, applied=5)
    assert not is_served_at_once(ops.SEQUENTIAL, 6, applied=5)
    assert not is_served_at_once(ops.LINEARIZABLE, 0, applied=5)
