"""The log: torn tails, damage, and a disk that fails or is full."""

import pytest

from coordsvc.base.errors import CorruptData, DiskFailed, DiskFull
from tests.sim.disk import PowerLoss
from tests.unit.storage.logs import (
    disk,
    entries_of,
    filled,
    opened,
    outcome_of,
    payload_of,
    segments_of,
)


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
