"""One member's mind, alone and in groups of three, without sockets and files."""

from coordsvc.base import limits
from coordsvc.base.vocabulary import codes, ops
from coordsvc.protocols.peer import codec
from coordsvc.raft.messages import AppendReply, Heartbeat, HeartbeatReply
from coordsvc.replica import applying, messages


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


def test_what_gathers_in_a_turn_wants_another_and_shares_a_write_with_what_came_since(cluster):
    leader, client = cluster[cluster.leader], cluster.client(cluster.leader)
    for number in range(3):
        client.put(f"/{number}")
    assert not leader.take_effects(cluster.now, 1, True).writes
    assert not leader.is_quiet
    assert leader.catch_up(cluster.now), "nothing else may ever call for a turn"
    client.put("/3")
    (write,) = leader.take_effects(cluster.now, 1).writes
    assert write.last - write.first == 3
    assert not leader.catch_up(cluster.now)


def test_what_was_only_taken_note_of_needs_no_turn(cluster):
    leader = cluster[cluster.leader]
    assert leader.is_quiet
    client = cluster.client(cluster.leader)
    client.put("/x")
    assert not leader.is_quiet, "a command is to be proposed"
    effects = leader.take_effects(cluster.now, 1)
    leader.catch_up(cluster.now)
    assert leader.is_quiet, "it is under way"
    client.put("/y")
    leader.take_effects(cluster.now, 1)
    assert leader.is_quiet, "it waits for the write before it"
    (_,) = effects.writes
    assert leader.persisted(cluster.now), "now it can be proposed"
    assert not leader.is_quiet


def test_our_own_sync_calls_for_a_turn_if_it_commits(cluster):
    leader = cluster[cluster.leader]
    cluster.client(cluster.leader).put("/x")
    leader.take_effects(cluster.now, 1)
    last = leader.raft.last_index
    leader.receive(cluster.followers[0], AppendReply(leader.raft.term, True, last), cluster.now)
    assert leader.is_quiet, "one of three is no majority"
    assert leader.persisted(cluster.now)
    assert not leader.is_quiet


def test_messages_can_be_taken_ahead_of_the_turn_and_are_not_sent_twice(cluster):
    name = cluster.followers[0]
    follower = cluster[name]
    client = cluster.client(cluster.leader)
    client.put("/x")
    append = next(
        message
        for to, message in cluster[cluster.leader].take_effects(cluster.now, 1).send
        if to == name
    )
    follower.receive(cluster.leader, append, cluster.now)
    effects = follower.take_effects(cluster.now, 1)
    assert (len(effects.writes), effects.send) == (1, [])
    assert follower.take_messages() == [], "the acknowledgement waits for the disk"
    assert not follower.persisted(cluster.now), "that calls for no turn"
    ((to, reply),) = follower.take_messages()
    assert (to, reply.index) == (cluster.leader, follower.raft.last_index)
    assert follower.is_quiet
    assert not follower.take_effects(cluster.now, 1)


def test_a_heartbeat_is_answered_without_a_turn(cluster):
    name = cluster.followers[0]
    follower = cluster[name]
    beat = Heartbeat(follower.raft.term, follower.raft.commit, 7)
    follower.receive(cluster.leader, beat, cluster.now)
    assert follower.take_messages() == [(cluster.leader, HeartbeatReply(beat.term, 7))]
    assert follower.is_quiet
    assert not follower.take_effects(cluster.now, 1), "it is answered once"


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


# Order of what a client hears.


def test_events_and_grants_come_before_the_answer_of_the_same_revision(cluster):
    leader = cluster.leader
    holder, waiter = cluster.client(leader), cluster.client(leader)
    cluster[leader].watches.add(holder, 7, "/", ops.WATCH_SUBTREE)
    holder.do(ops.ACQUIRE, "/lock", False, True, 0, "")
    cluster.settle()
    token = holder.answers[1].value[2]
    waiter.do(ops.ACQUIRE, "/lock", False, True, 0, "")
    cluster.settle()
    holder.told.clear()
    holder.put("/x")
    waiter.told.clear()
    holder.do(ops.RELEASE, "/lock", token)
    cluster.settle()
    kinds = [each[0] for each in holder.told]
    assert kinds == ["event", "decided", "decided"]
    assert holder.told[0][4] == holder.told[1][3], "the same revision"
    assert [each[3] for each in waiter.of("lock")] == [ops.HELD]


