from __future__ import annotations

from coordsvc.base import limits
from coordsvc.raft.progress import Flow, Progress


def replicating(match: int = 10) -> Progress:
    progress = Progress(match + 1, now=0)
    progress.accepted(match)
    assert progress.flow is Flow.REPLICATE
    return progress


def test_a_probe_sends_one_append_and_waits() -> None:
    progress = Progress(11, now=0)
    progress.sent(12, 100, now=5)
    assert progress.paused
    assert (progress.next, progress.sent_ms) == (11, 5)


def test_an_accepted_probe_starts_replication_behind_the_match() -> None:
    progress = Progress(11, now=0)
    progress.sent(12, 100, now=5)
    assert progress.accepted(12)
    assert (progress.flow, progress.match, progress.next) == (Flow.REPLICATE, 12, 13)
    assert not progress.paused


def test_replication_runs_ahead_of_the_answers() -> None:
    progress = replicating()
    progress.sent(12, 100, now=1)
    progress.sent(15, 50, now=2)
    assert (progress.next, progress.in_flight_bytes) == (16, 150)
    assert progress.accepted(12)
    assert (progress.in_flight_bytes, len(progress.window)) == (50, 1)
    assert not progress.accepted(12)


def test_the_window_is_bounded_in_appends() -> None:
    progress = replicating(0)
    for index in range(limits.APPENDS_IN_FLIGHT_MAX):
        assert progress.has_room()
        progress.sent(index + 1, 1, now=1)
    assert not progress.has_room()
    progress.accepted(1)
    assert progress.has_room()


def test_the_window_is_bounded_in_bytes() -> None:
    progress = replicating(0)
    progress.sent(1, limits.APPENDS_IN_FLIGHT_BYTES_MAX, now=1)
    assert not progress.has_room()
    progress.accepted(1)
    assert progress.has_room()


def test_an_empty_append_takes_no_room() -> None:
    progress = replicating()
    progress.nudged = True
    progress.sent(10, 0, now=1)
    assert not progress.window
    assert not progress.nudged


def test_a_refusal_while_replicating_goes_back_to_the_match() -> None:
    progress = replicating()
    progress.sent(12, 100, now=1)
    assert progress.rejected(12, 12)
    assert (progress.flow, progress.next, progress.in_flight_bytes) == (Flow.PROBE, 11, 0)


def test_an_old_refusal_means_nothing() -> None:
    progress = replicating()
    assert not progress.rejected(9, 3)
    assert (progress.flow, progress.match, progress.next) == (Flow.REPLICATE, 10, 11)
    probing = Progress(11, now=0)
    assert not probing.rejected(4, 2)
    assert probing.next == 11


def test_a_refused_probe_goes_back_to_where_the_logs_may_agree() -> None:
    progress = Progress(11, now=0)
    progress.sent(10, 0, now=1)
    assert progress.rejected(10, 6)
    assert (progress.next, progress.paused) == (7, False)


def test_a_refused_probe_goes_back_even_if_the_hint_does_not() -> None:
    progress = Progress(11, now=0)
    assert progress.rejected(10, 99)
    assert progress.next == 10
    first = Progress(1, now=0)
    assert first.rejected(0, 0)
    assert first.next == 1


def test_a_follower_that_lost_its_disk_is_matched_anew() -> None:
    progress = replicating()
    progress.probe()
    assert progress.rejected(10, 0)
    assert (progress.match, progress.next) == (0, 1)


def test_while_a_snapshot_travels_nothing_is_refused() -> None:
    progress = Progress(11, now=0)
    progress.await_snapshot()
    assert not progress.rejected(10, 0)


def test_after_a_snapshot_the_probe_starts_behind_it() -> None:
    progress = Progress(1, now=0)
    progress.await_snapshot()
    progress.snapshot_sent(50, ok=True)
    assert (progress.flow, progress.next, progress.paused) == (Flow.PROBE, 51, False)


def test_after_a_failed_snapshot_the_probe_waits_for_a_sign_of_life() -> None:
    progress = Progress(1, now=0)
    progress.await_snapshot()
    progress.snapshot_sent(50, ok=False)
    assert (progress.flow, progress.next, progress.paused) == (Flow.PROBE, 1, True)


def test_an_acknowledgement_beyond_what_was_sent_moves_next_along() -> None:
    progress = replicating()
    progress.accepted(20)
    assert progress.next == 21


def test_a_probe_of_somebody_unknown_goes_on_from_where_it_was() -> None:
    progress = Progress(8, 0)
    progress.probe()
    assert progress.next == 8
    progress.rejected(7, 4)
    progress.probe()
    assert progress.next == 5
    progress.accepted(4)
    progress.sent(9, 100, 1)
    progress.probe()
    assert progress.next == 5
