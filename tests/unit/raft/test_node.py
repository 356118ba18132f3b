from __future__ import annotations

import pytest

from coordsvc.raft.core import NEVER
from coordsvc.raft.messages import AppendReply, AppendRequest, Heartbeat, Membership, SnapshotMeta
from coordsvc.raft.node import RaftSettings, Refusal, Role
from tests.scripts.raft_single import LATE, ack, lead, node_of, sync


def test_a_fresh_node_follows_nobody_and_has_nothing_to_do() -> None:
    node = node_of()
    assert (node.role, node.term, node.leader) == (Role.FOLLOWER, 0, None)
    assert (node.first_index, node.last_index, node.commit) == (1, 0, 0)
    assert (node.peers(), node.leader_lease_until(), node.handing_over) == ({}, 0, False)
    assert not node.ready()


def test_who_does_not_lead_takes_nothing() -> None:
    node = node_of()
    assert node.propose([b"a"], 0, LATE) is None
    assert not node.transfer_to("n2", LATE)
    outcome = node.propose_membership(voters=("n1",), learners=(), stamp_ms=0, now=LATE)
    assert outcome is Refusal.NOT_LEADER
    node.read(5, LATE)
    assert node.ready().reads_failed == [5]


def test_the_vote_can_be_seen() -> None:
    assert node_of(term=3, vote="n2").vote == "n2"


def test_no_commands_are_no_proposal() -> None:
    node = node_of()
    lead(node)
    assert node.propose([], 0, LATE) is None


def test_a_proposal_says_where_it_will_stand() -> None:
    node = node_of(1, 1, term=1)
    lead(node)
    proposed = node.propose([b"a", b"bb"], 7, LATE)
    assert (proposed.term, proposed.first, proposed.count) == (2, 4, 2)
    assert node.uncommitted_bytes == 2 + 3
    assert node.term_at(4) == 2


def test_a_ready_tells_of_the_leader_once() -> None:
    node = node_of()
    node.step("n2", Heartbeat(1, 0, 0), LATE)
    assert node.ready().leadership_changed
    assert node.leader == "n2"
    node.step("n2", Heartbeat(1, 0, 1), LATE)
    assert not node.ready().leadership_changed


def test_a_snapshot_is_described_as_of_its_index() -> None:
    node = node_of()
    lead(node)
    node.propose([b"a"], 70, LATE)
    ack(node, "n2", "n3")
    node.propose_membership(voters=("n1", "n2", "n3"), learners=("n4",), stamp_ms=80, now=LATE)
    assert node.snapshot_meta(2) == SnapshotMeta(2, 1, Membership(("n1", "n2", "n3")), 70)
    with pytest.raises(AssertionError):
        node.snapshot_meta(3)


def test_compaction_may_keep_entries_for_followers_a_little_behind() -> None:
    node = node_of(1, 1, 1, term=1)
    node.step("n2", AppendRequest(1, 3, 1, 3, []), LATE)
    meta = node.snapshot_meta(3)
    node.compact(meta, 1)
    assert (node.first_index, node.snapshot) == (2, meta)
    node.compact(meta)
    assert (node.first_index, node.term_at(3)) == (4, 1)
    node.compact(SnapshotMeta(1, 1, meta.membership))
    assert node.snapshot == meta
    with pytest.raises(AssertionError):
        node.compact(SnapshotMeta(9, 1, meta.membership))


def test_a_write_of_a_follower_is_noted_without_more_ado() -> None:
    node = node_of(term=1)
    node.step("n2", AppendRequest(1, 0, 0, 0, [*node_of(1).entries(1, 1)]), LATE)
    ready = node.ready()
    sync(node, ready)
    assert not node.ready()


def test_links_mean_nothing_to_a_candidate_and_new_ones_nothing_to_a_follower() -> None:
    node = node_of()
    node.link_made("n2", 0)
    assert not node.ready()
    node.wake(LATE)
    node.ready()
    node.link_lost("n2", LATE)
    node.link_made("n2", LATE)
    assert not node.ready()


def test_a_message_that_the_role_does_not_expect_is_ignored() -> None:
    node = node_of(term=1)
    node.step("n2", AppendReply(1, True, 5), LATE)
    assert not node.ready()


def test_without_a_membership_it_waits_to_be_added() -> None:
    assert node_of(voters=()).deadline() == NEVER


def test_a_heartbeat_must_be_more_frequent_than_an_election() -> None:
    with pytest.raises(AssertionError):
        node_of(settings=RaftSettings(heartbeat_ms=100, election_ms=100))
