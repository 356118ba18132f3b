"""What is promised leaves when it, and everything before it, is durable."""

from coordsvc.raft.messages import AppendReply, Entry, HardState, VoteReply
from coordsvc.raft.ready import Ready
from coordsvc.replica.codec import EntryEncoder, decode_entries
from coordsvc.replica.effects import Effects
from coordsvc.replica.writing import LogWrites

VOTE = ("n2", VoteReply(3, False, True))
ACK = ("n2", AppendReply(3, True, 5))


class Raft:
    def __init__(self):
        self.durable = []

    def persisted(self, index, term, now):
        self.durable.append((index, term))


def ready(**fields):
    made = Ready()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def entries(count, term=3):
    return [Entry(term, 0, 1, b"x")] * count


def test_a_promise_without_a_write_leaves_at_once():
    effects = Effects()
    LogWrites(EntryEncoder()).add(ready(send_after_sync=[VOTE]), effects, 0)
    assert effects.send == [VOTE]
    assert effects.writes == []


def test_a_vote_waits_for_the_term_on_disk():
    writes, effects, raft = LogWrites(EntryEncoder()), Effects(), Raft()
    writes.add(ready(hard_state=HardState(3, "n2"), send_after_sync=[VOTE]), effects, 0)
    assert effects.send == []
    assert effects.writes[0].hard_state
    writes.persisted(raft, effects, 0)
    assert effects.send == [VOTE]
    assert raft.durable == [], "no entry was written"


def test_a_promise_waits_for_the_writes_before_it():
    writes, effects, raft = LogWrites(EntryEncoder()), Effects(), Raft()
    writes.add(ready(first_index=4, entries=entries(2)), effects, 0)
    writes.add(ready(send_after_sync=[ACK]), effects, 0)
    assert effects.send == []
    writes.persisted(raft, effects, 0)
    assert effects.send == [ACK]
    assert raft.durable == [(5, 3)]
    assert len(writes) == 0


def test_very_many_entries_are_written_in_pieces_and_count_when_the_last_one_is_durable():
    writes, effects, raft = LogWrites(EntryEncoder()), Effects(), Raft()
    large = [Entry(3, 0, 1, bytes(700_000))] * 4
    large_ready = ready(first_index=4, entries=large, send_after_sync=[ACK])
    writes.add(large_ready, effects, 0)
    assert len(effects.writes) > 1
    assert [len(decode_entries(w.payload)) for w in effects.writes] == [
        w.last - w.first + 1 for w in effects.writes
    ]
    for _ in effects.writes[1:]:
        writes.persisted(raft, effects, 0)
        assert (raft.durable, effects.send) == ([], [])
    writes.persisted(raft, effects, 0)
    assert raft.durable == [(7, 3)]
    assert effects.send == [ACK]


def test_how_long_the_log_is_at_its_oldest_write():
    writes, effects, raft = LogWrites(EntryEncoder()), Effects(), Raft()
    assert writes.waits_ms(5) == 0
    writes.add(ready(first_index=4, entries=entries(1)), effects, 10)
    writes.add(ready(first_index=5, entries=entries(1)), effects, 30)
    assert writes.waits_ms(40) == 30
    writes.persisted(raft, effects, 50)
    assert writes.waits_ms(60) == 10, "it is at the next one since then"
    writes.persisted(raft, effects, 70)
    assert writes.waits_ms(80) == 0
