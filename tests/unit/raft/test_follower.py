from __future__ import annotations

from coordsvc.raft.core import NEVER
from coordsvc.raft.messages import (
    AppendReply,
    AppendRequest,
    Heartbeat,
    HeartbeatReply,
    Membership,
    SnapshotMeta,
    SnapshotOffer,
    TimeoutNow,
    VoteReply,
    VoteRequest,
)
from coordsvc.raft.node import RaftSettings, Role
from tests.scripts.raft_single import LATE, THREE, entry, node_of, sent, terms_of


def meta(index: int, term: int, *, stamp_ms: int = 0) -> SnapshotMeta:
    return SnapshotMeta(index, term, Membership(THREE), stamp_ms)


def test_who_has_no_vote_never_campaigns() -> None:
    node = node_of(voters=("n2", "n3"))
    assert node.deadline() == NEVER
    node.wake(10**9)
    assert node.role is Role.FOLLOWER
    node.step("n2", Heartbeat(1, 0, 0), LATE)
    node.step("n2", TimeoutNow(1), LATE)
    assert node.role is Role.FOLLOWER


def test_only_the_leader_can_ask_it_to_campaign() -> None:
    node = node_of(term=1)
    node.step("n2", Heartbeat(1, 0, 0), LATE)
    node.step("n3", TimeoutNow(1), LATE)
    assert node.role is Role.FOLLOWER


def test_a_lease_outlives_a_restart_of_who_granted_it() -> None:
    """A new link may hasten an election only where nobody can be relying on our silence."""
    node = node_of(term=1, settings=RaftSettings(lease_reads=True))
    node.link_made("n3", 0)
    assert node.deadline() >= 1_000
    node.wake(999)
    assert node.role is Role.FOLLOWER


def test_who_grants_a_pre_vote_lets_that_campaign_go_first() -> None:
    node = node_of(term=1)
    node.link_made("n3", 0)
    soon = node.deadline()
    node.step("n2", VoteRequest(2, True, 0, 0), soon - 1)
    assert node.deadline() == soon - 1 + 100
    refused = node_of(1, term=1)
    refused.link_made("n3", 0)
    soon = refused.deadline()
    refused.step("n2", VoteRequest(2, True, 0, 0), soon - 1)
    assert refused.deadline() == soon


def test_a_heartbeat_restarts_the_timer_and_is_answered_at_once() -> None:
    node = node_of(term=1)
    node.step("n2", Heartbeat(1, 0, 4), 700)
    assert node.deadline() == 1_700
    assert node.ready().send_now == [("n2", HeartbeatReply(1, 4))]


def test_a_heartbeat_of_round_0_wants_no_answer() -> None:
    node = node_of(1, term=1)
    node.step("n2", Heartbeat(1, 1, 0), 700)
    ready = node.ready()
    assert ready.commit == 1
    assert not ready.send_now


def test_a_heartbeat_that_commits_what_is_not_here_commits_nothing() -> None:
    node = node_of(1, term=1)
    node.step("n2", Heartbeat(1, 5, 0), LATE)
    assert node.commit == 0


def test_an_append_with_entries_of_a_later_term_than_its_own_is_ignored() -> None:
    node = node_of(1, term=1)
    node.step("n2", AppendRequest(1, 1, 1, 0, [entry(9)]), LATE)
    assert terms_of(node) == [1]
    assert not node.ready().send_after_sync


def test_a_second_leader_of_one_term_is_ignored() -> None:
    node = node_of(term=1)
    node.step("n2", Heartbeat(1, 0, 0), LATE)
    node.ready()
    for message in (
        Heartbeat(1, 0, 1),
        AppendRequest(1, 0, 0, 0, [entry(1)]),
        SnapshotOffer(1, meta(0, 0)),
    ):
        node.step("n3", message, LATE)
    assert (node.leader, node.last_index) == ("n2", 0)
    assert not node.ready()


def test_an_append_from_before_the_commit_is_acknowledged_from_there() -> None:
    node = node_of(1, 1, 1, term=1)
    node.step("n2", AppendRequest(1, 3, 1, 3, []), LATE)
    node.ready()
    node.step("n2", AppendRequest(1, 0, 0, 3, [entry(1)]), LATE)
    assert node.ready().send_after_sync == [("n2", AppendReply(1, True, 3))]
    node.step("n2", AppendRequest(1, 1, 1, 4, [entry(1), entry(1), entry(1)]), LATE)
    assert (node.last_index, node.commit) == (4, 4)


def test_one_acknowledgement_stands_for_several_appends() -> None:
    node = node_of(term=1)
    node.step("n2", AppendRequest(1, 0, 0, 0, [entry(1)]), LATE)
    node.step("n2", AppendRequest(1, 1, 1, 0, [entry(1)]), LATE)
    node.step("n2", AppendRequest(1, 0, 0, 0, []), LATE)
    assert node.ready().send_after_sync == [("n2", AppendReply(1, True, 2))]


