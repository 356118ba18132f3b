"""One test per rule of Raft, each naming the section of Ongaro's thesis that states it."""

from __future__ import annotations

import pytest

from coordsvc.base.ports import SilentLogger
from coordsvc.raft import membership as rules
from coordsvc.raft.messages import (
    MEMBERSHIP,
    NOOP,
    AppendReply,
    AppendRequest,
    Entry,
    HardState,
    Heartbeat,
    HeartbeatReply,
    Membership,
    SnapshotMeta,
    TimeoutNow,
    VoteReply,
    VoteRequest,
)
from coordsvc.raft.node import RaftNode, RaftSettings, RecoveredRaft, Refusal, Role
from tests.scripts.raft_single import (
    FIVE,
    LATE,
    THREE,
    ack,
    entry,
    lead,
    node_of,
    sent,
    sync,
    terms_of,
)

# 3.3 Terms.


@pytest.mark.parametrize(
    "message",
    [
        VoteRequest(7, False, 0, 0),
        AppendRequest(7, 0, 0, 0, []),
        Heartbeat(7, 0, 1),
        AppendReply(7, False, 0),
        HeartbeatReply(7, 0),
        VoteReply(7, False, False),
    ],
    ids=lambda m: type(m).__name__,
)
def test_3_3_a_later_term_is_adopted_and_saved(message: object) -> None:
    node = node_of(term=2)
    node.step("n2", message, LATE)
    assert node.term == 7
    assert node.ready().hard_state.term == 7


def test_3_3_a_leader_that_learns_of_a_later_term_becomes_a_follower() -> None:
    node = node_of()
    lead(node)
    node.step("n2", AppendReply(9, False, 0), LATE)
    assert (node.role, node.term, node.leader) == (Role.FOLLOWER, 9, None)


def test_3_3_a_message_of_an_earlier_term_changes_nothing() -> None:
    node = node_of(1, 3, term=3)
    node.step("n2", AppendRequest(2, 1, 1, 2, [entry(2)]), LATE)
    ready = node.ready()
    assert terms_of(node) == [1, 3]
    assert node.commit == 0
    assert ready.send_after_sync == [("n2", AppendReply(3, False, 0))]


# 3.4 Election.


def test_3_4_a_follower_without_news_campaigns_and_votes_for_itself() -> None:
    node = node_of(1, term=1)
    deadline = node.deadline()
    node.wake(deadline - 1)
    assert node.role is Role.FOLLOWER
    node.wake(deadline)
    assert node.role is Role.CANDIDATE
    for peer in ("n2",):
        node.step(peer, VoteReply(2, True, True), LATE)
    ready = node.ready()
    assert ready.hard_state == HardState(2, "n1")
    assert ready.send_after_sync == [(p, VoteRequest(2, False, 1, 1)) for p in ("n2", "n3")]


def test_3_4_the_election_timeout_lies_between_one_and_two_settings() -> None:
    class Most:
        def randrange(self, start: int, stop: int, /) -> int:
            return stop - 1

    assert node_of().deadline() == 1_000
    recovered = RecoveredRaft(HardState(0, None), SnapshotMeta(0, 0, Membership(THREE)), [])
    late = RaftNode("n1", RaftSettings(), recovered, chance=Most(), log=SilentLogger(), now=0)
    assert late.deadline() == 1_999


def test_3_4_a_majority_of_five_is_three() -> None:
    node = node_of(voters=FIVE)
    node.wake(LATE)
    for peer in ("n2", "n3"):
        node.step(peer, VoteReply(1, True, True), LATE)
    node.step("n2", VoteReply(1, False, True), LATE)
    node.step("n2", VoteReply(1, False, True), LATE)
    assert node.role is Role.CANDIDATE
    node.step("n3", VoteReply(1, False, True), LATE)
    assert node.role is Role.LEADER


