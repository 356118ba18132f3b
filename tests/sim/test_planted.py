"""The simulator is tested by bugs planted into the code under test: each must be found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

import pytest

from tests.sim import plants
from tests.sim.__main__ import CRASHED, run_seed
from tests.sim.run import Tuning

pytestmark = [pytest.mark.sim, pytest.mark.slow]

Plant = Callable[[pytest.MonkeyPatch], None]

CRASHES: Final = ("crash machine", "crash", "transfer", "slow disk")
PARTITIONS: Final = ("partition", "isolate", "one-way", "clog", "flap")
MESSAGES: Final = ("delay messages", "repeat messages", "lose messages")


class Planted(NamedTuple):
    """A bug, the conditions under which it is looked for, and how many seeds that may take."""

    plant: Plant
    tuning: Tuning = Tuning()
    seeds: int = 50
    may_crash: bool = False
    """Whether an assertion of the code itself may be what finds it."""


PLANTED: Final = (
    Planted(
        plants.acknowledged_before_the_sync,
        Tuning(
            nodes=3,
            kinds=("crash machine", "crash machine", "slow disk", "slow disk", "isolate"),
            workloads=("register", "counter"),
        ),
    ),
    Planted(plants.vote_not_kept, Tuning(nodes=3, kinds=("crash machine", "transfer", "isolate"))),
    Planted(
        plants.read_without_a_quorum,
        Tuning(nodes=3, kinds=PARTITIONS, workloads=("register", "counter")),
    ),
    Planted(
        plants.read_under_a_lease_nobody_gave,
        Tuning(nodes=3, kinds=PARTITIONS, workloads=("register", "counter"), lease_reads=True),
    ),
    Planted(
        plants.read_before_the_term_has_committed,
        Tuning(
            nodes=3,
            kinds=("slow disk", "transfer", "crash", "clog"),
            workloads=("register", "counter"),
        ),
        seeds=400,
    ),
    Planted(plants.event_dropped),
    Planted(plants.token_used_again),
    Planted(
        plants.answers_not_in_the_snapshot,
        Tuning(
            nodes=3,
            kinds=("reset", "crash", "transfer", "clog", "lose messages"),
            snapshot_every=5,
        ),
    ),
    Planted(
        plants.old_entry_committed_by_counting,
        Tuning(nodes=5, kinds=("crash", "isolate", "slow disk", "partition")),
        seeds=100,
    ),
    Planted(plants.expired_although_it_pinged),
    Planted(
        plants.sent_again_out_of_order,
        Tuning(kinds=("reset", "transfer", "clog"), workloads=("burst",)),
    ),
    Planted(
        plants.never_sent_again, Tuning(nodes=3, kinds=("transfer", "reset", "isolate", "clog"))
    ),
    Planted(plants.lease_without_a_margin),
    Planted(
        plants.lease_counted_from_the_last_copy,
        Tuning(nodes=1, kinds=("slow disk", "isolate client", "pause")),
        seeds=300,
    ),
    Planted(
        plants.session_of_a_read_not_named,
        Tuning(nodes=3, kinds=("reset", "isolate client", "clog", "slow disk")),
        seeds=300,
    ),
    Planted(plants.stale_append_truncates, Tuning(nodes=3, kinds=MESSAGES), may_crash=True),
    Planted(
        plants.late_snapshot_moves_back,
        Tuning(nodes=3, kinds=("partition", "isolate", *MESSAGES), snapshot_every=3),
        may_crash=True,
    ),
    Planted(
        plants.expired_without_the_log,
        Tuning(nodes=3, kinds=("isolate client", "pause client")),
        may_crash=True,
    ),
    Planted(plants.answer_before_the_event, Tuning(workloads=("watch", "counter"))),
    Planted(
        plants.lock_delay_ignored,
        Tuning(kinds=("pause client", "isolate client"), workloads=("claims",)),
    ),
    Planted(plants.digests_not_compared, Tuning(nodes=3, kinds=("wrong state", "jump"))),
    Planted(
        plants.learner_counted,
        Tuning(nodes=3, learners=1, kinds=("isolate", "partition", "crash machine", "slow disk")),
    ),
    Planted(plants.retry_applied_twice, Tuning(nodes=3, kinds=("reset", "crash", "transfer"))),
    Planted(plants.number_of_a_name_used_again, Tuning(workloads=("sequence",))),
    Planted(plants.half_a_transaction, Tuning(workloads=("transfer",))),
    Planted(
        plants.ephemerals_outlive_their_session,
        Tuning(kinds=("pause client", "isolate client"), workloads=("sequence", "mortal")),
    ),
    Planted(plants.exclusive_lock_shared, Tuning(workloads=("claims",))),
    Planted(plants.latest_waiter_served_first, Tuning(workloads=("claims", "lock"))),
    Planted(
        plants.waiter_becomes_a_ghost,
        Tuning(kinds=("pause client", "isolate client"), workloads=("claims",)),
        may_crash=True,
    ),
    Planted(plants.guard_not_looked_at, Tuning(workloads=("lock",))),
    Planted(
        plants.resumed_watch_without_what_was_missed,
        Tuning(kinds=("reset", "isolate client"), workloads=("watch",)),
        may_crash=True,
    ),
    Planted(
        plants.cut_history_not_told, Tuning(kinds=("reset", "isolate client"), workloads=("watch",))
    ),
    Planted(
        plants.follower_reads_what_it_has,
        Tuning(nodes=3, kinds=("clog", "reset"), workloads=("register", "counter")),
    ),
    Planted(plants.damage_taken_for_a_torn_tail, Tuning(nodes=3, kinds=("flip log", "misdirect"))),
    Planted(
        plants.failed_sync_believed,
        Tuning(nodes=3, kinds=("disk fails", "crash machine", "transfer")),
        may_crash=True,
    ),
    Planted(
        plants.log_dropped_before_the_snapshot_is_there,
        Tuning(nodes=3, kinds=("crash machine", "slow disk"), snapshot_every=5),
        may_crash=True,
    ),
    Planted(
        plants.member_with_an_empty_folder_votes,
        Tuning(nodes=3, kinds=("flip log", "misdirect", "isolate", "partition", "transfer")),
    ),
    Planted(plants.time_leaps_with_the_calendar, Tuning(kinds=("jump",))),
    Planted(plants.node_goes_before_its_time, Tuning(workloads=("mortal",))),
    Planted(
        plants.snapshot_of_a_moving_state,
        Tuning(nodes=3, kinds=("crash", "isolate"), snapshot_every=3),
    ),
)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.plant.__name__)
def test_a_planted_bug_is_found(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    planted.plant(monkeypatch)
    for seed in range(1, 1 + planted.seeds):
        result = run_seed(seed, replace(planted.tuning, detailed=True))
        assert planted.may_crash or result.exit_code != CRASHED, result.why
        if result.exit_code:
            print(f"seed {seed}: {result.why.splitlines()[-1][:160]}")
            return
    pytest.fail(f"{planted.seeds} seeds have not found it")