def test_a_closed_session_hears_its_answer_and_then_the_end(cluster):
    client = cluster.client(cluster.leader)
    client.do(ops.CLOSE)
    cluster.settle()
    assert [each[0] for each in client.told[-2:]] == ["decided", "rejected"]
    assert not cluster[cluster.leader].machine.sessions.by_id


# Promises.


def test_votes_and_acknowledgements_wait_for_the_disk(cluster):
    leader, (one, two) = cluster.leader, cluster.followers
    client = cluster.client(leader)
    cluster.members[one].slow_disk = cluster.members[two].slow_disk = True
    client.put("/x")
    client.put("/y")
    cluster.settle()
    cluster.advance(300)
    assert not client.answers
    cluster.members[one].slow_disk = False
    cluster.settle()
    assert list(client.answers) == [1, 2]


def test_a_slow_disk_of_the_leader_gathers_writes_and_delays_no_one_else_s_vote(cluster):
    leader = cluster.leader
    client = cluster.client(leader)
    cluster.members[leader].slow_disk = True
    client.put("/x")
    cluster.settle()
    assert list(client.answers) == [1], "the two others are a majority"
    client.put("/y")
    client.put("/z")
    cluster.settle()
    assert list(client.answers) == [1], "held back until the log is free"
    cluster.members[leader].slow_disk = False
    cluster.settle()
    assert list(client.answers) == [1, 2, 3]


def test_a_leader_whose_disk_is_slow_hands_leadership_over(cluster):
    old = cluster.leader
    cluster.members[old].slow_disk = True
    client = cluster.client(cluster.followers[0])
    client.put("/a")
    cluster.advance(3_000)
    assert cluster.leader != old
    client.put("/b")
    cluster.advance(200)
    assert len(client.answers) == 2


def test_a_leader_whose_slow_disk_is_needed_for_a_quorum_goes_on_leading(cluster):
    old, slow, fast = cluster.leader, *cluster.followers
    client = cluster.client(fast)
    cluster.members[old].slow_disk = cluster.members[slow].slow_disk = True
    client.put("/a")
    cluster.advance(3_000)
    assert cluster.leader == old, "a leader with a fast disk could commit nothing either"
    cluster.members[slow].slow_disk = False
    cluster.advance(200)
    assert len(client.answers) == 1


def test_a_leader_that_steps_down_with_writes_held_back_loses_none(cluster):
    old = cluster.leader
    client = cluster.client(old)
    cluster.members[old].slow_disk = True
    client.put("/x")
    cluster.settle()
    client.put("/y")
    client.put("/z")
    cluster.settle()
    assert cluster[old].hand_over(cluster.now, cluster.followers[0])
    cluster.settle()
    assert not cluster[old].leading
    cluster.members[old].slow_disk = False
    cluster.advance(4_000)
    assert [client.answers[serial].code for serial in (1, 2, 3)] == [codes.OK] * 3
    assert client.answers[2].revision < client.answers[3].revision


def test_acknowledged_writes_survive_the_crash_of_all(cluster):
    client = cluster.client(cluster.leader)
    for number in range(20):
        client.put(f"/{number}")
        cluster.settle()
    for name in "abc":
        cluster.stop(name)
    for name in "abc":
        cluster.members[name].crash()
        cluster.start(name)
    cluster.elect()
    for name in "abc":
        assert all(f"/{number}" in cluster[name].machine.tree.nodes for number in range(20))


def test_a_long_catch_up_is_spread_over_turns(cluster, monkeypatch):
    monkeypatch.setattr(applying, "APPLIED_PER_TURN_MAX", 3)
    client = cluster.client(cluster.leader)
    for number in range(10):
        client.put(f"/{number}")
    cluster.settle()
    assert len(client.answers) == 10


