"""What a replica begins with."""

from coordsvc.base import limits
from coordsvc.raft.node import RaftSettings
from coordsvc.replica.compaction import CompactionSettings
from coordsvc.replica.settings import ReplicaSettings


def test_what_is_not_chosen_is_safe():
    settings = ReplicaSettings(RaftSettings(), CompactionSettings())
    assert not settings.lease_reads
    assert settings.disk_reserve_bytes == limits.DISK_RESERVE_BYTES


def test_the_reserve_takes_the_segments_that_are_prepared_ahead():
    assert limits.DISK_RESERVE_BYTES > 2 * limits.SEGMENT_BYTES
