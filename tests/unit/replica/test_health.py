"""Health of members: room on their disks, and equal states."""

import pytest

from coordsvc.base.vocabulary import codes, ops
from coordsvc.replica import messages
from coordsvc.replica.checkpoints import CHECKPOINT_EVERY
from coordsvc.replica.health import COMPARE_MS

RESERVE = 64 * 2**20


# Room.


def test_everybody_hears_of_an_alarm_and_of_its_end(cluster):
    cluster["b"].measured(RESERVE - 1)
    cluster.settle()
    assert {"on the disk of b" in cluster[name].health.room.refusal for name in "abc"} == {True}
    cluster["b"].measured(RESERVE)
    cluster.settle()
    assert cluster["a"].health.room.refusal
    cluster["b"].measured(RESERVE * 5 // 4)
    cluster.settle()
    assert {cluster[name].health.room.refusal for name in "abc"} == {""}


def test_an_alarm_is_told_once_and_not_each_second(cluster):
    cluster.sent.clear()
    for _ in range(5):
        cluster["b"].measured(0)
        cluster.settle()
    assert len(alarms(cluster)) == 2


def test_a_new_link_brings_the_alarm_and_a_lost_one_takes_it_along(cluster):
    cluster.isolate("b")
    cluster["b"].measured(0)
    cluster.settle()
    assert cluster["a"].health.room.refusal == ""
    cluster.rejoin("b")
    cluster.settle()
    assert cluster["a"].health.room.refusal
    cluster.isolate("b")
    assert cluster["a"].health.room.refusal == ""
    assert cluster["b"].health.room.refusal


def test_a_newer_link_without_the_alarm_ends_it(cluster):
    cluster["b"].measured(0)
    cluster.settle()
    cluster["a"].link_made("b", cluster.now)  # b has started afresh, and has room
    assert cluster["a"].health.room.refusal == ""


def alarms(cluster):
    return [message for _, _, message in cluster.sent if isinstance(message, messages.DiskAlarm)]


# Digests.


def fill(cluster, client, count):
    """Have so many writes applied everywhere."""
    for number in range(count):
        client.put(f"/{number % 7}", b"%d" % number)
        if number % 64 == 63:
            cluster.settle()
    cluster.settle()
    cluster.advance(300)


def compared(cluster):
    """Let enough time pass for a comparison."""
    cluster.advance(2 * COMPARE_MS + 200)


def corrupt(cluster, name):
    """Change the digest of a member behind its back, as an entry applied otherwise would."""
    machine = cluster[name].machine
    wrong = type(machine._digest)(machine.digest ^ 1)
    machine._digest = machine._short_ways.digest = wrong


def differing(cluster):
    return [name for name in cluster.members if cluster[name].health.differs]


def digests_of(cluster):
    return {each.replica.machine.digest for each in cluster.up()}


def test_equal_states_are_compared_and_nothing_comes_of_it(cluster):
    client = cluster.client(cluster.leader)
    fill(cluster, client, CHECKPOINT_EVERY + 10)
    cluster.sent.clear()
    compared(cluster)
    replies = [m for _, _, m in cluster.sent if isinstance(m, messages.DigestReply)]
    assert {reply.index for reply in replies} == {CHECKPOINT_EVERY}
    assert len(replies) == 2
    assert all(reply.digest for reply in replies)
    assert differing(cluster) == []
    assert not any(cluster[name].health.disputed for name in "abc")
    assert not client.closed


def test_without_a_new_checkpoint_nobody_is_asked_again(cluster):
    fill(cluster, cluster.client(cluster.leader), CHECKPOINT_EVERY)
    compared(cluster)
    cluster.sent.clear()
    compared(cluster)
    assert not [m for _, _, m in cluster.sent if isinstance(m, messages.DigestQuery)]


@pytest.mark.parametrize("through_log", [False, True])
def test_a_follower_that_differs_stops_serving_and_is_rebuilt(make_cluster, through_log):
    cluster = make_cluster()
    leader, victim = cluster.leader, cluster.followers[0]
    client, guest = cluster.client(leader), cluster.client(victim)
    if through_log:  # a value is other than the log says; what follows from it differs then
        client.put("/seed", b"x")
        cluster.settle()
        node = cluster[victim].machine.tree.nodes["/seed"]
        node.version += 1
        client.put("/seed", b"y")
    else:
        corrupt(cluster, victim)
    fill(cluster, client, CHECKPOINT_EVERY)
    log_before = cluster[victim].raft.last_index
    vote_before = cluster[victim].raft.term
    assert len(digests_of(cluster)) == 2
    watch_for(cluster, lambda: differing(cluster) == [victim])
    assert guest.told[-1] == ("rejected", codes.BEHIND)
    stopped_at = cluster[victim].applied
    client.put("/more")
    watch_for(cluster, lambda: not differing(cluster))
    cluster.settle()
    assert cluster[victim].applied > stopped_at
    assert len(digests_of(cluster)) == 1
    assert cluster[victim].raft.last_index >= log_before
    assert cluster[victim].raft.term == vote_before
    assert not client.closed
    again = cluster.client(victim)
    again.put("/again")
    cluster.settle()
    assert again.answers[1].code == codes.OK


def watch_for(cluster, what, patience_ms=20_000):
    """Let time pass in small steps until `what` is so."""
    end = cluster.now + patience_ms
    while not what():
        assert cluster.now < end, "it never came to that"
        cluster.now += 1
        for member in cluster.up():
            if member.replica.deadline() <= cluster.now:
                member.replica.wake(cluster.now)
        for member in cluster.up():
            member.turn()
        cluster.deliver()


def test_a_replica_that_differs_applies_nothing_reads_nothing_and_spins_not(cluster):
    leader, victim = cluster.leader, cluster.followers[0]
    client = cluster.client(leader)
    replica = cluster[victim]
    fill(cluster, client, CHECKPOINT_EVERY)
    cluster.hold(victim, leader)  # the request for a snapshot does not get through
    index = replica.health.checkpoints.latest
    replica.receive(leader, messages.Rebuild(index, 1), cluster.now)
    assert replica.health.differs
    cluster.release(victim, leader)
    applied = replica.applied
    client.put("/x")
    for _ in range(20):
        for member in cluster.up():
            member.turn()
        cluster.deliver()
    assert replica.applied == applied < replica.raft.commit
    assert replica.deadline() > cluster.now
    reader = cluster.members[victim]
    assert reader.replica is replica
    replica.read(client, 7, "what", consistency=ops.STALE, min_revision=0, now=cluster.now)
    assert client.told[-1] == ("read_refused", 7, codes.BEHIND)


def test_word_from_anyone_but_the_leader_or_of_unknown_checkpoints_is_not_believed(cluster):
    leader = cluster.leader
    victim, other = cluster.followers
    fill(cluster, cluster.client(leader), CHECKPOINT_EVERY)
    replica = cluster[victim]
    right = replica.health.checkpoints.digest_at(CHECKPOINT_EVERY)
    replica.receive(other, messages.Rebuild(CHECKPOINT_EVERY, right ^ 1), cluster.now)
    replica.receive(leader, messages.Rebuild(CHECKPOINT_EVERY, right), cluster.now)
    replica.receive(leader, messages.Rebuild(9 * CHECKPOINT_EVERY, 1), cluster.now)
    assert not replica.health.differs


def test_a_leader_that_differs_hands_over_and_is_rebuilt(cluster):
    old = cluster.leader
    client = cluster.client(cluster.followers[0])
    corrupt(cluster, old)
    fill(cluster, client, CHECKPOINT_EVERY)
    watch_for(cluster, lambda: differing(cluster) == [old])
    watch_for(cluster, lambda: not differing(cluster))
    cluster.advance(500)
    assert cluster.leader != old
    assert len(digests_of(cluster)) == 1
    assert not client.closed


def test_a_leader_that_differs_neither_takes_nor_sends_snapshots(make_cluster):
    cluster = make_cluster(entries=50)
    follower = cluster.followers[0]
    cluster.isolate(follower)
    client = cluster.client(cluster.leader)
    replica = cluster[cluster.leader]
    fill(cluster, client, 100)
    replica.health.differs = True
    replica.snapshots.compaction.ask()
    replica.receive(follower, messages.RebuildRequest(0), cluster.now)
    cluster.sent.clear()
    taken = replica.snapshots.compaction.last
    assert taken > cluster[follower].raft.last_index
    cluster.rejoin(follower)
    cluster.settle()
    assert replica.snapshots.compaction.last == taken
    assert not [m for _, _, m in cluster.sent if isinstance(m, messages.SnapshotChunk)]


def test_what_was_noted_of_a_wrong_state_is_forgotten_with_it(cluster):
    leader, victim = cluster.leader, cluster.followers[0]
    corrupt(cluster, victim)
    fill(cluster, cluster.client(leader), CHECKPOINT_EVERY)
    watch_for(cluster, lambda: differing(cluster) == [victim])
    watch_for(cluster, lambda: not differing(cluster))
    assert cluster[victim].health.checkpoints.digest_at(CHECKPOINT_EVERY) == 0


def test_two_members_that_differ_can_only_be_told_of(make_cluster):
    cluster = make_cluster("ab")
    leader = cluster.leader
    client = cluster.client(leader)
    corrupt(cluster, cluster.followers[0])
    fill(cluster, client, CHECKPOINT_EVERY)
    compared(cluster)
    cluster.advance(COMPARE_MS)
    assert differing(cluster) == []
    assert cluster[leader].health.disputed
    assert not client.closed
    follower = cluster.followers[0]
    cluster[leader].hand_over(cluster.now)
    cluster.advance(COMPARE_MS + 500)
    assert cluster.leader == follower
    assert not cluster[leader].health.disputed, "that is for the leader to say"


def test_a_leader_that_may_be_wrong_spreads_its_state_to_nobody(make_cluster):
    cluster = make_cluster(entries=50)
    leader = cluster.leader
    late, right = cluster.followers
    client = cluster.client(leader)
    cluster.isolate(late)
    corrupt(cluster, leader)
    fill(cluster, client, CHECKPOINT_EVERY)
    compared(cluster)
    cluster.advance(COMPARE_MS)
    assert cluster[leader].health.disputed
    cluster.sent.clear()
    cluster.rejoin(late)
    cluster.advance(COMPARE_MS)
    assert not [m for _, _, m in cluster.sent if isinstance(m, messages.SnapshotChunk)]
    cluster[leader].hand_over(cluster.now, right)
    watch_for(cluster, lambda: cluster[late].applied == cluster[right].applied)
    fill(cluster, cluster.client(right), CHECKPOINT_EVERY)
    watch_for(cluster, lambda: differing(cluster) == [leader])
    watch_for(cluster, lambda: not differing(cluster))
    assert cluster[late].machine.digest == cluster[right].machine.digest


def test_the_latest_snapshot_is_sent_if_it_is_new_enough(cluster):
    leader, victim = cluster.leader, cluster.followers[0]
    client = cluster.client(leader)
    corrupt(cluster, victim)
    fill(cluster, client, CHECKPOINT_EVERY)
    replica = cluster[leader]
    replica.snapshots.compaction.ask()
    cluster.settle()
    taken = replica.snapshots.compaction.last
    assert taken == cluster[victim].applied
    watch_for(cluster, lambda: differing(cluster) == [victim])
    watch_for(cluster, lambda: not differing(cluster))
    assert replica.snapshots.compaction.last == taken, "no other one was needed"
    cluster.settle()
    assert len(digests_of(cluster)) == 1


def test_a_rebuilt_replica_starts_again_from_the_right_state(cluster):
    leader, victim = cluster.leader, cluster.followers[0]
    client = cluster.client(leader)
    corrupt(cluster, victim)
    fill(cluster, client, CHECKPOINT_EVERY)
    watch_for(cluster, lambda: differing(cluster) == [victim])
    client.put("/more")
    watch_for(cluster, lambda: not differing(cluster))
    cluster.advance(500)
    cluster.stop(victim)
    cluster.members[victim].crash()
    cluster.start(victim)
    cluster.advance(500)
    assert cluster[victim].applied == cluster[leader].applied
    assert len(digests_of(cluster)) == 1


def test_a_replica_waits_with_its_request_until_its_own_snapshot_is_written(cluster):
    leader, victim = cluster.leader, cluster.followers[0]
    fill(cluster, cluster.client(leader), CHECKPOINT_EVERY)
    replica = cluster[victim]
    replica.snapshots.compaction.started()
    replica.receive(leader, messages.Rebuild(CHECKPOINT_EVERY, 1), cluster.now)
    cluster.sent.clear()
    cluster.advance(COMPARE_MS)
    assert not [m for _, _, m in cluster.sent if isinstance(m, messages.RebuildRequest)]
    replica.snapshots.compaction.failed(cluster.now)
    cluster.advance(COMPARE_MS)
    assert [m for _, _, m in cluster.sent if isinstance(m, messages.RebuildRequest)]
