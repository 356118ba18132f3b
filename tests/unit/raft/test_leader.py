from __future__ import annotations

from coordsvc.base import limits
from coordsvc.raft.messages import (
    COMMAND,
    AppendReply,
    AppendRequest,
    Entry,
    Heartbeat,
    HeartbeatReply,
    SnapshotOffer,
    TimeoutNow,
    VoteReply,
)
from coordsvc.raft.node import RaftNode, RaftSettings, Refusal, Role
from tests.scripts.raft_cluster import cluster_of
from tests.scripts.raft_single import FIVE, LATE, ack, lead, node_of, sent, sync


def leader(
    *terms: int,
    voters: tuple[str, ...] = ("n1", "n2", "n3"),
    settings: RaftSettings | None = None,
) -> RaftNode:
    """Return n1 leading, its first entry committed and told to all."""
    node = node_of(*terms, term=max(terms, default=0), voters=voters, settings=settings)
    lead(node)
    ack(node, *voters[1:])
    node.ready()
    if settings is not None and settings.commit_news_ms:
        node.wake(LATE + settings.commit_news_ms)
        node.ready()
    return node


def test_a_batch_goes_to_all_followers_as_one_and_the_same_request() -> None:
    node = leader()
    node.propose([b"a"], 0, LATE)
    node.propose([b"b", b"c"], 0, LATE)
    one, two = sent(node.ready(), AppendRequest)
    assert one is two
    assert [e.data for e in one.entries] == [b"a", b"b", b"c"]
    assert not sent(node.ready(), AppendRequest)


def test_stamps_never_go_back() -> None:
    node = leader()
    node.propose([b"a"], 500, LATE)
    node.propose([b"b"], 400, LATE)
    assert [e.stamp_ms for e in node.entries(2, 3)] == [500, 500]
    assert node.last_stamp_ms == 500


def test_appends_are_pipelined_up_to_the_window() -> None:
    node = leader()
    for _ in range(limits.APPENDS_IN_FLIGHT_MAX + 5):
        node.propose([b"a"], 0, LATE)
        node.ready()
    assert node.peers()["n2"].in_flight == limits.APPENDS_IN_FLIGHT_MAX
    ack(node, "n2", index=2)
    (request,) = sent(node.ready(), AppendRequest)
    assert len(request.entries) == 5


