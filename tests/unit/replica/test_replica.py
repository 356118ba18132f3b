"""One member's mind, alone and in groups of three, without sockets and files."""

from coordsvc.base import limits
from coordsvc.base.vocabulary import codes, ops
from coordsvc.protocols.peer import codec
from coordsvc.replica import messages


def history_of(replica, path):
    return replica.machine.tree.nodes[path].version


# Writes.


def test_a_write_is_applied_everywhere_and_answered_where_the_client_is(cluster):
    for name in "abc":
        client = cluster.client(name)
        serial = client.put(f"/{name}", b"1")
        cluster.settle()
        assert client.answers[serial].code == codes.OK
        assert not client.pending
    cluster.advance(200)
    assert len({cluster[name].machine.digest for name in "abc"}) == 1


def test_a_client_of_a_follower_reads_its_own_write_there(cluster):
    follower = cluster.followers[0]
    client = cluster.client(follower)
    client.put("/x", b"mine")
    cluster.settle()
    client.read(
        lambda: cluster[follower].machine.tree.nodes["/x"].data,
        now=cluster.now,
        consistency=ops.SEQUENTIAL,
        min_revision=client.answers[1].revision,
    )
    assert client.told[-1][:2] == ("served", b"mine")


def test_what_arrives_in_one_turn_shares_one_write(cluster):
    client = cluster.client(cluster.leader)
    for number in range(10):
        client.put(f"/{number}")
    effects = cluster[cluster.leader].take_effects(cluster.now, 1)
    assert len(effects.writes) == 1
    assert effects.writes[0].last - effects.writes[0].first == 9


def test_a_retried_serial_is_answered_once_with_the_first_answer(cluster):
    client = cluster.client(cluster.leader)
    client.put("/x")
    cluster.settle()
    first = client.answers.pop(1)
    client.put("/x", serial=1)
    client.put("/x", serial=2)
    cluster.settle()
    assert client.answers[1].revision == first.revision
    assert history_of(cluster[cluster.leader], "/x") == 1
    assert len(client.of("decided")) == 3


def test_writes_apply_in_order_when_the_client_s_own_replica_becomes_leader(cluster):
    follower = cluster.followers[0]
    client = cluster.client(follower)
    old = cluster.leader
    cluster.hold(follower, old)
    client.put("/first")
    cluster.settle()  # forwarded, and lost on the way
    cluster.isolate(old)
    other = next(n for n in "abc" if n not in (old, follower))
    replica = cluster[follower]
    become_leader(cluster, follower, other)
    assert replica.leading
    client.put("/second")  # in the turn in which it began to lead
    cluster.settle()
    cluster.advance(300)
    assert [client.answers[s].code for s in (1, 2)] == [codes.OK, codes.OK]
    assert client.answers[1].revision < client.answers[2].revision


def become_leader(cluster, name, other):
    """Elect `name` with the vote of `other`, up to the input that makes it lead."""
    replica = cluster[name]
    cluster.hold(other, name)
    for _ in range(200):
        replica.wake(cluster.now)
        for member in cluster.up():
            member.turn()
        cluster.deliver()
        for member in cluster.up():
            if member.name != name:
                member.turn()
        queue = cluster.queues.get((other, name))
        cluster.release(other, name)
        while queue and not replica.leading:
            cluster.members[name].replica.receive(other, codec.decode(queue.popleft()), cluster.now)
        cluster.hold(other, name)
        if replica.leading:
            cluster.release(other, name)
            return
        cluster.now += 20
    raise AssertionError("not elected")


def test_writes_apply_in_order_when_the_leader_changes_within_a_turn(cluster):
    old, follower = cluster.leader, cluster.followers[0]
    other = next(n for n in "abc" if n not in (old, follower))
    client = cluster.client(follower)
    cluster.hold(follower, old)
    client.put("/first")
    cluster.settle()  # on its way to a leader who will not take it any more
    cluster.hold(other, follower)
    assert cluster[old].hand_over(cluster.now, other)
    cluster.settle()
    assert cluster[other].leading
    cluster.release(follower, old)
    cluster.release(other, follower)
    cluster.deliver()
    assert cluster[follower].raft.leader == other
    client.put("/second")  # in the turn in which the follower hears of the new leader
    cluster.settle()
    cluster.advance(500)
    assert [client.answers[s].code for s in (1, 2)] == [codes.OK, codes.OK]
    assert client.answers[1].revision < client.answers[2].revision


def test_a_forward_of_an_earlier_reign_is_not_taken(cluster):
    """Half of a client's writes could be: those that came after the leader was back."""
    leader = cluster[cluster.leader]
    follower = cluster.followers[0]
    last = leader.raft.last_index
    leader.receive(follower, messages.Forward(leader.raft.term - 1, [], [b"x"]), cluster.now)
    cluster.settle()
    assert leader.raft.last_index == last


