from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc.base import limits
from coordsvc.raft import log as raft_log
from coordsvc.raft.log import RaftLog
from coordsvc.raft.messages import COMMAND, Entry


def entry(term: int, data: bytes = b"", stamp_ms: int = 0) -> Entry:
    return Entry(term, COMMAND, stamp_ms, data)


def log_of(*terms: int, base: int = 0, base_term: int = 0) -> RaftLog:
    return RaftLog(base, base_term, 0, [entry(term, b"%d" % term) for term in terms])


def test_terms_are_known_from_the_base_to_the_end() -> None:
    log = log_of(3, 3, 4, base=10, base_term=2)
    assert [log.term_at(i) for i in range(10, 14)] == [2, 3, 3, 4]
    assert (log.last_index, log.last_term) == (13, 4)
    assert [log.has(i, 3) for i in (9, 10, 11, 13, 14)] == [False, False, True, False, False]
    for outside in (9, 14):
        with pytest.raises(AssertionError):
            log.term_at(outside)
        with pytest.raises(AssertionError):
            log.stamp_at(outside)


def test_an_empty_log_ends_at_its_base() -> None:
    log = RaftLog(10, 2, 77, [])
    assert (log.last_index, log.last_term, log.last_stamp_ms, log.stamp_at(10)) == (10, 2, 77, 77)
    assert log.bytes_between(10, 10) == 0
    assert log.slice(11, 10) == []


def test_a_slice_outside_the_log_is_a_mistake() -> None:
    log = log_of(1, 1, base=5)
    for first, last in [(5, 6), (6, 8), (8, 6)]:
        with pytest.raises(AssertionError):
            log.slice(first, last)


def test_commands_are_appended_as_one_batch_of_entries() -> None:
    log = log_of(1)
    assert log.append_commands(2, 50, [b"a", b"bb"]) == 2
    assert log.slice(2, 3) == [Entry(2, COMMAND, 50, b"a"), Entry(2, COMMAND, 50, b"bb")]
    assert type(log.slice(2, 2)[0]) is Entry
    assert (log.last_index, log.last_stamp_ms, log.bytes_between(1, 3)) == (3, 50, 3)


def test_terms_and_stamps_never_fall_along_the_log() -> None:
    log = RaftLog(0, 0, 0, [entry(5, b"", 50)])
    with pytest.raises(AssertionError):
        log.append_commands(4, 60, [b"a"])
    with pytest.raises(AssertionError):
        log.append_commands(5, 40, [b"a"])


