"""Commands, entries and hard state as bytes."""

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc.base import limits
from coordsvc.base.errors import CorruptData
from coordsvc.raft.messages import COMMAND, Entry, HardState, MemberInfo, Membership, SnapshotMeta
from coordsvc.replica.codec import (
    EntryEncoder,
    command_prefix,
    decode_entries,
    decode_hard_state,
    decode_meta,
    encode_hard_state,
    encode_meta,
    in_batches,
    internal_command,
    meta_from,
    rebuild_log,
    size_of_entry,
)


def entries(*terms):
    return [Entry(term, COMMAND, 0, b"%d" % at) for at, term in enumerate(terms)]


def record(first, *terms):
    return (first, first + len(terms) - 1, EntryEncoder().encode(entries(*terms)))


def test_a_command_is_the_session_in_front_of_the_client_s_own_bytes():
    body = msgpack.packb([1, 2, 3])
    assert msgpack.unpackb(command_prefix(300) + body) == [300, [1, 2, 3]]
    assert msgpack.unpackb(internal_command(66, 9, "x")) == [0, [66, 9, 9, "x"]]


@pytest.mark.parametrize("vote", [None, "n1"])
def test_term_and_vote_come_back(vote):
    assert decode_hard_state(encode_hard_state(HardState(7, vote))) == HardState(7, vote)


def test_what_a_snapshot_stands_for_comes_back():
    infos = (MemberInfo("a", 7, "p:1", "c:2", "h:3"), MemberInfo("l", joins=True, replaces="b"))
    for more in ((), (infos,)):
        meta = SnapshotMeta(9, 2, Membership(("a", "b"), ("a",), ("l",), *more), 77)
        assert decode_meta(encode_meta(meta)) == meta
    with pytest.raises(ValueError, match="description"):
        meta_from([1, 2])


def test_a_run_that_is_sent_to_all_is_encoded_once():
    encoder, run = EntryEncoder(), entries(1, 1)
    assert encoder.encode(run) is encoder.encode(list(run))
    assert encoder.encode(run[1:]) is not encoder.encode(run)
    assert decode_entries(encoder.encode(run)) == run
    assert decode_entries(encoder.encode([])) == []


def test_a_run_that_came_packed_is_not_encoded_again():
    encoder = EntryEncoder()
    run = entries(1, 1, 2)
    encoder.remember(run, b"as it came")
    assert encoder.encode(run) == b"as it came"
    assert encoder.encode(run[1:]) == EntryEncoder().encode(run[1:])


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x91\x91\x01", b"\xc1", b"\x91\x01"])
def test_bytes_that_hold_no_entries_are_told(data):
    with pytest.raises(ValueError):
        decode_entries(data)


def test_batches_are_as_long_as_a_write_may_be():
    assert in_batches([], len) == []
    assert in_batches([b"a", b"b"], len) == [[b"a", b"b"]]
    half = bytes(limits.BATCH_BYTES_MAX // 2)
    assert [len(each) for each in in_batches([half] * 5, len)] == [2, 2, 1]
    assert size_of_entry(entries(1)[0]) == 1


def test_the_log_behind_the_snapshot_is_what_the_records_add_up_to():
    log = rebuild_log([record(1, 1, 1, 1), record(3, 2), record(4, 2, 2)], 2, 1)
    assert [entry.term for entry in log] == [2, 2, 2]


def test_a_record_from_its_first_entry_on_replaces_what_was_there():
    log = rebuild_log([record(1, 1, 1, 1, 1), record(2, 3)], 0, 0)
    assert [entry.term for entry in log] == [1, 3]


@pytest.mark.parametrize(
    ("records", "index", "term"),
    [
        ([record(1, 1, 1)], 5, 2),  # the log ends before the snapshot
        ([record(1, 1, 1, 1, 1, 1, 1)], 5, 2),  # its entry there is another one
    ],
)
def test_a_log_that_does_not_reach_an_installed_snapshot_counts_for_nothing(records, index, term):
    assert rebuild_log(records, index, term) is None


@pytest.mark.parametrize(
    ("records", "text"),
    [
        ([record(7, 1)], "missing"),
        ([record(1, 1), record(3, 1)], "jumps"),
        ([record(3, 1), record(2, 1)], "jumps"),
        ([(1, 1, b"\xc1")], "unreadable"),
        ([(1, 3, EntryEncoder().encode(entries(1)))], "holds 1"),
    ],
)
def test_what_contradicts_itself_is_damage(records, text):
    with pytest.raises(CorruptData, match=text):
        rebuild_log(records, 2, 1)


runs = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 4)), max_size=12)


@settings(max_examples=80, deadline=None)
@given(runs, st.integers(0, 8))
def test_rebuilding_does_what_a_list_would(steps, index):
    model, records = [], []
    for term, (back, count) in enumerate(steps, 1):
        del model[max(0, len(model) - back) :]
        first = len(model) + 1
        fresh = [Entry(term, COMMAND, 0, b"") for _ in range(count)]
        records.append((first, first + count - 1, EntryEncoder().encode(fresh)))
        model += fresh
    if 0 < index <= len(model):
        assert rebuild_log(records, index, model[index - 1].term) == model[index:]
    elif index == 0:
        assert rebuild_log(records, 0, 0) == model