def test_a_read_that_waited_for_a_leader_is_served_when_its_own_replica_leads(cluster):
    old, follower = cluster.leader, cluster.followers[0]
    other = next(n for n in "abc" if n not in (old, follower))
    client = cluster.client(follower)
    cluster.isolate(old)
    become_leader(cluster, follower, other)
    client.read("r", now=cluster.now)
    cluster.settle()
    cluster.advance(200)
    assert [each[1] for each in client.of("served")] == ["r"]


def test_a_read_is_not_confirmed_for_a_session_whose_expiry_was_proposed(cluster):
    leader, follower = cluster.leader, cluster.followers[0]
    client = cluster.client(follower, timeout_ms=2_000)
    slow_down = cluster.members.values()
    cluster.advance(1_900)
    for member in slow_down:
        member.slow_disk = True
    cluster.advance(300)
    assert list(cluster[leader].liveness.lapsed) == [client.session]
    cluster[follower].touch(client.session, cluster.now)
    client.put("/late")  # takes the sign of life along, ahead of the read
    client.read("proof", now=cluster.now)
    cluster.settle()
    assert client.of("served") == []
    assert client.of("read_refused") == [("read_refused", 900, codes.OVERLOADED)]
    for member in slow_down:
        member.slow_disk = False
    cluster.advance(300)
    assert client.told[-1] == ("rejected", codes.SESSION_EXPIRED)
    assert client.of("decided") == []
    assert client.closed


def test_a_read_asked_again_after_a_lost_link_still_keeps_its_session_alive(cluster):
    leader, follower = cluster.leader, cluster.followers[0]
    client = cluster.client(follower, timeout_ms=2_000)
    cluster.advance(1_500)
    cluster.hold(follower, leader)
    cluster[follower].touch(client.session, cluster.now)
    client.read("proof", now=cluster.now)
    cluster.settle()
    cluster.cut(follower, leader)
    cluster.release(follower, leader)
    sent_at = cluster.now
    cluster.heal(follower, leader)
    cluster.advance(20)
    assert [each[1] for each in client.of("served")] == ["proof"]
    remaining = cluster[leader].liveness.remaining_ms(client.session, cluster.now)
    assert cluster.now + remaining >= sent_at + 2_000


def test_to_attach_is_a_sign_of_life_at_the_leader(cluster, make_client):
    replica = cluster[cluster.leader]
    client = cluster.client(cluster.leader, timeout_ms=2_000)
    cluster.advance(1_900)
    again = make_client(replica)
    replica.attach(again, client.session, b"password")
    assert replica.liveness.remaining_ms(client.session, cluster.now) == 2_000


def test_an_attachment_that_fails_does_not_serve_other_reads_twice(cluster, make_client):
    replica = cluster[cluster.leader]
    stranger, client = make_client(replica), cluster.client(cluster.leader)
    stranger.serve = lambda read: replica.attach(stranger, 999, b"?")
    stranger.read("attach", now=cluster.now, serial=0)
    cluster.settle()
    replica.take_effects(cluster.now, 1)
    stranger = make_client(replica)
    stranger.serve = lambda read: replica.attach(stranger, 999, b"?")
    replica.reads.add_behind(stranger, 0, "attach", index=1, give_up=cluster.now + 1)
    replica.reads.add_behind(client, 5, "read", index=1, give_up=cluster.now + 1)
    cluster.settle()
    cluster.settle()
    assert [each[1] for each in client.of("served")] == ["read"]


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


def test_a_large_backlog_is_forwarded_and_logged_in_pieces(cluster):
    follower = cluster.followers[0]
    client = cluster.client(follower)
    cluster.isolate(follower)
    for number in range(20):
        client.put(f"/{number}", bytes(limits.DATA_BYTES_MAX))
    cluster.settle()
    cluster.sent.clear()
    cluster.rejoin(follower)
    cluster.advance(3_000)
    assert len(client.answers) == 20
    sizes = [sum(map(len, m.commands)) for _, _, m in cluster.sent if type(m) is messages.Forward]
    assert max(sizes) < limits.PEER_FRAME_BYTES_MAX - limits.FRAME_BYTES_MAX


def test_a_request_behind_the_greeting_is_carried_out_in_the_same_turn(cluster, make_client):
    replica = cluster[cluster.leader]
    client = make_client(replica)
    welcomed = client.welcomed

    def eager(*what):
        welcomed(*what)
        client.put("/eager")

    client.welcomed = eager
    client.open()
    cluster.settle()
    assert client.answers[1].code == codes.OK
