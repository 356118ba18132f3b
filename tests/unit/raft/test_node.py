from __future__ import annotations

import pytest

from coordsvc.raft.core import NEVER
from coordsvc.raft.messages import AppendReply, AppendRequest, Heartbeat, Membership, SnapshotMeta
from coordsvc.raft.node import RaftSettings, Refusal, Role
from tests.scripts.raft_single import LATE, ack, entry, lead, node_of, sync


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


ALL = 10**9


def test_a_leader_keeps_what_a_follower_has_not_got() -> None:
    node = node_of(1, 1, 1, 1, term=1)
    lead(node)
    ack(node, "n2")
    node.trim(5, entries=0, size=ALL)
    assert node.first_index == 1, "n3 has said nothing"
    ack(node, "n3", index=3)
    node.trim(5, entries=1, size=ALL)
    assert (node.first_index, node.snapshot.index) == (3, 0)
    node.trim(5, entries=0, size=ALL)
    assert (node.first_index, node.term_at(3)) == (4, 1)
    node.trim(2, entries=0, size=ALL)
    assert node.first_index == 4


def test_a_follower_keeps_what_is_asked_for_and_what_is_not_on_disk() -> None:
    node = node_of(1, 1, 1, term=1)
    node.step("n2", AppendRequest(1, 3, 1, 3, [entry(1)] * 2), LATE)
    node.trim(3, entries=2, size=ALL)
    assert node.first_index == 2
    node.step("n2", AppendRequest(1, 5, 1, 5, []), LATE)
    node.trim(5, entries=0, size=ALL)
    assert node.first_index == 4, "4 and 5 are not durable"
    node.ready()
    node.persisted(5, 1, LATE)
    node.trim(5, entries=9, size=1)
    assert node.first_index == 5, "one byte of data may stay"


def test_who_needs_what_was_forgotten_is_to_be_sent_a_snapshot() -> None:
    node = node_of(1, 1, 1, term=1)
    lead(node)
    ack(node, "n2", "n3")
    node.ready()
    node.trim(4, entries=0, size=ALL)
    node.link_lost("n3", LATE)
    node.link_made("n3", LATE)
    node.ready()
    node.step("n3", AppendReply(2, False, 4, 0, 0), LATE)
    assert node.ready().snapshot_to == ["n3"]
    assert node.snapshot.index < node.first_index - 1
    meta = node.snapshot_meta(4)
    node.compact(meta, 0)
    node.snapshot_sent("n3", 4, True, LATE)
    node.propose([b"a"], 0, LATE)
    assert [(to, m.base_index) for to, m in node.ready().send_now if to == "n3"] == [("n3", 4)]


def test_a_link_made_where_nobody_leads_brings_an_election_soon() -> None:
    node = node_of()
    before = node.deadline()
    node.link_made("n2", 10)
    soon = node.deadline()
    assert 10 + 10 <= soon < 10 + 100 < before
    node.link_made("n3", 99)
    assert node.deadline() == soon


def test_a_link_made_changes_nothing_where_somebody_leads() -> None:
    node = node_of()
    node.step("n2", Heartbeat(1, 0, 0), 10)
    before = node.deadline()
    node.link_made("n3", 20)
    assert node.deadline() == before