def test_a_follower_far_behind_gets_bounded_appends() -> None:
    node = leader()
    node.propose([b"x" * (limits.APPEND_BYTES_MAX // 2)] * 5, 0, LATE)
    for expected in (2, 2, 1, 0):
        requests = sent(node.ready(), AppendRequest)
        assert [len(r.entries) for r in requests] == [expected] * (2 if expected else 0)


def test_the_commit_rides_on_the_next_append_and_goes_alone_when_idle() -> None:
    node = leader()
    node.propose([b"a"], 0, LATE)
    sync(node, node.ready())
    ack(node, "n2")
    node.propose([b"b"], 0, LATE)
    ready = node.ready()
    assert [r.commit for r in sent(ready, AppendRequest)] == [2, 2]
    assert not sent(ready, Heartbeat)
    sync(node, ready)
    ack(node, "n2", "n3")
    assert sent(node.ready(), Heartbeat) == [Heartbeat(1, 3, 0)] * 2
    assert not node.ready()


def test_an_answer_that_changes_nothing_is_only_taken_note_of() -> None:
    node = leader(settings=RaftSettings(commit_news_ms=2))
    node.propose([b"a"], 0, LATE)
    assert not node.is_quiet, "an append is to be sent"
    ready = node.ready()
    assert node.is_quiet
    sync(node, ready)
    assert node.is_quiet, "our own sync alone commits nothing"
    ack(node, "n2")
    assert not node.is_quiet, "it commits"
    node.ready()
    ack(node, "n3")
    assert node.is_quiet, "who lacks the news is told later, or with the next append"
    node.wake(LATE + 2)
    assert not node.is_quiet
    assert sent(node.ready(), Heartbeat) == [Heartbeat(1, 2, 0)] * 2
    assert node.is_quiet


def test_an_answer_that_makes_room_for_more_is_not_only_taken_note_of() -> None:
    node = leader()
    for _ in range(limits.APPENDS_IN_FLIGHT_MAX + 1):
        node.propose([b"a"], 0, LATE)
        node.ready()
    assert node.is_quiet, "there is no room"
    ack(node, "n2", index=2)
    assert not node.is_quiet


def test_a_follower_whose_clients_wait_is_told_at_once_also_after_a_late_answer() -> None:
    node = leader(settings=RaftSettings(commit_news_ms=2))
    node.hasten("n3", LATE)
    node.propose([b"a"], 0, LATE)
    sync(node, node.ready())
    ack(node, "n2")
    node.ready()
    assert node.is_quiet, "n3 has not said yet that it has the entry"
    ack(node, "n3")
    assert not node.is_quiet
    assert sent(node.ready(), Heartbeat) == [Heartbeat(1, 2, 0)]


def test_answers_can_be_taken_before_a_ready_which_is_then_without_them() -> None:
    node = node_of(1, 1, term=1)
    node.step("n2", AppendRequest(1, 2, 1, 0, []), LATE)
    node.step("n2", Heartbeat(1, 2, 5), LATE)
    assert node.take_replies() == [("n2", HeartbeatReply(1, 5))]
    assert node.take_replies() == []
    ready = node.ready()
    assert (ready.send_now, ready.commit) == ([], 2)
    assert sent(ready, AppendReply), "a promise is not among them"


def test_reads_that_wait_for_a_round_are_no_quiet() -> None:
    node = leader()
    assert node.is_quiet
    node.read(7, LATE)
    assert not node.is_quiet
    node.ready()
    assert node.is_quiet


def test_a_heartbeat_tells_a_follower_no_more_than_it_has() -> None:
    node = leader()
    node.propose([b"a"], 0, LATE)
    sync(node, node.ready())
    ack(node, "n2")
    node.ready()
    node.wake(LATE + 100)
    beats = {to: m.commit for to, m in node.ready().send_now if type(m) is Heartbeat}
    assert beats == {"n2": 2, "n3": 1}


def test_an_answer_without_progress_makes_it_ask_what_was_lost() -> None:
    node = leader()
    node.propose([b"a"], 0, LATE)
    node.ready()  # Lost on the way to n2.
    node.step("n2", HeartbeatReply(1, 1), LATE + 99)
    assert not sent(node.ready(), AppendRequest)
    node.step("n2", HeartbeatReply(1, 1), LATE + 100)
    (question,) = sent(node.ready(), AppendRequest)
    assert (question.base_index, question.entries) == (2, [])
    node.step("n2", AppendReply(1, False, 2, 1, 1), LATE + 101)
    (again,) = sent(node.ready(), AppendRequest)
    assert (again.base_index, len(again.entries)) == (1, 1)


def test_a_probe_that_was_lost_is_repeated_with_its_entries() -> None:
    node = node_of()
    lead(node)  # Its first appends are lost.
    node.step("n2", HeartbeatReply(1, 1), LATE + 100)
    (again,) = sent(node.ready(), AppendRequest)
    assert len(again.entries) == 1


def test_strangers_and_impossible_answers_are_ignored() -> None:
    node = leader()
    node.propose([b"a"], 0, LATE)
    before = node.peers()
    node.step("n9", AppendReply(1, True, 2), LATE)
    node.step("n9", HeartbeatReply(1, 1), LATE)
    node.step("n2", AppendReply(1, True, 99), LATE)
    node.step("n2", HeartbeatReply(1, 99), LATE)
    assert node.peers() == before
    assert node.commit == 1


def test_a_lost_link_stops_appends_until_it_is_made_again() -> None:
    node = leader()
    node.link_lost("n2", LATE)
    node.link_lost("n9", LATE)
    node.propose([b"a"], 0, LATE)
    assert {to for to, _ in node.ready().send_now} == {"n3"}
    node.link_made("n2", LATE)
    node.link_made("n9", LATE)
    messages = node.ready().send_now
    assert [(to, type(m)) for to, m in messages] == [("n2", Heartbeat), ("n2", AppendRequest)]


def test_a_follower_behind_the_log_is_offered_the_newest_snapshot_once() -> None:
    node = leader(1, 1)
    meta = node.snapshot_meta(3)
    node.compact(meta)
    node.link_lost("n2", LATE)
    node.step("n2", AppendReply(2, False, 3, 0, 0), LATE)
    ready = node.ready()
    assert (ready.snapshot_to, sent(ready, SnapshotOffer)) == (["n2"], [SnapshotOffer(2, meta)])
    node.propose([b"a"], 0, LATE)
    assert not node.ready().snapshot_to
    node.snapshot_sent("n3", 3, True, LATE)  # n3 was sent none.
    node.snapshot_sent("n2", 0, False, LATE)
    assert not node.ready().snapshot_to
    node.step("n2", HeartbeatReply(2, 1), LATE + 100)
    assert node.ready().snapshot_to == ["n2"]
    node.step("n2", AppendReply(2, True, 3), LATE + 101)
    assert node.peers()["n2"].flow == "replicate"


def test_one_round_of_heartbeats_serves_all_reads_that_wait() -> None:
    node = leader()
    for token in (1, 2, 3):
        node.read(token, LATE)
    (beat,) = sent(node.ready(), Heartbeat)
    node.read(4, LATE)
    assert not sent(node.ready(), Heartbeat)
    node.step("n2", HeartbeatReply(1, beat.round), LATE)
    ready = node.ready()
    assert ready.reads == [(1, 1), (2, 1), (3, 1)]
    assert sent(ready, Heartbeat)[0].round == beat.round + 1


def asked(node: RaftNode) -> dict[str, int]:
    """Return who was sent which round of heartbeats."""
    return {to: m.round for to, m in node.ready().send_now if type(m) is Heartbeat}


def test_a_round_of_reads_asks_no_more_followers_than_it_takes() -> None:
    node = leader(voters=("n1", "n2", "n3", "n4", "n5"))
    node.read(1, LATE)
    assert asked(node) == {"n2": 2, "n3": 2}
    for peer in ("n2", "n3"):
        node.step(peer, HeartbeatReply(1, 2), LATE)
    assert node.ready().reads == [(1, 1)]
    assert node.deadline() == LATE + 100, "the others are not to be kept waiting for a heartbeat"


def test_who_does_not_answer_soon_is_passed_over() -> None:
    node = leader()
    node.read(1, LATE)
    assert asked(node) == {"n2": 2}
    assert node.deadline() == LATE + 10
    node.wake(LATE + 9)
    assert asked(node) == {}
    node.wake(LATE + 10)
    assert asked(node) == {"n2": 3, "n3": 3}
    node.step("n3", HeartbeatReply(1, 3), LATE + 11)
    assert node.ready().reads == [(1, 1)]
    assert node.deadline() == LATE + 110
    node.read(2, LATE + 11)
    assert asked(node) == {"n3": 4}


def test_when_the_link_to_whom_reads_ask_closes_everybody_is_asked_at_once() -> None:
    node = leader()
    node.read(1, LATE)
    assert asked(node) == {"n2": 2}
    node.link_lost("n3", LATE + 1)
    assert node.deadline() == LATE + 10
    node.link_lost("n2", LATE + 2)
    assert node.deadline() == LATE + 2
    node.wake(LATE + 2)
    assert asked(node) == {"n2": 3, "n3": 3}


def test_an_answer_to_an_older_round_confirms_no_newer_read() -> None:
    node = leader()
    node.read(1, LATE)
    node.ready()
    node.step("n2", HeartbeatReply(1, 1), LATE)
    node.step("n3", HeartbeatReply(1, 1), LATE)
    assert not node.ready().reads


def test_a_round_that_was_lost_is_made_up_for_by_the_next_heartbeat() -> None:
    node = leader()
    node.read(1, LATE)
    node.ready()
    node.wake(LATE + 100)
    (beat, _) = sent(node.ready(), Heartbeat)
    node.step("n2", HeartbeatReply(1, beat.round), LATE + 101)
    assert node.ready().reads == [(1, 1)]


def test_a_handover_is_given_up_after_an_election_timeout() -> None:
    node = leader()
    assert node.transfer_to("n2", LATE)
    assert node.handing_over
    for now in range(LATE, LATE + 1_000, 100):
        node.step("n3", HeartbeatReply(1, 1), now)
        node.wake(now)
    assert node.propose([b"a"], 0, LATE + 999) is None
    assert node.deadline() == LATE + 1_000
    node.wake(LATE + 1_000)
    assert not node.handing_over
    assert node.propose([b"a"], 0, LATE + 1_000)


def test_a_handover_needs_a_voter_that_is_not_us_and_one_at_a_time() -> None:
    node = leader()
    assert not node.transfer_to("n1", LATE)
    assert not node.transfer_to("n9", LATE)
    assert node.transfer_to("n2", LATE)
    assert not node.transfer_to("n3", LATE)
    assert [to for to, m in node.ready().send_now if type(m) is TimeoutNow] == ["n2"]
    outcome = node.propose_membership(voters=("n1",), learners=(), stamp_ms=0, now=LATE)
    assert outcome is Refusal.HANDING_OVER


def test_a_successor_whose_log_is_not_full_is_not_asked_yet() -> None:
    node = leader()
    node.propose([b"a", b"b"], 0, LATE)
    node.transfer_to("n2", LATE)
    ack(node, "n2", index=2)
    assert not sent(node.ready(), TimeoutNow)


def test_a_sole_voters_term_is_kept_back_until_it_is_on_disk() -> None:
    cluster = cluster_of("n1", learners=("n2",))
    node = cluster.members["n1"].node
    node.wake(0)
    ready = node.ready()
    assert not ready.send_now
    assert {type(m) for _, m in ready.send_after_sync} == {Heartbeat, AppendRequest}
    assert node.commit == 0
    sync(node, ready)
    assert node.commit == 1
    node.propose([b"a"], 0, LATE)
    assert not node.ready().send_after_sync


def test_a_sole_voter_reads_without_asking_anybody() -> None:
    node = node_of(voters=("n1",))
    node.wake(0)
    sync(node, node.ready())
    node.read(1, 0)
    assert node.ready().reads == [(1, 1)]


def test_progress_of_one_follower_alone_commits_nothing() -> None:
    node = leader(voters=FIVE)
    node.propose([b"a"], 0, LATE)
    sync(node, node.ready())
    ack(node, "n2")
    assert (node.commit, node.role) == (1, Role.LEADER)


def test_before_its_term_is_committed_a_confirmed_round_is_no_lease() -> None:
    node = node_of(settings=RaftSettings(lease_reads=True))
    lead(node)
    node.step("n2", HeartbeatReply(1, 1), LATE)
    assert node.leader_lease_until() == 0
    ack(node, "n2")
    assert node.leader_lease_until() == LATE + 900


def test_a_write_from_before_its_term_commits_nothing() -> None:
    node = node_of(term=1)
    append = AppendRequest(1, 0, 0, 0, [Entry(1, COMMAND, 0, b"a")])
    node.step("n2", append, 0)
    before = node.ready()  # Still on its way to the disk when n1 wins.
    lead_unsynced = [VoteReply(2, True, True), VoteReply(2, False, True)]
    node.wake(LATE)
    for reply in lead_unsynced:
        node.step("n2", reply, LATE)
    assert node.role is Role.LEADER
    ready = node.ready()
    ack(node, "n2", index=1)
    sync(node, before)
    assert node.commit == 0
    ack(node, "n2")
    sync(node, ready)
    assert node.commit == 2


def committing(node: RaftNode) -> None:
    """Commit one entry that everybody has acknowledged."""
    node.propose([b"a"], 0, LATE)
    node.ready()
    node.persisted(node.last_index, 1, LATE)
    ack(node, "n2", "n3")
    assert node.commit == node.last_index


def news(node: RaftNode) -> list[str]:
    return [peer for peer, message in node.ready().send_now if isinstance(message, Heartbeat)]


def test_the_news_of_a_commit_waits_for_an_append_to_carry_it() -> None:
    node = leader(settings=RaftSettings(commit_news_ms=5))
    committing(node)
    assert news(node) == []
    assert node.deadline() == LATE + 5
    node.wake(LATE + 5)
    assert news(node) == ["n2", "n3"]
    assert news(node) == []
    committing(node)
    node.propose([b"b"], 0, LATE + 6)
    (first, second) = node.ready().send_now
    assert isinstance(first[1], AppendRequest)
    assert first[1].commit == second[1].commit == node.commit


def test_a_follower_whose_clients_wait_hears_of_a_commit_at_once() -> None:
    node = leader(settings=RaftSettings(commit_news_ms=5))
    node.hasten("n3", LATE)
    committing(node)
    assert news(node) == ["n3"]