def test_things_are_done_in_time_by_one_tick_and_not_by_many(cluster):
    client = cluster.client(cluster.leader)
    client.do(ops.CREATE, "/t", b"", ops.TTL, False, False, 500, [])
    cluster.settle()
    before = cluster[cluster.leader].applied
    cluster.advance(1_000)
    assert "/t" not in cluster[cluster.leader].machine.tree.nodes
    assert cluster[cluster.leader].applied <= before + 2


def test_a_clock_that_is_set_back_an_hour_does_not_stop_what_waits_for_a_time(cluster):
    client = cluster.client(cluster.leader)
    client.do(ops.CREATE, "/t", b"", ops.TTL, False, False, 500, [])
    cluster.settle()
    for member in cluster.members.values():
        member.wall_skew_ms = -3_600_000
    cluster.advance(2_000)
    assert "/t" not in cluster[cluster.leader].machine.tree.nodes


def test_a_write_that_comes_just_before_the_log_is_synced_is_passed_on(cluster):
    asked = cluster.followers[0]
    client = cluster.client(asked)
    cluster.members[asked].slow_disk = True
    cluster.client(cluster.leader).put("/a", b"1")
    cluster.settle()  # it is on its way to the follower's log
    serial = client.put("/b", b"2")
    cluster.members[asked].slow_disk = False
    cluster.members[asked].sync()
    cluster.advance(500)
    assert client.answers[serial].code == codes.OK


# Operators, and the end.


def test_an_operator_s_command_is_answered_once(cluster):
    client = cluster.client(cluster.leader)
    answers = []
    follower = cluster[cluster.followers[0]]
    follower.administer(ops.END_SESSION, [client.session, "because"], answers.append)
    cluster.settle()
    assert [each.code for each in answers] == [codes.OK]
    assert client.told[-1] == ("rejected", codes.SESSION_EXPIRED)


def test_a_lock_is_not_broken_twice_for_one_order(cluster):
    """The second time it would be taken from somebody who has just got it."""
    leader, (asked, _) = cluster.leader, cluster.followers
    clients = [cluster.client(leader) for _ in range(3)]
    for client in clients:
        client.do(ops.ACQUIRE, "/l", False, True, 0, "")
        cluster.settle()
    answers = []
    cluster.hold(leader, asked)
    cluster[asked].administer(ops.BREAK, ["/l", "stuck"], answers.append)
    cluster.advance(200)
    cluster.release(leader, asked)
    cluster.cut(leader, asked)  # with the news of what was done
    cluster.heal(leader, asked)
    cluster.advance(2_000)
    (holder,) = cluster[leader].machine.locks.by_path["/l"].holders.values()
    assert holder.session == clients[1].session
    assert [each.code for each in answers] == [codes.OUTCOME_UNKNOWN]


def test_a_stopping_replica_sends_its_clients_elsewhere_and_keeps_their_sessions(cluster):
    leader = cluster.leader
    client = cluster.client(leader)
    cluster[leader].desk.send_away(codes.STOPPING, "bye")
    assert client.told[-1] == ("rejected", codes.STOPPING)
    cluster.settle()
    assert client.session in cluster[leader].machine.sessions.by_id


def test_nobody_can_take_over_from_a_single_replica(make_cluster):
    cluster = make_cluster("a")
    assert not cluster["a"].hand_over(cluster.now)
    client = cluster.client("a")
    client.put("/x")
    cluster.settle()
    assert client.answers[1].code == codes.OK


def test_a_client_for_whose_writes_there_is_no_room_must_come_back_with_all_of_them(
    cluster, monkeypatch
):
    client = cluster.client(cluster.leader)
    monkeypatch.setattr(limits, "PROPOSALS_BYTES_MAX", 100)
    client.put("/x", bytes(200))
    assert client.of("refused") == [], "to take the next one would change their order"
    assert client.of("rejected") == [("rejected", codes.OVERLOADED)]
