"""The invariants of the service, each with what shows it: a registry that a test checks.

A place is one of: `checker:module.Class.method` or `checker:module.function`, under
`tests/sim/checkers`, which watches every run of the simulator; `workload:module.Class`, which
judges its own history; `run:name`, a method of a run itself; `planted:name`, a bug that
`test_planted.py` puts in and that must be found; `fault:kind`, which the simulator injects; or
`path/of/test_file.py::test_name` under `tests`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

CLIENT_CLIENT: Final = "unit/client/test_client.py::test_"
CLIENT_LOCK: Final = "unit/client/recipes/test_lock.py::test_"
FRAMING: Final = "unit/storage/test_framing.py::test_"
LAYOUT: Final = "unit/storage/test_layout.py::test_"
NATIVE_CONVERSATION: Final = "unit/protocols/native/test_conversation.py::test_"
NATIVE_WATCHES: Final = "unit/protocols/native/test_conversation_watches.py::test_"
PEER_CONVERSATION: Final = "unit/protocols/peer/test_conversation.py::test_"
RAFT_FOLLOWER: Final = "unit/raft/test_follower.py::test_"
RAFT_LEADER: Final = "unit/raft/test_leader.py::test_"
RAFT_PAPER: Final = "paper/test_raft_paper.py::test_"
RAFT_WALK: Final = "unit/raft/test_walk.py::test_"
REAL_ERRORS: Final = "integration/test_errors.py::test_"
REAL_FULL_DISK: Final = "integration/test_full_disk.py::test_"
REAL_MEMBERS: Final = "integration/test_members.py::test_"
REAL_PAUSE: Final = "integration/test_pause.py::test_"
REAL_RESTART: Final = "integration/test_restart.py::test_"
REAL_START_UP: Final = "integration/test_start_up.py::test_"
REPLICA: Final = "unit/replica/test_replica.py::test_"
REPLICA_DESK: Final = "unit/replica/test_desk.py::test_"
REPLICA_MEMBERS: Final = "unit/replica/test_members.py::test_"
REPLICA_RESTORATION: Final = "unit/replica/test_restoration.py::test_"
SIM_DAY: Final = "sim/test_day.py::test_"
SIM_PLANTED: Final = "sim/test_planted.py::test_"
SIM_SIM: Final = "sim/test_sim.py::test_"
SNAPSHOTS: Final = "unit/storage/test_snapshots.py::test_"
SNAPSHOT_FORMAT: Final = "unit/storage/test_snapshot_format.py::test_"
STATE_FOREIGN: Final = "unit/state/test_foreign.py::test_"
STATE_HISTORY: Final = "unit/state/test_history.py::test_"
STATE_LOCKS: Final = "unit/state/test_locks.py::test_"
STATE_MACHINE: Final = "unit/state/test_machine.py::test_"
STATE_TRANSACTIONS: Final = "unit/state/test_transactions.py::test_"
STATE_TREE: Final = "unit/state/test_tree.py::test_"
WAL_CRASHES: Final = "unit/storage/test_wal_crashes.py::test_"
WAL_DAMAGE: Final = "unit/storage/test_wal_damage.py::test_"
WATCH_TABLE: Final = "unit/watch/test_table.py::test_"


class Row(NamedTuple):
    """One invariant."""

    number: int
    name: str
    shown_by: tuple[str, ...]


def _row(number: int, name: str, *shown_by: str) -> Row:
    return Row(number, name, shown_by)


CONSENSUS: Final = (
    _row(
        1, "at most one leader per term", "checker:raft.RaftChecker.leads", "planted:vote_not_kept"
    ),
    _row(
        2,
        "a leader only appends",
        "checker:raft.RaftChecker.appended",
        RAFT_PAPER + "3_5_a_leader_appends_only",
    ),
    _row(3, "log matching", "checker:raft.RaftChecker.appended"),
    _row(
        4,
        "leader completeness",
        "checker:raft.RaftChecker.leads",
        "planted:acknowledged_before_the_sync",
    ),
    _row(
        5,
        "one entry per index, for ever",
        "checker:raft.RaftChecker.applied",
        "planted:learner_counted",
        "planted:member_with_an_empty_folder_votes",
    ),
    _row(
        6,
        "term and vote are on disk before a vote or reply leaves",
        "planted:vote_not_kept",
        RAFT_PAPER + "3_8_votes_and_acknowledgements_wait_for_the_disk",
    ),
    _row(
        7,
        "only what is on disk is acknowledged or counted",
        "planted:acknowledged_before_the_sync",
        RAFT_PAPER + "10_2_1_the_leader_counts_itself_only_when_its_own_disk_has_the_entry",
    ),
    _row(
        8,
        "only entries of the current term commit by counting",
        "planted:old_entry_committed_by_counting",
        RAFT_PAPER + "3_6_2_an_entry_of_an_earlier_term_does_not_commit_by_counting",
    ),
    _row(
        9,
        "a stale append never truncates what matches",
        "planted:stale_append_truncates",
        "fault:delay messages",
        "fault:repeat messages",
        RAFT_PAPER + "3_5_an_old_append_never_truncates_entries_that_match",
    ),
    _row(
        10,
        "a late snapshot moves nobody back",
        "checker:raft.RaftChecker.restored",
        "planted:late_snapshot_moves_back",
        RAFT_FOLLOWER + "a_snapshot_that_comes_late_moves_nothing_back",
    ),
    _row(
        11,
        "pre-vote and check-quorum, and no deadlock of the two",
        "run:_liveness",
        RAFT_WALK + "a_cluster_under_faults_keeps_every_promise_and_recovers",
        RAFT_PAPER + "9_6_a_pre_vote_changes_no_term_and_promises_nothing",
        RAFT_PAPER + "6_2_a_leader_without_a_quorum_steps_down",
        RAFT_FOLLOWER + "an_old_leader_is_told_the_term_whatever_it_says",
    ),
    _row(
        12,
        "a one-way or partial partition leaves one working leader",
        "fault:one-way",
        "fault:bridge",
        "fault:cut pair",
        "run:_liveness",
    ),
    _row(
        13,
        "no read before an entry of the term is committed",
        "planted:read_before_the_term_has_committed",
        RAFT_PAPER + "6_4_a_read_waits_for_an_entry_of_the_term_and_for_a_round",
    ),
    _row(
        14,
        "a read after an acknowledged write sees it, on every member",
        "workload:register.RegisterWorkload",
        "checker:revisions.check_real_time",
        "planted:follower_reads_what_it_has",
        "planted:read_without_a_quorum",
    ),
    _row(
        15,
        "lease reads are correct within the drift and refused without proof",
        "planted:read_under_a_lease_nobody_gave",
        "fault:drift",
        RAFT_PAPER + "6_4_1_a_lease_starts_when_the_round_was_sent_and_allows_for_drift",
    ),
    _row(
        16,
        "leadership transfer: never two leaders, nothing lost or doubled",
        "fault:transfer",
        "checker:raft.RaftChecker.leads",
        RAFT_LEADER + "a_handover_is_given_up_after_an_election_timeout",
    ),
    _row(
        17,
        "membership changes by joint consensus, one at a time, in an own term",
        RAFT_PAPER + "4_3_a_joint_membership_needs_both_majorities_to_elect",
        RAFT_PAPER + "4_1_a_change_waits_for_an_entry_of_the_term_and_for_the_last_change",
        RAFT_PAPER + "4_2_3_a_removed_node_cannot_end_a_leaders_term",
        "fault:members",
        "run:_settle_members",
        REPLICA_MEMBERS + "what_would_lose_the_quorum_is_refused",
        REPLICA_MEMBERS + "the_leader_can_be_removed",
        REPLICA_MEMBERS + "a_removed_member_that_missed_it_is_told_and_keeps_still",
        REAL_MEMBERS + "a_cluster_grows_from_one_to_three_to_five_under_load",
        "scripts/test_single_step_change.py::test_the_planted_overlap_of_single_steps_is_found",
    ),
    _row(
        18,
        "a learner never counts; nobody votes with amnesia",
        "planted:learner_counted",
        RAFT_PAPER + "4_2_1_a_learner_counts_for_nothing",
        REPLICA_MEMBERS + "a_voter_with_an_empty_folder_does_not_vote_and_is_told_the_way_out",
    ),
)

STATE: Final = (
    _row(
        19,
        "equal entries give equal states, across snapshots and restarts",
        "checker:raft.RaftChecker.digest",
        "run:_compare_states",
        "planted:digests_not_compared",
        "planted:snapshot_of_a_moving_state",
        "fault:wrong state",
        SIM_SIM + "one_seed_gives_one_run_whatever_the_hash_seed",
        STATE_MACHINE + "the_seed_of_hashes_changes_nothing",
    ),
    _row(
        20,
        "a retried request has one effect and one answer",
        "checker:exactly_once.ExactlyOnceChecker.applied",
        "planted:answers_not_in_the_snapshot",
        "planted:retry_applied_twice",
        "planted:sent_again_out_of_order",
        "workload:burst.BurstWorkload",
        "workload:counter.CounterWorkload",
    ),
    _row(
        21,
        "an ambiguous result is reported as such",
        "workload:register.RegisterWorkload",
        "workload:transfer.TransferWorkload",
        CLIENT_CLIENT + "without_an_answer_a_write_has_an_unknown_outcome_and_a_read_a_timeout",
    ),
    _row(
        22,
        "a session whose heartbeats are answered never expires",
        "checker:sessions.SessionChecker.expired",
        "planted:expired_although_it_pinged",
    ),
    _row(
        23,
        "an expired session goes in one step and never writes again",
        "checker:sessions.SessionChecker.left_behind",
        "checker:sessions.SessionChecker.applied",
        "checker:mortals.MortalChecker.applied",
        "planted:ephemerals_outlive_their_session",
        "planted:expired_without_the_log",
    ),
    _row(
        24,
        "the client's lease is over before any server can expire it",
        "checker:sessions.SessionChecker.believes_until",
        "planted:lease_without_a_margin",
        "planted:lease_counted_from_the_last_copy",
        "planted:session_of_a_read_not_named",
        "fault:pause client",
    ),
    _row(
        25,
        "sequence numbers never repeat under one parent",
        "checker:exactly_once.check_unique",
        "planted:number_of_a_name_used_again",
    ),
    _row(
        26,
        "versions and zxids follow the rules of the protocol page",
        "checker:views.ViewChecker.answered",
        STATE_TREE + "set_moves_mzxid_mtime_and_version_only_even_with_equal_data",
        STATE_TREE + "cversion_is_twice_the_creates_less_the_children",
        STATE_TREE + "pzxid_ignores_sets_and_grandchildren",
    ),
    _row(
        27,
        "a transaction is all or nothing",
        "workload:transfer.TransferWorkload",
        "planted:half_a_transaction",
        STATE_TRANSACTIONS + "a_failing_operation_undoes_the_branch_and_leaves_no_trace",
    ),
)

LOCKS: Final = (
    _row(
        28,
        "no two exclusive holders, no shared one beside an exclusive one",
        "checker:locks.LockTableChecker.granted",
        "workload:claims.ClaimsWorkload",
        "workload:tries.TryWorkload",
        "planted:exclusive_lock_shared",
    ),
    _row(
        29,
        "tokens grow with every grant, also across a restore",
        "checker:locks.LockTableChecker.granted",
        "planted:token_used_again",
        REPLICA_RESTORATION + "it_goes_on_above_everything_the_old_cluster_can_have_shown",
    ),
    _row(
        30,
        "a storage that refuses older tokens takes no write of a former holder",
        "checker:locks.GuardedStorage.write",
        "workload:lock.LockWorkload",
        "planted:guard_not_looked_at",
        "fault:pause client",
        REAL_PAUSE + "a_holder_that_stood_still_is_cancelled_and_its_token_refused",
    ),
    _row(
        31,
        "waiters are served in order and leave no ghost",
        "checker:locks.LockTableChecker.session_ended",
        "planted:latest_waiter_served_first",
        "planted:waiter_becomes_a_ghost",
        CLIENT_LOCK + "a_waiter_that_is_cancelled_leaves_no_claim",
    ),
    _row(
        32,
        "the lock delay holds after an expiry, not after a release",
        "checker:locks.LockTableChecker.gone",
        "checker:time.ClusterTimeChecker.stamped",
        "planted:lock_delay_ignored",
        "planted:time_leaps_with_the_calendar",
        STATE_LOCKS + "lock_delay_does_not_hold_after_a_clean_one",
    ),
    _row(
        33,
        "the body never runs without the lock and is cancelled in time",
        "checker:locks.HoldingChecker.holds",
        CLIENT_LOCK + "the_body_is_cancelled_strictly_before_the_servers_may_end_the_lease",
    ),
)

WATCHES: Final = (
    _row(
        34,
        "every change once, in order, or the client is told of the cut",
        "checker:watches.WatchChecker.delivered",
        "workload:watch.WatchWorkload",
        "planted:event_dropped",
        "planted:resumed_watch_without_what_was_missed",
        "planted:cut_history_not_told",
        "fault:pause client",
    ),
    _row(
        35,
        "an event comes before any answer that shows its change",
        "checker:watches.WatchChecker.shown",
        "planted:answer_before_the_event",
    ),
    _row(
        36,
        "no event of a change that was not committed",
        "checker:watches.WatchChecker.delivered",
        "checker:raft.RaftChecker.applied",
    ),
    _row(37, "a one-shot watch fires once", WATCH_TABLE + "a_one_shot_watch_fires_once_and_leaves"),
    _row(
        38,
        "no client sees an older revision than one it has seen",
        "checker:revisions.SeenChecker.saw",
        "checker:views.ViewChecker.answered",
        REPLICA_RESTORATION + "no_watch_resumes_across_it_as_if_nothing_had_been_lost",
    ),
)

DISK: Final = (
    _row(
        39,
        "after any crash recovery finds all that was acknowledged",
        "checker:raft.RaftChecker.restarted",
        "fault:crash machine",
        WAL_CRASHES + "recovery_finds_all_that_was_synced_and_a_prefix_of_the_rest",
    ),
    _row(
        40,
        "a torn tail is cut; damage before it stops the node and is named",
        "planted:damage_taken_for_a_torn_tail",
        "fault:flip log",
        WAL_DAMAGE + "every_cut_of_the_last_record_is_a_torn_tail",
    ),
    _row(
        41,
        "a failed write or sync stops the node; the page cache is not believed",
        "fault:disk fails",
        "planted:failed_sync_believed",
        WAL_DAMAGE + "a_restart_after_a_failed_sync_does_not_trust_the_page_cache",
    ),
    _row(
        42,
        "full disk: no growth is acknowledged, the rest goes on, the alarm ends",
        "fault:disk full",
        "run:_liveness",
        NATIVE_CONVERSATION + "while_a_disk_is_full_only_what_does_not_grow_is_taken",
        REAL_FULL_DISK + "before_a_disk_is_full_growth_is_refused_everywhere_and_the_rest_goes_on",
    ),
    _row(
        43,
        "a crash between any two steps of snapshot, rename, drop, truncation",
        "fault:crash machine",
        "planted:log_dropped_before_the_snapshot_is_there",
        WAL_CRASHES + "a_crash_at_each_step_of",
        SNAPSHOTS + "a_crash_at_each_step_leaves_the_new_or_the_old",
    ),
    _row(
        44,
        "bit flips and misdirected writes are detected",
        "fault:flip log",
        "fault:flip snapshot",
        "fault:misdirect",
        FRAMING + "every_flipped_bit_outside_the_padding_is_found",
        SNAPSHOT_FORMAT + "every_flipped_bit_is_found",
    ),
    _row(
        45,
        "two processes never share a directory",
        LAYOUT + "another_process_is_kept_out_too_and_the_lock_ends_with_its_holder",
        REAL_START_UP + "two_processes_never_share_a_folder",
    ),
    _row(
        46,
        "a wrong cluster or node identity is refused",
        LAYOUT + "the_folder_of_another_is_refused_and_left_unlocked",
        PEER_CONVERSATION + "a_stranger_is_turned_away_before_any_message_is_looked_at",
        PEER_CONVERSATION + "who_is_turned_away_hears_from_whom_and_why",
        "unit/replica/test_gate.py::test_a_member_with_another_folder_is_not",
    ),
)

HOSTILITY: Final = (
    _row(
        47,
        "heartbeats and renewals are not held up",
        "checker:sessions.SessionChecker.expired",
        "fault:slow disk",
        REPLICA + "a_long_catch_up_is_spread_over_turns",
        SNAPSHOTS + "a_long_snapshot_is_synced_on_the_way_so_that_the_log_never_waits_long",
    ),
    _row(
        48,
        "every queue, map and buffer is bounded; memory returns",
        SIM_DAY + "a_day_leaves_nothing_behind",
        STATE_HISTORY + "the_bytes_of_data_are_bounded_too",
        REPLICA_DESK + "what_waits_for_its_answer_is_bounded",
        NATIVE_WATCHES + "events_that_wait_to_be_sent_are_bounded",
    ),
    _row(
        49,
        "bad frames cost at most their connection",
        NATIVE_CONVERSATION + "random_bytes_cost_at_most_the_connection",
        PEER_CONVERSATION + "random_bytes_raise_nothing_else",
        REAL_ERRORS + "random_bytes_cost_at_most_their_connection",
    ),
    _row(
        50,
        "unauthenticated bytes reach nothing; an unauthorised path is refused everywhere",
        NATIVE_CONVERSATION + "a_stranger_is_told_why_and_closed",
        STATE_FOREIGN + "each_operation_asks_for_its_permission",
    ),
    _row(
        51,
        "what the log cannot apply cannot get into it",
        NATIVE_CONVERSATION + "a_bad_request_is_refused_and_never_gets_into_the_log",
        STATE_MACHINE + "random_requests_never_raise",
    ),
)

LIVENESS: Final = (
    _row(
        52,
        "after the faults: a leader soon, all caught up, all clients work",
        "run:_liveness",
        "planted:never_sent_again",
    ),
    _row(
        53,
        "a rolling restart loses no session and no write",
        "fault:stop",
        REAL_RESTART + "a_rolling_restart_under_load_loses_no_session_and_no_write",
    ),
    _row(
        54,
        "a node with an empty directory rebuilds itself",
        "fault:flip log",
        "run:_liveness",
        REAL_RESTART + "a_node_that_was_away_for_long_is_given_a_snapshot",
        REAL_MEMBERS + "a_node_that_comes_back_empty_is_refused_until_it_is_taken_in_afresh",
    ),
    _row(
        55,
        "the checkers are checked: planted bugs are found",
        SIM_PLANTED + "a_planted_bug_is_found",
    ),
)

INVARIANTS: Final = (*CONSENSUS, *STATE, *LOCKS, *WATCHES, *DISK, *HOSTILITY, *LIVENESS)