def test_3_4_a_candidate_refused_by_a_majority_gives_up() -> None:
    node = node_of()
    node.wake(LATE)
    node.step("n2", VoteReply(0, True, False), LATE)
    assert node.role is Role.CANDIDATE
    node.step("n3", VoteReply(0, True, False), LATE)
    assert (node.role, node.term) == (Role.FOLLOWER, 0)


@pytest.mark.parametrize("message", [AppendRequest(1, 0, 0, 0, []), Heartbeat(1, 0, 1)])
def test_3_4_a_candidate_that_hears_its_terms_leader_follows_it(message: object) -> None:
    node = node_of(term=1)
    node.wake(LATE)
    node.step("n3", message, LATE)
    assert (node.role, node.leader, node.term) == (Role.FOLLOWER, "n3", 1)


def test_3_4_one_vote_per_term_first_come_first_served() -> None:
    node = node_of()
    node.step("n2", VoteRequest(1, False, 0, 0), LATE)
    node.step("n3", VoteRequest(1, False, 0, 0), LATE)
    node.step("n2", VoteRequest(1, False, 0, 0), LATE)
    assert node.ready().send_after_sync == [
        ("n2", VoteReply(1, False, True)),
        ("n3", VoteReply(1, False, False)),
        ("n2", VoteReply(1, False, True)),
    ]


def test_3_4_giving_a_vote_restarts_the_timer() -> None:
    node = node_of()
    node.step("n2", VoteRequest(1, False, 0, 0), 900)
    assert node.deadline() == 1_900


# 3.5 Replication.


def test_3_5_a_follower_refuses_an_append_whose_base_it_lacks() -> None:
    node = node_of(1, 1, term=2)
    node.step("n2", AppendRequest(2, 5, 2, 0, [entry(2)]), LATE)
    assert node.ready().send_after_sync == [("n2", AppendReply(2, False, 5, 2, 1))]


def test_3_5_a_follower_refuses_an_append_whose_base_differs() -> None:
    node = node_of(1, 2, 2, term=3)
    node.step("n2", AppendRequest(3, 3, 1, 0, [entry(3)]), LATE)
    assert node.ready().send_after_sync == [("n2", AppendReply(3, False, 3, 1, 1))]
    assert terms_of(node) == [1, 2, 2]


def test_3_5_contradicting_entries_and_all_after_them_give_way() -> None:
    node = node_of(1, 2, 2, 2, term=3)
    node.step("n2", AppendRequest(3, 1, 1, 0, [entry(2), entry(3)]), LATE)
    ready = node.ready()
    assert terms_of(node) == [1, 2, 3]
    assert (ready.first_index, ready.entries) == (3, [entry(3)])


def test_3_5_an_old_append_never_truncates_entries_that_match() -> None:
    node = node_of(1, 1, 1, 1, term=1)
    node.step("n2", AppendRequest(1, 1, 1, 0, [entry(1)]), LATE)
    ready = node.ready()
    assert node.last_index == 4
    assert not ready.entries
    assert ready.send_after_sync == [("n2", AppendReply(1, True, 2))]


def test_3_5_a_follower_commits_no_further_than_the_append_proves() -> None:
    node = node_of(1, 1, 1, term=2)
    node.step("n2", AppendRequest(2, 1, 1, 3, []), LATE)
    assert node.commit == 1


def test_3_5_the_commit_index_never_goes_back() -> None:
    node = node_of(1, 1, 1, term=1)
    node.step("n2", AppendRequest(1, 3, 1, 3, []), LATE)
    node.step("n2", AppendRequest(1, 3, 1, 1, []), LATE)
    node.step("n2", Heartbeat(1, 2, 1), LATE)
    assert node.commit == 3


def test_3_5_a_leader_appends_only() -> None:
    node = node_of(1, 1, term=1)
    lead(node)
    node.step("n2", AppendRequest(node.term, 0, 0, 3, [entry(2)]), LATE)
    assert terms_of(node) == [1, 1, 2]
    assert node.role is Role.LEADER


