"""The log: group commit, roll-over, dropping, reset."""

import pytest

from coordsvc.base.errors import CorruptData
from coordsvc.storage.os_files import OsFiles
from coordsvc.storage.spare import NAME as SPARE
from coordsvc.storage.wal import WriteAheadLog
from tests.unit.storage.logs import (
    SALT,
    SEGMENT,
    disk,
    entries_of,
    filled,
    opened,
    payload_of,
    segments_of,
)


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
