"""Snapshots between whole replicas: who is sent one, and what its clients hear of it."""

from coordsvc.base import limits
from coordsvc.base.vocabulary import ops
from coordsvc.replica import messages


def lag_behind(cluster, follower):
    """Write so much while `follower` is away that only a snapshot brings it up to date."""
    writer = cluster.client(cluster.leader)
    for round_ in range(3):
        for number in range(20):
            writer.put(f"/{round_}-{number}", bytes(500))
        cluster.settle()
        cluster.advance(50)
    return writer


def test_a_follower_that_lags_too_far_is_sent_a_snapshot(make_cluster):
    cluster = make_cluster(entries=30)
    follower = cluster.followers[0]
    cluster.isolate(follower)
    lag_behind(cluster, follower)
    before = cluster[follower].applied
    cluster.rejoin(follower)
    cluster.advance(500)
    assert any(type(m) is messages.SnapshotChunk for _, _, m in cluster.sent)
    assert cluster[follower].applied > before + 30
    assert len({cluster[name].machine.digest for name in "abc"}) == 1


def test_a_client_whose_write_is_hidden_in_a_snapshot_gets_its_answer(make_cluster):
    cluster = make_cluster(entries=30)
    follower = cluster.followers[0]
    client = cluster.client(follower)
    client.put("/mine")
    cluster.members[follower].turn()
    cluster.members[cluster.leader]
    cluster.deliver()
    cluster.isolate(follower)
    lag_behind(cluster, follower)
    cluster.rejoin(follower)
    cluster.advance(500)
    assert not client.pending or client.closed, "it would wait for ever"


def test_a_snapshot_is_told_to_clients_that_may_have_missed_something(make_cluster):
    cluster = make_cluster(entries=30)
    follower = cluster.followers[0]
    client = cluster.client(follower)
    cluster[follower].watches.add(client, 7, "/", ops.WATCH_SUBTREE)
    cluster.isolate(follower)
    lag_behind(cluster, follower)
    cluster.rejoin(follower)
    cluster.advance(500)
    assert client.of("watch_lost") or client.closed


def test_where_room_is_short_a_large_tree_is_no_reason_to_keep_a_long_log(make_cluster):
    cluster = make_cluster(entries=30, per_node=2)
    lag_behind(cluster, cluster.followers[0])
    full, other = cluster[cluster.leader], cluster[cluster.followers[0]]
    assert full.snapshots.compaction.last == other.snapshots.compaction.last < 60
    full.measured(0)
    cluster.advance(500)
    assert full.snapshots.compaction.last >= 60 > other.snapshots.compaction.last


def test_an_interrupted_snapshot_goes_on_where_it_stood(make_cluster, monkeypatch):
    monkeypatch.setattr(limits, "SNAPSHOT_CHUNK_BYTES", 1_000)
    cluster = make_cluster(entries=30)
    leader, follower = cluster.leader, cluster.followers[0]
    cluster.isolate(follower)
    lag_behind(cluster, follower)
    cluster.rejoin(follower)
    cluster.members[follower].hold_chunks = True
    cluster.settle()
    for _ in range(4):
        cluster.members[follower].store_chunks()
        cluster.settle()
    cluster.cut(leader, follower)
    cluster.members[follower].hold_chunks = False
    cluster.settle()
    cluster.sent.clear()
    cluster.heal(leader, follower)
    cluster.advance(12_000)
    offsets = [m.offset for _, _, m in cluster.sent if type(m) is messages.SnapshotChunk]
    assert offsets[0] == 0
    assert offsets[1] >= 4_000, "what is there need not be sent again"
    assert cluster[follower].applied == cluster[leader].applied


def test_a_crash_between_a_snapshot_and_the_reset_of_the_log_costs_nothing(make_cluster):
    cluster = make_cluster(entries=30)
    follower = cluster.followers[0]
    cluster.isolate(follower)
    lag_behind(cluster, follower)
    cluster.rejoin(follower)
    member = cluster.members[follower]
    member.hold_chunks = True
    cluster.settle()
    member.hold_chunks, member.slow_disk = False, True
    cluster.settle()
    while member.hold_chunks is False and not member.jobs:
        member.store_chunks()
        cluster.settle()
    cluster.stop(follower)  # the snapshot is durable, the log is not reset
    member.crash()
    member.slow_disk = False
    cluster.start(follower)
    writer = cluster.client(cluster.leader)
    writer.put("/after")
    cluster.advance(300)
    assert cluster[follower].machine.tree.nodes["/after"]
    applied = cluster[follower].applied
    cluster.stop(follower)
    member.crash()
    member.boot()
    assert member.replica.raft.last_index >= applied, "acknowledged entries were lost"