def test_an_acknowledgement_does_not_stand_for_one_of_an_earlier_term() -> None:
    """n2 led, lost what it had sent to another leader, and leads again: all of it in one turn."""
    node = node_of(1, term=1)
    node.step("n2", AppendRequest(2, 1, 1, 0, [entry(2), entry(2), entry(2)]), LATE)
    node.step("n2", AppendRequest(4, 1, 1, 0, [entry(3)]), LATE)
    assert terms_of(node) == [1, 3]
    replies = sent(node.ready(), AppendReply)
    assert [reply.index for reply in replies if reply.term == 4] == [2]


def test_a_refusal_is_not_swallowed_by_an_acknowledgement() -> None:
    node = node_of(term=1)
    node.step("n2", AppendRequest(1, 7, 1, 0, []), LATE)
    node.step("n2", AppendRequest(1, 0, 0, 0, [entry(1)]), LATE)
    assert [r.accepted for r in sent(node.ready(), AppendReply)] == [False, True]


def test_an_old_leader_is_told_the_term_whatever_it_says() -> None:
    node = node_of(term=5)
    node.step("n2", Heartbeat(3, 0, 9), LATE)
    node.step("n2", AppendRequest(3, 0, 0, 0, []), LATE)
    node.step("n2", SnapshotOffer(3, meta(9, 1)), LATE)
    node.step("n2", TimeoutNow(3), LATE)
    ready = node.ready()
    assert ready.send_now == [("n2", HeartbeatReply(5, 0))]
    assert ready.send_after_sync == [("n2", AppendReply(5, False, 0))] * 2


def test_an_old_candidate_is_told_the_term_although_a_leader_lives() -> None:
    node = node_of(term=5)
    node.step("n2", Heartbeat(5, 0, 0), LATE)
    node.ready()
    node.step("n3", VoteRequest(3, False, 9, 9), LATE)
    assert node.ready().send_after_sync == [("n3", VoteReply(5, False, False))]


def test_a_lost_link_to_the_leader_shortens_patience_and_frees_the_vote() -> None:
    node = node_of(term=1)
    node.step("n2", Heartbeat(1, 0, 0), 100)
    node.link_lost("n3", 200)
    assert node.deadline() == 1_100
    node.link_lost("n2", 200)
    assert node.deadline() == 200
    node.step("n3", VoteRequest(2, True, 0, 0), 200)
    assert sent(node.ready(), VoteReply)[0].granted
    node.step("n2", Heartbeat(1, 0, 0), 201)
    node.step("n3", VoteRequest(2, True, 0, 0), 202)
    assert not sent(node.ready(), VoteReply)[0].granted


def test_an_offer_of_what_is_here_is_answered_at_once() -> None:
    node = node_of(1, 1, term=1)
    node.step("n2", AppendRequest(1, 2, 1, 2, []), LATE)
    node.ready()
    node.step("n2", SnapshotOffer(1, meta(2, 1)), LATE)
    assert node.ready().send_after_sync == [("n2", AppendReply(1, True, 2))]
    node.step("n2", SnapshotOffer(1, meta(9, 1)), LATE)
    assert not node.ready()


def test_a_snapshot_takes_the_place_of_a_log_that_lacks_its_entry() -> None:
    node = node_of(1, 1, term=3)
    node.step("n2", Heartbeat(3, 0, 0), LATE)
    node.ready()
    new = SnapshotMeta(9, 3, Membership(("n1", "n2")), 77)
    assert node.restored(new, LATE)
    assert (node.first_index, node.last_index, node.commit) == (10, 9, 9)
    assert (node.membership.voters, node.last_stamp_ms, node.snapshot) == (("n1", "n2"), 77, new)
    ready = node.ready()
    assert (ready.commit, ready.membership_changed) == (9, True)
    assert ready.send_after_sync == [("n2", AppendReply(3, True, 9))]


def test_a_snapshot_of_what_the_log_has_keeps_the_log() -> None:
    node = node_of(1, 1, 2, 2, term=3)
    assert not node.restored(meta(3, 2), LATE)
    assert (terms_of(node), node.commit, node.snapshot.index) == ([1, 1, 2, 2], 3, 3)


def test_a_snapshot_that_comes_late_moves_nothing_back() -> None:
    node = node_of(1, 1, term=1)
    node.step("n2", AppendRequest(1, 2, 1, 2, []), LATE)
    assert not node.restored(meta(1, 1), LATE)
    assert (node.commit, node.last_index, node.snapshot.index) == (2, 2, 0)
