"""The log: group commit, roll-over, dropping, reset; crashes at every step; damage."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc.base.errors import CorruptData, DiskFailed, DiskFull
from coordsvc.storage import segment
from coordsvc.storage.os_files import OsFiles
from coordsvc.storage.spare import NAME as SPARE
from coordsvc.storage.wal import WriteAheadLog
from tests.sim.disk import PowerLoss, SimFiles

SEGMENT = 4096
SALT = 0xC0FFEE


def disk(seed=0, **options):
    return SimFiles(random.Random(seed), **options)


def opened(files, **options):
    options = {"segment_bytes": SEGMENT, "first_segment_bytes": 2048} | options
    return WriteAheadLog.open(files, salt=SALT, **options)


def entries_of(recovered):
    """The entries that the records leave, by index."""
    entries = {}
    for first, last, payload in recovered.records:
        for index in [each for each in entries if each >= first]:
            del entries[index]
        for index in range(first, last + 1):
            entries[index] = (payload, index - first)
    return entries


def outcome_of(files):
    """The records that opening finds, or the error it raises."""
    try:
        return opened(files).recovered.records
    except CorruptData as error:
        return error


def segments_of(files):
    return [name for name in files.names() if segment.number_of(name) is not None]


def payload_of(index, size=100):
    return (b"%d;" % index * size)[:size]


def filled(files, count, *, size=100, start=1):
    log = opened(files)
    for index in range(start, start + count):
        log.append(index, index, payload_of(index, size))
        log.sync()
    return log


class TestEveryday:
    def test_a_new_log_is_empty_and_starts_at_one(self):
        log = opened(disk())
        assert log.recovered.state is None
        assert log.recovered.records == []
        assert log.last_index == 0
        log.append(1, 3, b"abc")
        assert log.last_index == 3

    def test_what_was_synced_is_there_after_a_crash(self):
        files = disk()
        log = opened(files)
        log.save_state(b"term 1")
        log.append(1, 2, b"one and two")
        log.append(3, 3, b"three")
        log.sync()
        files.crash()
        again = opened(files)
        assert again.recovered.state == b"term 1"
        assert again.recovered.records == [(1, 2, b"one and two"), (3, 3, b"three")]
        assert again.last_index == 3

    def test_appends_share_one_sync_and_an_idle_sync_costs_none(self):
        files = disk()
        log = opened(files)
        before = files.syncs
        log.append(1, 1, b"a")
        log.append(2, 2, b"b")
        assert log.bytes_unsynced > 0
        log.sync()
        log.sync()
        assert files.syncs == before + 1
        assert log.bytes_unsynced == 0

    def test_nothing_is_written_before_sync(self):
        files = disk()
        log = opened(files)
        steps = files.steps
        log.append(1, 1, b"a")
        log.save_state(b"s")
        assert files.steps == steps

    def test_a_truncating_append_comes_back_in_the_order_written(self):
        files = disk()
        log = opened(files)
        log.append(1, 3, b"old")
        log.append(2, 2, b"new")
        assert log.last_index == 2
        log.sync()
        files.crash()
        again = opened(files)
        assert again.recovered.records == [(1, 3, b"old"), (2, 2, b"new")]
        assert again.last_index == 2

    def test_a_gap_is_a_mistake_of_the_caller(self):
        log = opened(disk())
        with pytest.raises(AssertionError, match="gap"):
            log.append(2, 2, b"")

    def test_the_last_state_wins(self):
        files = disk()
        log = opened(files)
        log.save_state(b"1")
        log.save_state(b"2")
        log.close()
        assert opened(files).recovered.state == b"2"

    def test_empty_payloads_are_records_too(self):
        files = disk()
        log = opened(files)
        log.append(1, 1, b"")
        log.close()
        assert opened(files).recovered.records == [(1, 1, b"")]

    def test_a_record_bigger_than_a_segment_gets_a_segment_of_its_size(self):
        files = disk()
        log = opened(files)
        log.append(1, 1, b"x" * (3 * SEGMENT))
        log.sync()
        files.crash()
        again = opened(files)
        assert again.recovered.records == [(1, 1, b"x" * (3 * SEGMENT))]
        again.append(2, 2, b"y")
        again.sync()

    def test_another_salt_is_another_folder(self):
        files = disk()
        filled(files, 1).close()
        with pytest.raises(CorruptData, match="another folder"):
            WriteAheadLog.open(files, salt=SALT + 1)

    def test_segments_grow_to_their_full_size(self):
        files = disk()
        log = opened(files, segment_bytes=16 * 1024, first_segment_bytes=1024)
        for index in range(1, 100):
            log.append(index, index, payload_of(index, 300))
        sizes = [len(files.content_of(name)) for name in segments_of(files)]
        assert sizes == [1024, 4096, 16384, 16384]
        assert log.segments == 4
        assert log.bytes_on_disk == sum(sizes)

    def test_open_and_close_in_turn_keep_everything(self):
        files = disk()
        filled(files, 3).close()
        for _ in range(50):
            opened(files).close()
        assert sorted(entries_of(opened(files).recovered)) == [1, 2, 3]


class TestRollOver:
    def test_every_segment_starts_with_the_state(self):
        files = disk()
        log = opened(files)
        log.save_state(b"the state")
        for index in range(1, 101):
            log.append(index, index, payload_of(index))
            log.sync()
        assert log.segments > 3
        log.drop_before(101)
        assert log.segments == 1
        files.crash()
        again = opened(files)
        assert again.recovered.state == b"the state"
        assert again.last_index == 100

    def test_drop_keeps_what_it_must(self):
        files = disk()
        log = filled(files, 100)
        log.drop_before(40)
        files.crash()
        kept = entries_of(opened(files).recovered)
        assert set(range(40, 101)) <= set(kept)
        assert 1 not in kept

    def test_a_log_whose_entries_were_all_dropped_goes_on_where_it_was(self):
        files = disk()
        log = opened(files)
        index = 1
        while log.segments == 1 or log.bytes_unsynced:
            log.append(index, index, payload_of(index))
            index += 1
            if log.segments == 2:
                break
        # The roll happened inside the last append, which is not synced: only a crash that
        # loses it shows a newest segment without entries.
        log.drop_before(index - 1)
        files.crash()
        again = opened(files)
        assert again.recovered.records == []
        assert again.last_index == index - 2
        again.append(index - 1, index - 1, b"next")
        again.close()
        assert entries_of(opened(files).recovered) == {index - 1: (b"next", 0)}

    def test_a_dropped_segment_is_used_again(self):
        files = disk()
        log = filled(files, 100)
        while not files.names()[-1].startswith("spare"):
            log.drop_before(101)
        assert SPARE in files.names()
        files.capacity = 0
        for index in range(101, 121):
            log.append(index, index, payload_of(index))
            log.sync()
        files.crash()
        assert opened(files).last_index == 120

    def test_old_records_of_a_recycled_segment_do_not_come_back(self):
        files = disk()
        log = filled(files, 100)
        log.drop_before(101)
        while log.prepare_next():
            pass
        assert set(files.content_of(SPARE)) == {0}

    def test_prepare_works_in_pieces_and_says_when_it_is_done(self, monkeypatch):
        monkeypatch.setattr("coordsvc.storage.spare.PIECE_BYTES", 1000)
        files = disk()
        log = opened(files)
        calls = 1
        while log.prepare_next():
            calls += 1
        assert calls == 5
        assert not log.prepare_next()
        assert files.content_of(SPARE) == bytes(4096)

    def test_a_prepared_roll_writes_no_zeros(self):
        files = disk()
        log = opened(files)
        while log.prepare_next():
            pass
        steps = files.steps
        log.append(1, 1, b"x" * 2000)
        assert files.steps - steps == 4  # header, sync, rename, sync of names

    def test_a_reset_log_starts_behind_the_snapshot_with_the_state(self):
        files = disk()
        log = filled(files, 60)
        log.save_state(b"term 9")
        log.append(61, 61, b"never synced")
        log.reset(1000)
        files.crash()
        again = opened(files)
        assert again.recovered.records == []
        assert again.recovered.state == b"term 9"
        assert again.last_index == 1000
        assert len(segments_of(files)) == 1
        again.append(1001, 1001, b"next")
        again.close()
        assert entries_of(opened(files).recovered) == {1001: (b"next", 0)}

    def test_a_log_can_be_reset_to_an_earlier_index(self):
        files = disk()
        log = filled(files, 60)
        log.reset(10)
        log.append(11, 11, b"x")
        log.sync()
        files.crash()
        assert entries_of(opened(files).recovered) == {11: (b"x", 0)}


def test_the_log_lives_on_a_real_disk_too(tmp_path):
    files = OsFiles(tmp_path)
    log = opened(files)
    log.save_state(b"term 3")
    for index in range(1, 101):
        log.append(index, index, payload_of(index))
        log.sync()
    log.append(90, 90, b"new")
    log.drop_before(50)
    while log.prepare_next():
        pass
    log.close()
    log = opened(files)
    assert log.recovered.state == b"term 3"
    assert log.last_index == 90
    assert entries_of(log.recovered)[90] == (b"new", 0)
    assert entries_of(log.recovered)[50] == (payload_of(50), 0)
    log.reset(500)
    log.close()
    log = opened(files)
    assert (log.recovered.state, log.recovered.records, log.last_index) == (b"term 3", [], 500)
    log.close()


class TestTornTails:
    def test_every_cut_of_the_last_record_is_a_torn_tail(self):
        whole = disk()
        log = filled(whole, 3)
        start = log._active.end
        log.append(4, 4, payload_of(4, 700))
        log.sync()
        end = log._active.end
        name = segments_of(whole)[0]
        content = whole.content_of(name)
        for cut in range(start, end):
            torn = content[:cut] + bytes(len(content) - cut)
            if torn == content:
                continue  # the record itself ends in zeros
            files = disk()
            file = files.open(name, create=True)
            file.write_at(0, torn)
            again = opened(files)
            assert again.last_index == 3, cut
            assert files.content_of(name) == content[:start] + bytes(len(content) - start)

    def test_a_lost_record_takes_the_later_ones_of_its_batch_with_it(self):
        files = disk()
        log = filled(files, 2)
        start = log._active.end
        log.append(3, 3, payload_of(3, 200))
        log.append(4, 4, payload_of(4, 200))
        log.sync()
        name = segments_of(files)[0]
        files.flip_bit(name, start + 100)
        again = opened(files)
        assert again.last_index == 2
        assert again.recovered.bytes_cut > 400

    def test_what_was_cut_does_not_come_back_when_the_gap_is_filled(self):
        files = disk()
        log = filled(files, 2)
        start = log._active.end
        log.append(3, 3, payload_of(3, 200))
        log.append(4, 4, b"ghost")
        log.sync()
        files.flip_bit(segments_of(files)[0], start + 100)
        again = opened(files)
        again.append(3, 3, payload_of(99, 200))  # the same size: it ends where the ghost began
        again.sync()
        files.crash()
        assert entries_of(opened(files).recovered)[3][0] == payload_of(99, 200)
        assert opened(files).last_index == 3

    def test_a_flip_in_a_record_that_was_vouched_for_is_damage(self):
        whole = disk()
        log = filled(whole, 5)
        last = log._active.end - 40 - 104
        log.sync()
        name = segments_of(whole)[0]
        content = whole.content_of(name)
        harmless = 0
        for offset in range(0, last, 3):
            files = disk()
            file = files.open(name, create=True)
            file.write_at(0, content)
            file.sync()
            files.flip_bit(name, offset, offset % 8)
            outcome = outcome_of(files)
            if isinstance(outcome, CorruptData):
                assert f"{name}: damaged at byte" in str(outcome)
                assert "start it again with an empty one" in str(outcome)
            else:
                assert outcome == [(each, each, payload_of(each)) for each in range(1, 6)], offset
                harmless += 1
        assert harmless < 10, "only padding is not covered, and it holds nothing"

    def test_after_a_clean_close_even_the_last_record_is_vouched_for(self):
        files = disk()
        log = filled(files, 3)
        end = log._active.end
        log.close()
        files.flip_bit(segments_of(files)[0], end - 50)
        with pytest.raises(CorruptData, match="damaged at byte"):
            opened(files)

    def test_damage_in_a_segment_that_has_a_successor_is_damage_also_at_its_end(self):
        files = disk()
        log = filled(files, 30)
        assert log.segments > 1
        name = segments_of(files)[0]
        used = len(files.content_of(name).rstrip(b"\0"))
        files.flip_bit(name, used - 5)
        with pytest.raises(CorruptData, match=f"{name}: damaged at byte"):
            opened(files)

    def test_a_missing_segment_is_damage(self):
        files = disk()
        filled(files, 60)
        files.remove(segments_of(files)[1])
        with pytest.raises(CorruptData, match=r"0002\.log: this segment of the log is missing"):
            opened(files)

    def test_a_segment_that_does_not_join_the_one_before_is_damage(self):
        files = disk()
        filled(files, 60)
        log = opened(other := disk())
        log.append(1, 5, b"x" * 1900)
        log.append(6, 6, b"x" * 1900)
        log.sync()
        name = segments_of(files)[1]
        files.remove(name)
        files.open(name, create=True).write_at(0, other.content_of(name))
        with pytest.raises(CorruptData):
            opened(files)

    def test_a_misdirected_write_is_found_out(self):
        files = disk()
        log = filled(files, 3)
        files.misdirect_next = -144
        log.append(4, 4, payload_of(4))
        log.sync()  # lands on the record of index 3
        log.append(5, 5, payload_of(5))
        log.sync()
        with pytest.raises(CorruptData, match="damaged at byte"):
            opened(files)

    def test_a_client_cannot_forge_a_record_inside_a_payload(self):
        files = disk()
        log = filled(files, 2)
        good = files.content_of(segments_of(files)[0])
        log.append(3, 3, good[64 : 64 + 144] * 8)
        log.sync()
        files.flip_bit(segments_of(files)[0], log._active.end - 9)
        assert opened(files).last_index == 2


class TestFailures:
    def test_after_a_failed_sync_the_log_takes_nothing_more(self):
        files = disk()
        log = filled(files, 2)
        log.append(3, 3, b"x")
        files.fail_syncs = True
        with pytest.raises(DiskFailed):
            log.sync()
        files.fail_syncs = False
        for use in (
            lambda: log.append(4, 4, b"x"),
            lambda: log.save_state(b"x"),
            log.sync,
            log.prepare_next,
            lambda: log.drop_before(2),
            lambda: log.reset(9),
        ):
            with pytest.raises(DiskFailed):
                use()
        log.close()

    def test_after_a_failed_write_the_log_takes_nothing_more(self):
        files = disk()
        log = filled(files, 2)
        log.append(3, 3, b"x")
        files.fail_writes = True
        with pytest.raises(DiskFailed):
            log.sync()
        files.fail_writes = False
        with pytest.raises(DiskFailed, match="takes nothing more"):
            log.sync()

    def test_a_restart_after_a_failed_sync_does_not_trust_the_page_cache(self):
        files = disk()
        log = filled(files, 2)
        log.append(3, 3, b"in the cache only")
        files.fail_syncs = True
        with pytest.raises(DiskFailed):
            log.sync()
        files.fail_syncs = False
        files.restart()
        assert opened(files).last_index == 3
        files.crash()
        assert opened(files).last_index == 3

    def test_a_name_that_a_killed_process_left_is_durable_before_it_is_used(self):
        for seed in range(10):
            files = disk(seed)
            log = opened(files)
            while log.prepare_next():
                pass
            files.stop_at = files.steps + 4  # header, sync, rename; the name is not synced
            with pytest.raises(PowerLoss):
                log.append(1, 1, b"x" * 2000)
            files.restart()
            log = opened(files)
            assert log.segments == 2
            log.append(1, 1, b"acknowledged")
            log.sync()
            files.crash()
            assert opened(files).last_index == 1

    def test_a_full_disk_refuses_the_roll_and_harms_nothing(self):
        files = disk()
        log = opened(files)
        files.capacity = 0
        for index in range(1, 100):
            if not log._active.has_room(100):
                break
            log.append(index, index, payload_of(index))
        index = log.last_index
        with pytest.raises(DiskFull):
            log.append(index + 1, index + 1, payload_of(index + 1))
        assert log.last_index == index
        log.sync()
        with pytest.raises(DiskFull):
            log.prepare_next()
        with pytest.raises(DiskFull):
            log.append(index + 1, index + 1, payload_of(index + 1))
        with pytest.raises(DiskFull):
            log.reset(1000)
        assert log.last_index == index
        files.capacity = 2**30
        log.append(index + 1, index + 1, payload_of(index + 1))
        log.sync()
        files.crash()
        assert sorted(entries_of(opened(files).recovered)) == list(range(1, index + 2))


def operations():
    """(name, prepare, operation, index of the last entry before, after)."""

    def roll(log):
        log.append(21, 21, b"r" * 3000)
        log.sync()

    def truncate(log):
        log.append(5, 5, b"t" * 1000)
        log.append(6, 6, b"t" * 2500)
        log.sync()

    return {
        "first start": None,
        "roll": roll,
        "truncate over a roll": truncate,
        "drop": lambda log: log.drop_before(20),
        "reset": lambda log: log.reset(500),
        "close": lambda log: log.close(),
        "prepare": lambda log: log.prepare_next(),
    }


@pytest.mark.parametrize("name", operations())
def test_a_crash_at_each_step_of(name):
    operation = operations()[name]
    stopped = 0
    for step in range(1, 200):
        for seed in range(8):
            files = disk(seed)
            if operation is not None:
                log = filled(files, 20, size=250)
                log.save_state(b"before")
                log.sync()
                before = entries_of(opened_copy(log, files))
            files.stop_at = files.steps + step
            try:
                if operation is None:
                    opened(files)
                else:
                    operation(log)
                finished = True
            except PowerLoss:
                finished = False
                stopped += 1
            files.crash()
            again = opened(files)
            entries = entries_of(again.recovered)
            if operation is None:
                assert entries == {}
                assert again.last_index == 0
            else:
                assert again.recovered.state == b"before"
                check(name, entries, before, again.last_index, finished=finished)
            again.append(again.last_index + 1, again.last_index + 1, b"goes on")
            again.sync()
            files.crash()
            assert entries_of(opened(files).recovered) == entries | {
                again.last_index: (b"goes on", 0)
            }
        if finished:
            break
    assert stopped > 3


def opened_copy(log, files):
    """What a log in `files` would recover, without touching them."""
    copy = disk()
    for name in files.names():
        copy.open(name, create=True).write_at(0, files.content_of(name))
    return opened(copy).recovered


def check(name, entries, before, last_index, *, finished):
    if name == "roll":
        assert {index: entries[index] for index in before} == before
        assert last_index in ((21,) if finished else (20, 21))
    elif name == "truncate over a roll":
        kept = {index: before[index] for index in range(1, 5)}
        assert {index: entries[index] for index in range(1, 5)} == kept
        assert last_index in ((6,) if finished else (20, 5, 6))
        if last_index == 20:
            assert entries == before
    elif name == "drop":
        assert last_index == 20
        assert {index: entry for index, entry in before.items() if index >= 20}.items() <= (
            entries.items()
        )
        assert entries.items() <= before.items()
    elif name == "reset":
        assert (entries, last_index) in ([({}, 500)] if finished else [({}, 500), (before, 20)])
    else:
        assert entries == before


STEPS = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 3), st.integers(0, 1500)),
    st.tuples(st.just("truncate"), st.integers(1, 6), st.integers(0, 300)),
    st.tuples(st.just("state"), st.integers(0, 40)),
    st.tuples(st.just("sync")),
    st.tuples(st.just("prepare")),
    st.tuples(st.just("drop"), st.integers(0, 8)),
    st.tuples(st.just("reset"), st.integers(-2, 20)),
    st.tuples(st.just("fail sync"), st.booleans()),
    st.tuples(st.just("full"), st.booleans()),
    st.tuples(st.just("power"), st.integers(1, 12)),
    st.tuples(st.just("crash")),
    st.tuples(st.just("close")),
)


class Model:
    """Runs steps on a log and knows what may be found after a crash.

    `versions` are the contents (entries, state, last index) since the last sync: a recovery must
    find one of them. Below `floor` entries may be gone.
    """

    def __init__(self, seed):
        self.files = disk(seed)
        self.log = opened(self.files)
        self.versions = [({}, None, 0)]
        self.floor = 0
        self.unique = 0

    def payload(self, size):
        self.unique += 1
        return b"%d;" % self.unique + b"rec\x01" * (size // 4)

    def run(self, step):
        try:
            getattr(self, step[0].replace(" ", "_"))(*step[1:])
        except DiskFull:
            assert self.files.capacity == 0
        except PowerLoss:
            self.recover(crash=self.files.steps % 2 == 0)  # or the process was killed

    def happened(self, entries, state, last):
        self.versions.append((entries, state, last))

    def synced(self):
        del self.versions[:-1]

    def put(self, first, count, size):
        entries, state, _ = self.versions[-1]
        payload = self.payload(size)
        kept = {index: entry for index, entry in entries.items() if index < first}
        new = {first + each: (payload, each) for each in range(count)}
        version = (kept | new, state, first + count - 1)
        self.log.append(first, first + count - 1, payload)
        self.happened(*version)

    def append(self, count, size):
        self.put(self.log.last_index + 1, count, size)

    def truncate(self, back, size):
        self.put(max(self.floor + 1, self.log.last_index + 1 - back), 1, size)

    def state(self, size):
        entries, _, last = self.versions[-1]
        payload = self.payload(size)
        self.log.save_state(payload)
        self.happened(entries, payload, last)

    def sync(self):
        self.log.sync()
        self.synced()

    def prepare(self):
        self.log.prepare_next()

    def drop(self, back):
        # As a snapshot would: only what is durable is in it.
        last = min(version[2] for version in self.versions)
        index = max(self.floor + 1, last - back)
        self.floor = max(self.floor, min(index, last + 1) - 1)
        self.log.drop_before(self.floor + 1)

    def reset(self, ahead):
        index = max(self.log.last_index + ahead, self.floor, 1)
        version = ({}, self.versions[-1][1], index)
        self.happened(*version)
        try:
            self.log.reset(index)
        except DiskFull:
            self.versions.pop()
            raise
        self.synced()
        self.floor = max(self.floor, index)

    def fail_sync(self, crash):
        self.log.append(self.log.last_index + 1, self.log.last_index + 1, b"")
        entries, state, last = self.versions[-1]
        self.happened(entries | {last + 1: (b"", 0)}, state, last + 1)
        self.files.fail_syncs = True
        with pytest.raises(DiskFailed):
            self.log.sync()
        self.files.fail_syncs = False
        self.recover(crash=crash)

    def full(self, yes):
        self.files.capacity = 0 if yes else 2**40

    def power(self, steps):
        self.files.stop_at = self.files.steps + steps

    def crash(self):
        self.recover(crash=True)

    def close(self):
        self.log.close()
        self.synced()
        self.recover(crash=False)

    def recover(self, *, crash):
        self.files.fail_syncs = False
        if crash:
            self.files.crash()
        else:
            self.files.restart()
        capacity, self.files.capacity = self.files.capacity, 2**40
        self.log = opened(self.files)
        self.files.capacity = capacity
        entries = entries_of(self.log.recovered)
        found = (self.above(entries), self.log.recovered.state, self.log.last_index)
        assert found in [(self.above(each), state, last) for each, state, last in self.versions]
        self.versions = [(entries, found[1], found[2])]

    def above(self, entries):
        return {index: entry for index, entry in entries.items() if index > self.floor}


@settings(max_examples=250, deadline=None)
@given(st.integers(0, 2**32), st.lists(STEPS, max_size=40))
def test_recovery_finds_all_that_was_synced_and_a_prefix_of_the_rest(seed, steps):
    model = Model(seed)
    for step in steps:
        model.run(step)
    model.files.stop_at = None
    model.crash()


def random_step(chance):
    return chance.choices(
        [
            ("append", chance.randint(1, 3), chance.randint(0, 1500)),
            ("truncate", chance.randint(1, 6), chance.randint(0, 300)),
            ("state", chance.randint(0, 40)),
            ("sync",),
            ("prepare",),
            ("drop", chance.randint(0, 8)),
            ("reset", chance.randint(-2, 20)),
            ("fail_sync", chance.random() < 0.5),
            ("full", chance.random() < 0.3),
            ("power", chance.randint(1, 12)),
            ("crash",),
            ("close",),
        ],
        [30, 8, 5, 20, 4, 6, 2, 1, 3, 6, 6, 2],
    )[0]


@pytest.mark.parametrize("seed", range(40))
def test_a_long_life_of_crashes_loses_nothing_that_was_synced(seed):
    chance = random.Random(seed)
    model = Model(seed)
    for _ in range(250):
        model.run(random_step(chance))