def test_3_5_a_leader_goes_back_past_a_whole_term_at_once() -> None:
    node = node_of(1, 1, 1, 4, 4, 4, term=4)
    lead(node)
    # n2 has 1 1 1 2 2 2: whatever it has after 3 cannot agree.
    node.step("n2", AppendReply(5, False, 6, 6, 2), LATE)
    (request,) = sent(node.ready(), AppendRequest)
    assert (request.base_index, request.base_term) == (3, 1)


# 3.6 Safety.


@pytest.mark.parametrize(
    ("last_index", "last_term", "granted"),
    [(9, 1, False), (2, 2, False), (3, 2, True), (1, 3, True)],
)
def test_3_6_1_only_a_log_as_complete_as_ours_gets_the_vote(
    last_index: int, last_term: int, granted: bool
) -> None:
    for pre in (True, False):
        node = node_of(1, 1, 2, term=2)
        node.step("n2", VoteRequest(4, pre, last_index, last_term), LATE)
        assert sent(node.ready(), VoteReply)[0].granted is granted


def test_3_6_2_an_entry_of_an_earlier_term_does_not_commit_by_counting() -> None:
    node = node_of(1, 2, term=3)
    lead(node)
    ack(node, "n2", "n3", index=2)
    assert node.commit == 0
    ack(node, "n2", index=3)
    assert node.commit == 3


def test_3_6_2_nor_when_one_follower_already_has_the_new_terms_entry() -> None:
    node = node_of(1, 2, term=3, voters=FIVE)
    lead(node)
    ack(node, "n3", index=2)
    ack(node, "n2", index=3)  # Three of five have entry 2, two have entry 3.
    assert node.commit == 0
    ack(node, "n3", index=3)
    assert node.commit == 3


def test_3_4_a_new_leader_begins_its_term_with_an_entry() -> None:
    node = node_of(1, term=1)
    lead(node)
    assert node.entries(2, 2) == [Entry(2, NOOP, 0, b"")]


# 3.8 Persistence, 10.2.1 the leader's own disk.


def test_3_8_votes_and_acknowledgements_wait_for_the_disk() -> None:
    node = node_of()
    node.step("n2", VoteRequest(1, False, 0, 0), LATE)
    ready = node.ready()
    assert ready.hard_state == HardState(1, "n2")
    assert not ready.send_now
    node.step("n2", AppendRequest(1, 0, 0, 0, [entry(1)]), LATE)
    ready = node.ready()
    assert not ready.send_now
    assert ready.send_after_sync == [("n2", AppendReply(1, True, 1))]


def test_3_8_a_restarted_node_remembers_its_vote() -> None:
    node = node_of(term=1, vote="n2")
    node.step("n3", VoteRequest(1, False, 0, 0), LATE)
    assert node.ready().send_after_sync == [("n3", VoteReply(1, False, False))]


def test_10_2_1_the_leader_counts_itself_only_when_its_own_disk_has_the_entry() -> None:
    node = node_of(voters=FIVE)
    lead(node)
    ack(node, "n2", "n3")
    assert node.commit == 1
    node.propose([b"a"], 0, LATE)
    ready = node.ready()
    ack(node, "n2", "n3")
    assert node.commit == 1
    sync(node, ready)
    assert node.commit == 2


def test_10_2_1_a_majority_of_followers_commits_without_the_leaders_disk() -> None:
    node = node_of()
    lead(node)
    node.propose([b"a"], 0, LATE)
    node.ready()
    ack(node, "n2", "n3")
    assert node.commit == 2


# 3.10 Leadership transfer.


def test_3_10_a_successor_campaigns_at_once_and_says_why() -> None:
    node = node_of(1, term=1)
    node.step("n2", Heartbeat(1, 0, 1), 10)
    node.step("n2", TimeoutNow(1), 10)
    assert node.ready().send_after_sync[0] == ("n2", VoteRequest(2, False, 1, 1, True))


