from __future__ import annotations

from coordsvc.raft.messages import Heartbeat, Membership, TimeoutNow, VoteReply, VoteRequest
from coordsvc.raft.node import Role
from tests.scripts.raft_cluster import cluster_of
from tests.scripts.raft_single import LATE, lead, node_of, sent


def test_a_sole_voter_elects_itself_at_once() -> None:
    node = node_of(voters=("n1",))
    assert node.deadline() == 0
    node.wake(0)
    assert (node.role, node.term) == (Role.LEADER, 1)


def test_a_candidate_is_never_quiet_for_its_deadline_moves_with_what_it_hears() -> None:
    node = node_of()
    node.wake(LATE)
    node.step("n2", VoteReply(1, True, True), LATE)
    node.ready()
    due = node.deadline()
    node.step("n2", VoteReply(1, False, False), LATE)
    assert node.deadline() < due
    assert not node.ready()
    assert not node.is_quiet


def test_a_late_yes_to_a_pre_vote_is_no_vote() -> None:
    node = node_of()
    node.wake(LATE)
    node.step("n2", VoteReply(1, True, True), LATE)
    assert node.term == 1
    node.step("n3", VoteReply(1, True, True), LATE)
    assert node.role is Role.CANDIDATE


def test_an_answer_to_another_terms_pre_vote_does_not_count() -> None:
    node = node_of(term=4)
    node.wake(LATE)
    node.step("n2", VoteReply(4, True, True), LATE)
    node.step("n2", VoteReply(9, True, True), LATE)
    assert node.term == 4


def test_a_vote_cannot_be_taken_back() -> None:
    node = node_of()
    node.wake(LATE)
    node.step("n2", VoteReply(0, True, False), LATE)
    node.step("n2", VoteReply(1, True, True), LATE)
    assert (node.role, node.term) == (Role.CANDIDATE, 0)


def test_after_a_refused_vote_it_tries_again_soon() -> None:
    node = node_of()
    node.wake(LATE)
    node.step("n2", VoteReply(1, True, True), LATE)
    assert node.deadline() == LATE + 1_000
    node.step("n2", VoteReply(1, False, False), LATE)
    assert node.deadline() == LATE + 100
    node.ready()
    node.wake(LATE + 100)
    assert sent(node.ready(), VoteRequest)[0] == VoteRequest(2, True, 0, 0)


def test_a_candidate_that_lost_waits_no_longer_than_one_that_is_tied() -> None:
    node = node_of()
    node.wake(LATE)
    node.step("n2", VoteReply(1, True, True), LATE)
    node.step("n2", VoteReply(1, False, False), LATE)
    node.step("n3", VoteReply(1, False, False), LATE)
    assert (node.role, node.deadline()) == (Role.FOLLOWER, LATE + 100)


def test_a_candidate_is_not_hurried() -> None:
    node = node_of()
    node.wake(LATE)
    node.ready()
    node.wake(LATE + 1)
    assert not node.ready()


def test_an_election_that_was_asked_for_is_tried_once_then_by_pre_vote() -> None:
    node = node_of(term=1)
    node.step("n2", Heartbeat(1, 0, 0), 10)
    node.step("n2", TimeoutNow(1), 10)
    assert sent(node.ready(), VoteRequest)[0].transfer
    node.wake(node.deadline())
    assert sent(node.ready(), VoteRequest)[0] == VoteRequest(3, True, 0, 0)


def test_a_candidate_asks_voters_only() -> None:
    cluster = cluster_of("n1", "n2", learners=("n3",))
    cluster.members["n1"].node.wake(LATE)
    assert [to for to, _ in cluster.members["n1"].node.ready().send_now] == ["n2"]


def test_a_late_vote_does_not_move_a_leader() -> None:
    node = node_of()
    lead(node)
    node.step("n3", VoteReply(1, False, True), LATE)
    assert (node.role, node.membership) == (Role.LEADER, Membership(("n1", "n2", "n3")))
