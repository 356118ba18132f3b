"""Sessions of ZooKeeper clients that move from server to server, in a cluster of three."""

import pytest

from coordsvc.protocols.zookeeper import numbers, records
from tests.unit.replica.callers import Door


@pytest.fixture
def doors(cluster):
    return {name: Door(cluster, name) for name in cluster.members}


def everywhere(cluster, path):
    return [path in cluster[name].machine.tree.nodes for name in cluster.members]


def test_a_session_moves_with_its_ephemerals_and_the_old_connection_can_write_no_more(
    cluster, doors
):
    one, two = cluster.followers
    old = doors[one].dial()
    old.greet()
    cluster.settle()
    session, password = old.welcome()
    old.create("/e", numbers.EPHEMERAL)
    cluster.settle()
    assert old.errors() == [0]

    new = doors[two].dial()
    new.greet(session, password)
    cluster.settle()
    assert new.welcome() == (session, password)
    old.send(numbers.EXISTS, records.pack_path_watch("/e", False))
    assert old.errors() == [0], "the old server may still answer reads"
    old.create("/late")
    cluster.settle()
    assert old.errors() == []
    assert old.talk.closed
    assert everywhere(cluster, "/late") == [False] * 3
    new.create("/on")
    new.create("/e/child")
    cluster.settle()
    assert new.errors() == [0, numbers.NO_CHILDREN_FOR_EPHEMERALS]
    assert everywhere(cluster, "/on") == [True] * 3


def test_a_write_that_was_on_its_way_when_the_session_moved_is_applied_before_or_never(
    cluster, doors
):
    one, two = cluster.followers
    leader = cluster.leader
    old = doors[one].dial()
    old.greet()
    cluster.settle()
    session, password = old.welcome()
    cluster.hold(one, leader)
    old.create("/slow")
    for member in cluster.up():
        member.turn()
    new = doors[two].dial()
    new.greet(session, password)
    cluster.advance(20)  # the leader asks everybody, as `one` does not confirm that it leads
    assert new.welcome() == (session, password)
    cluster.release(one, leader)
    cluster.settle()
    assert everywhere(cluster, "/slow") == [False] * 3
    assert old.talk.closed
    assert old.errors() == []
    new.create("/mine")
    cluster.settle()
    assert new.errors() == [0]


def test_a_change_of_leader_costs_no_session_and_copies_of_an_attachment_do_no_harm(cluster, doors):
    one, two = cluster.followers
    leader = cluster.leader
    caller = doors[one].dial()
    caller.greet()
    cluster.settle()
    session, password = caller.welcome()
    again = doors[two].dial()
    again.greet(session, password)
    cluster.settle()
    assert again.welcome() == (session, password)
    again.create("/before")
    for member in cluster.up():
        member.turn()  # on its way to a leader that is no more
    cluster.stop(leader)
    cluster.elect()
    assert again.errors() == [0]
    again.create("/after")
    cluster.settle()
    assert again.errors() == [0]
    assert session in cluster[cluster.leader].machine.sessions.by_id


def test_a_client_that_pings_any_server_is_never_expired_by_a_new_leader(cluster, doors):
    at = cluster.followers[0]
    caller = doors[at].dial()
    caller.greet()
    cluster.settle()
    session, _ = caller.welcome()
    for _ in range(3):
        for _ in range(6):
            cluster.advance(1_000)
            caller.send(numbers.PING)
        leader = cluster.leader
        if leader != at:
            cluster.stop(leader)
            cluster.elect()
            cluster.start(leader)
            cluster.settle()
    assert not caller.talk.closed
    assert session in cluster[at].machine.sessions.by_id


def test_a_sync_behind_a_partition_is_not_answered_from_an_old_state(cluster, doors):
    at = cluster.followers[0]
    caller = doors[at].dial()
    caller.greet()
    cluster.settle()
    caller.welcome()
    cluster.isolate(at)
    caller.send(numbers.SYNC, b"\0\0\0\1/")
    caller.send(numbers.EXISTS, records.pack_path_watch("/", False))
    cluster.settle()
    assert caller.errors() == []
    cluster.rejoin(at)
    cluster.advance(3_000)
    assert caller.errors() in ([0, 0], []), "answered when it is true, or sent elsewhere"