def test_3_10_a_vote_that_the_leader_asked_for_is_given_although_it_lives() -> None:
    node = node_of()
    node.step("n2", Heartbeat(1, 0, 1), 10)
    node.ready()
    node.step("n3", VoteRequest(2, False, 0, 0, True), 11)
    assert node.ready().send_after_sync == [("n3", VoteReply(2, False, True))]


def test_3_10_the_leader_waits_until_the_successor_has_everything() -> None:
    node = node_of()
    lead(node)
    assert node.transfer_to("n2", LATE)
    assert node.propose([b"no"], 0, LATE) is None
    ack(node, "n3")
    assert not sent(node.ready(), TimeoutNow)
    ack(node, "n2")
    assert [to for to, m in node.ready().send_now if type(m) is TimeoutNow] == ["n2"]


# 4 Membership.


def test_4_1_a_membership_counts_from_when_it_is_appended() -> None:
    node = node_of(term=1)
    bigger = Membership(FIVE)
    data = rules.encode(bigger)
    node.step("n2", AppendRequest(1, 0, 0, 0, [Entry(1, MEMBERSHIP, 0, data)]), LATE)
    assert node.membership == bigger
    assert node.ready().membership_changed


def test_4_1_a_membership_that_is_truncated_counts_no_more() -> None:
    node = node_of(term=1)
    joint = Entry(1, MEMBERSHIP, 0, rules.encode(Membership(FIVE, THREE)))
    node.step("n2", AppendRequest(1, 0, 0, 0, [joint]), LATE)
    node.step("n3", AppendRequest(2, 0, 0, 0, [entry(2)]), LATE)
    assert node.membership == Membership(THREE)


def test_4_1_a_change_waits_for_an_entry_of_the_term_and_for_the_last_change() -> None:
    node = node_of()
    lead(node)

    def change(*voters: str) -> object:
        return node.propose_membership(voters=voters, learners=(), stamp_ms=0, now=LATE)

    assert change("n1", "n2") is Refusal.TERM_UNCOMMITTED
    ack(node, "n2")
    assert change() is Refusal.NO_VOTERS
    assert change(*THREE) is Refusal.UNCHANGED
    assert change("n1", "n2").first == 2
    assert change("n1") is Refusal.CHANGE_PENDING


def test_4_2_1_a_learner_counts_for_nothing() -> None:
    node = node_of(voters=("n1", "n2"))
    lead(node)
    ack(node, "n2")
    node.propose_membership(voters=("n1", "n2"), learners=("n3",), stamp_ms=0, now=LATE)
    sync(node, node.ready())
    ack(node, "n3")
    assert node.commit == 1
    ack(node, "n2")
    assert node.commit == 2


def test_4_2_2_a_leader_that_removes_itself_does_not_count_itself() -> None:
    node = node_of()
    lead(node)
    ack(node, "n2", "n3")
    node.propose_membership(voters=("n2", "n3"), learners=(), stamp_ms=0, now=LATE)
    sync(node, node.ready())
    ack(node, "n2")
    assert node.commit == 1  # Joint: n2 and n3 are both needed.
    ack(node, "n3")
    assert node.commit == 2
    sync(node, node.ready())
    ack(node, "n2")
    assert (node.commit, node.role) == (2, Role.LEADER)
    ack(node, "n3")
    assert (node.commit, node.role) == (3, Role.FOLLOWER)


def test_4_2_3_votes_are_refused_while_a_leader_lives() -> None:
    node = node_of()
    node.step("n2", Heartbeat(1, 0, 0), 100)
    for pre in (True, False):
        node.step("n3", VoteRequest(9, pre, 9, 9), 1_099)
    assert node.term == 1
    assert node.ready().send_now == [("n3", VoteReply(1, True, False))]
    node.step("n3", VoteRequest(9, False, 9, 9), 1_100)
    assert node.term == 9


