"""Sessions and reads of whole replicas, alone and in groups of three."""

from coordsvc.base.vocabulary import codes, ops

# Sessions.


def test_a_session_that_is_heard_of_through_a_follower_lives(cluster):
    follower = cluster.followers[0]
    client = cluster.client(follower, timeout_ms=1_000)
    for _ in range(30):
        cluster.advance(200)
        cluster[follower].touch(client.session, cluster.now)
    assert not client.closed


def test_a_silent_session_expires_everywhere_and_its_client_is_told(cluster):
    client = cluster.client(cluster.followers[0], timeout_ms=1_000)
    cluster.advance(1_500)
    assert client.told[-1] == ("rejected", codes.SESSION_EXPIRED)
    assert all(not cluster[name].machine.sessions.by_id for name in "abc")


def test_a_change_of_leader_gives_sessions_a_full_timeout(cluster):
    old = cluster.leader
    client = cluster.client(cluster.followers[0], timeout_ms=3_000)
    cluster.advance(2_500)
    assert cluster[old].hand_over(cluster.now)
    cluster.advance(300)
    assert cluster.leader != old
    cluster.advance(2_000)
    assert not client.closed
    cluster.advance(1_500)
    assert client.closed


def test_a_session_is_taken_up_again_with_its_password_only(cluster, make_client):
    follower = cluster.followers[0]
    old = cluster.client(follower)
    thief, owner, stranger = (make_client(cluster[follower]) for _ in range(3))
    cluster[follower].attach(thief, old.session, b"guessed")
    cluster[follower].attach(stranger, 999_999, b"password")
    assert thief.told == [("rejected", codes.BAD_PASSWORD)]
    assert stranger.told == [("rejected", codes.SESSION_EXPIRED)]
    cluster[follower].attach(owner, old.session, b"password")
    assert owner.session == old.session
    assert old.told[-1] == ("rejected", codes.SESSION_MOVED)


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
    replica.catch_up(cluster.now)
    stranger = make_client(replica)
    stranger.serve = lambda read: replica.attach(stranger, 999, b"?")
    replica.reads.add_behind(stranger, 0, "attach", index=1, give_up=cluster.now + 1)
    replica.reads.add_behind(client, 5, "read", index=1, give_up=cluster.now + 1)
    cluster.settle()
    cluster.settle()
    assert [each[1] for each in client.of("served")] == ["read"]


# Reads.


def test_a_linearizable_read_at_a_follower_sees_what_was_acknowledged_before(cluster):
    one, two = cluster.followers
    writer, reader = cluster.client(one), cluster.client(two)
    cluster.hold(cluster.leader, two)  # news of the commit
    writer.put("/x")
    cluster.settle()
    assert writer.answers
    reader.read(lambda: "/x" in cluster[two].machine.tree.nodes, now=cluster.now)
    cluster.settle()
    assert reader.of("served") == []
    cluster.release(cluster.leader, two)
    cluster.advance(100)
    assert reader.of("served")[0][1] is True


def test_a_cut_off_leader_confirms_no_read(cluster):
    old = cluster.leader
    client = cluster.client(old)
    cluster.isolate(old)
    client.read("r", now=cluster.now)
    cluster.advance(3_000)
    assert client.of("served") == []
    assert client.told[-1] == ("rejected", codes.NO_QUORUM)


def test_a_sequential_read_waits_for_its_revision_and_not_for_ever(cluster):
    follower = cluster.followers[0]
    client = cluster.client(follower)
    ahead = cluster[follower].applied + 100
    for serial, consistency in ((1, ops.SEQUENTIAL), (2, ops.STALE)):
        client.read(
            serial, now=cluster.now, consistency=consistency, min_revision=ahead, serial=serial
        )
    assert [each[1] for each in client.of("served")] == [2]
    for _ in range(26):
        cluster.advance(200)
        cluster[follower].touch(client.session, cluster.now)
    assert client.of("read_refused") == [("read_refused", 1, codes.BEHIND)]


def test_a_confirmation_that_got_lost_is_asked_for_again(cluster):
    follower = cluster.followers[0]
    client = cluster.client(follower)
    cluster.hold(follower, cluster.leader)
    client.read("r", now=cluster.now)
    cluster.settle()
    cluster.queues.pop((follower, cluster.leader))
    cluster.release(follower, cluster.leader)
    cluster.advance(1_200)
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