def test_an_append_keeps_its_limits_but_takes_one_entry_at_least() -> None:
    half = b"x" * (limits.APPEND_BYTES_MAX // 2)
    log = RaftLog(0, 0, 0, [entry(1, half)] * 3 + [entry(1, half * 4)] + [entry(1)])
    assert [log.fitting(first)[0] for first in (1, 2, 3, 4, 5)] == [2, 3, 3, 4, 5]
    log.compact(1)
    assert [log.fitting(first)[0] for first in (2, 3, 4, 5)] == [3, 3, 4, 5]
    many = RaftLog(0, 0, 0, [entry(1)] * (limits.APPEND_ENTRIES_MAX + 5))
    assert many.fitting(1)[0] == limits.APPEND_ENTRIES_MAX
    assert many.fitting(3)[0] == limits.APPEND_ENTRIES_MAX + 2


def test_the_latest_agreement_skips_whole_terms() -> None:
    log = log_of(3, 3, 5, 5, 8, base=10, base_term=2)
    assert log.latest_agreement(15, 8) == (15, 8)
    assert log.latest_agreement(99, 7) == (14, 5)
    assert log.latest_agreement(14, 4) == (12, 3)
    assert log.latest_agreement(11, 9) == (11, 3)
    assert log.latest_agreement(15, 1) == (10, 2)
    assert log.latest_agreement(4, 1) == (10, 2)


def test_entries_that_stand_here_already_are_counted() -> None:
    log = log_of(1, 1, 2, base=5)
    assert log.first_conflict(5, [entry(1), entry(1), entry(3)]) == 2
    assert log.first_conflict(6, [entry(1)]) == 1
    assert log.first_conflict(7, [entry(2), entry(2)]) == 1
    assert log.first_conflict(8, [entry(2)]) == 0


def test_what_was_appended_is_handed_over_once_and_counts_when_written() -> None:
    log = log_of(1)
    assert (log.durable, log.handed) == (1, 1)
    log.append([entry(2), entry(2)])
    assert log.hand_over() == (2, [entry(2), entry(2)])
    assert log.hand_over() == (4, [])
    assert log.durable == 1
    log.persisted(3, 2)
    assert log.durable == 3


def test_one_sync_may_cover_several_writes() -> None:
    log = log_of()
    for _ in range(3):
        log.append([entry(1)])
        log.hand_over()
    log.persisted(2, 1)
    assert log.durable == 2
    log.persisted(2, 1)
    log.persisted(3, 1)
    assert log.durable == 3


def test_a_write_that_was_truncated_does_not_count_when_its_entry_comes_back() -> None:
    log = log_of(1)
    for term in (2, 3):
        log.append([entry(term)])
        log.hand_over()
        log.truncate(2)
    log.append([entry(2)])
    log.hand_over()
    log.persisted(2, 2)  # The first write; the second and third are still under way.
    assert log.durable == 1
    log.persisted(2, 3)
    assert log.durable == 1
    log.persisted(2, 2)
    assert log.durable == 2


def test_a_truncation_takes_back_what_was_handed_over() -> None:
    log = log_of(1, 1, 1)
    log.truncate(2)
    assert (log.last_index, log.durable, log.handed) == (1, 1, 1)
    log.append([entry(2)])
    assert log.hand_over() == (2, [entry(2)])


def test_compaction_forgets_entries_but_not_the_term_and_stamp_of_the_last() -> None:
    log = RaftLog(0, 0, 0, [entry(1, b"a", 10), entry(2, b"bb", 20), entry(2, b"c", 30)])
    log.compact(2)
    assert (log.base_index, log.term_at(2), log.stamp_at(2), log.last_index) == (2, 2, 20, 3)
    assert log.bytes_between(2, 3) == 1
    log.compact(1)
    assert log.base_index == 2
    log.compact(3)
    assert (log.last_index, log.last_term, log.last_stamp_ms) == (3, 2, 30)
    with pytest.raises(AssertionError):
        log.compact(4)


@patch.object(raft_log, "MARK_EVERY", 3)
@given(
    st.lists(st.integers(0, 9), max_size=12),
    st.integers(0, 3),
    st.data(),
    st.integers(0, 12),
    st.integers(0, 40),
)
def test_what_is_kept_is_as_much_as_the_bounds_allow(sizes, compacted, data, entries, size) -> None:
    log = RaftLog(5, 1, 0, [entry(1, bytes(each)) for each in sizes])
    log.compact(min(5 + compacted, log.last_index))
    through = data.draw(st.integers(log.base_index, log.last_index))
    base = log.base_to_keep(through, entries=entries, size=size)

    def fits(start: int) -> bool:
        return through - start <= entries and log.bytes_between(start, through) <= size

    assert log.base_index <= base <= through
    assert fits(base)
    assert base == log.base_index or not fits(base - 1)


def test_compaction_may_overtake_a_write_under_way() -> None:
    log = log_of()
    log.append([entry(1), entry(1)])
    log.hand_over()
    log.compact(2)
    log.persisted(2, 1)
    assert (log.durable, log.handed) == (2, 2)


def test_a_snapshot_takes_the_place_of_everything() -> None:
    log = log_of(1, 1)
    log.append([entry(1)])
    log.hand_over()
    log.reset(50, 7, 99)
    assert (log.last_index, log.last_term, log.last_stamp_ms, log.durable) == (50, 7, 99, 50)
    log.persisted(3, 1)
    assert log.durable == 50


def fitting_by_counting(entries: list[Entry]) -> tuple[int, int]:
    """Return how many of the entries fit one append, and their bytes."""
    count, size = 1, len(entries[0].data)
    for each in entries[1 : limits.APPEND_ENTRIES_MAX]:
        if size + len(each.data) > limits.APPEND_BYTES_MAX:
            break
        count, size = count + 1, size + len(each.data)
    return count, size


@patch.object(raft_log, "MARK_EVERY", 3)
@patch.object(limits, "APPEND_BYTES_MAX", 12)
@patch.object(limits, "APPEND_ENTRIES_MAX", 5)
@given(st.data())
@settings(max_examples=80, deadline=None)
def test_the_log_does_what_a_plain_list_does(data: st.DataObject) -> None:
    log, twin, base = RaftLog(0, 0, 0, []), [], 0
    term = 1
    for _ in range(data.draw(st.integers(1, 20))):
        actions = ["append", "append", "truncate", "compact", "hand_over", "reset"]
        action = data.draw(st.sampled_from(actions))
        if action == "append":
            term += data.draw(st.integers(0, 1))
            fresh = [entry(term, b"x" * n) for n in data.draw(st.lists(st.integers(0, 9)))]
            log.append(fresh)
            twin += fresh
        elif action == "truncate" and len(twin) > base:
            first = data.draw(st.integers(base + 1, len(twin)))
            log.truncate(first)
            del twin[first - 1 :]
            term += 1
        elif action == "compact":
            base = data.draw(st.integers(base, len(twin)))
            log.compact(base)
        elif action == "reset":
            twin += [entry(term)] * data.draw(st.integers(1, 9))
            base = len(twin)
            log.reset(base, term, 0)
        else:
            log.hand_over()
        assert log.base_index <= log.durable <= log.handed <= log.last_index == len(twin)
        assert log.slice(base + 1, len(twin)) == twin[base:]
        for after in range(base, len(twin) + 1):
            assert log.bytes_between(after, len(twin)) == sum(len(e.data) for e in twin[after:])
        for after in range(base, len(twin)):
            count, size = fitting_by_counting(twin[after:])
            assert log.fitting(after + 1) == (after + count, size)