def test_4_2_3_a_removed_node_cannot_end_a_leaders_term() -> None:
    node = node_of()
    lead(node)
    node.step("n9", VoteRequest(9, False, 9, 9), LATE)
    node.step("n9", HeartbeatReply(9, 0), LATE)
    assert (node.role, node.term) == (Role.LEADER, 1)


def test_4_3_a_joint_membership_needs_both_majorities_to_elect() -> None:
    node = node_of(voters=("n1", "n2"))
    joint = Entry(1, MEMBERSHIP, 0, rules.encode(Membership(("n1", "n4", "n5"), ("n1", "n2"))))
    node.step("n2", AppendRequest(1, 0, 0, 0, [joint]), 0)
    node.ready()
    node.wake(LATE)
    assert {to for to, _ in node.ready().send_now} == {"n2", "n4", "n5"}
    for peer in ("n4", "n5"):
        node.step(peer, VoteReply(2, True, True), LATE)
    assert node.term == 1
    node.step("n2", VoteReply(2, True, True), LATE)
    assert node.term == 2


# 6 Clients.


def test_6_2_a_leader_without_a_quorum_steps_down() -> None:
    node = node_of()
    lead(node)
    for now in range(LATE, LATE + 1_000, 100):
        node.wake(now)
        assert node.role is Role.LEADER
    node.wake(LATE + 1_000)
    assert node.role is Role.FOLLOWER


def test_6_4_a_read_waits_for_an_entry_of_the_term_and_for_a_round() -> None:
    node = node_of(1, term=1)
    lead(node)
    node.read(7, LATE)
    node.step("n2", HeartbeatReply(2, 1), LATE)
    assert not node.ready().reads
    ack(node, "n2")
    (beat,) = sent(node.ready(), Heartbeat)
    assert beat.round == 2
    node.step("n2", HeartbeatReply(2, 1), LATE)
    assert not node.ready().reads
    node.step("n2", HeartbeatReply(2, 2), LATE)
    assert node.ready().reads == [(7, 2)]


def test_6_4_reads_of_a_deposed_leader_fail() -> None:
    node = node_of()
    lead(node)
    node.read(7, LATE)
    node.step("n2", Heartbeat(5, 0, 1), LATE)
    node.read(8, LATE)
    assert node.ready().reads_failed == [7, 8]


def test_6_4_1_a_lease_starts_when_the_round_was_sent_and_allows_for_drift() -> None:
    node = node_of(settings=RaftSettings(lease_reads=True))
    lead(node)
    ack(node, "n2")
    assert node.leader_lease_until() == 0
    node.step("n2", HeartbeatReply(1, 1), LATE + 50)
    assert node.leader_lease_until() == LATE + 900
    node.transfer_to("n2", LATE + 60)
    assert node.leader_lease_until() == 0


def test_6_4_1_with_leases_a_restarted_or_unlinked_follower_stands_by_its_leader() -> None:
    node = node_of(term=1, settings=RaftSettings(lease_reads=True))
    node.step("n3", VoteRequest(2, False, 0, 0), 999)
    assert node.term == 1
    node.step("n2", Heartbeat(1, 0, 0), 1_000)
    node.link_lost("n2", 1_001)
    node.step("n3", VoteRequest(2, False, 0, 0), 1_002)
    assert (node.term, node.deadline()) == (1, 2_000)


# 9.6 Pre-vote.


def test_9_6_a_pre_vote_changes_no_term_and_promises_nothing() -> None:
    node = node_of(term=3)
    node.step("n2", VoteRequest(9, True, 0, 0), LATE)
    node.step("n3", VoteRequest(9, True, 0, 0), LATE)
    ready = node.ready()
    assert ready.hard_state is None
    assert ready.send_now == [(p, VoteReply(9, True, True)) for p in ("n2", "n3")]


def test_9_6_a_candidate_starts_no_term_before_it_would_be_elected() -> None:
    node = node_of(term=3)
    for now in (LATE, 2 * LATE, 3 * LATE):
        node.wake(now)
    assert node.term == 3
