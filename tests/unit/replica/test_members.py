"""Changes of the membership of a running cluster, end to end but for sockets and disks."""

from dataclasses import replace

import pytest

from coordsvc.base.vocabulary import codes, ops
from coordsvc.raft.messages import MemberInfo
from coordsvc.replica.changes import Fault, MembersChange, replacement_of
from coordsvc.replica.members import ANSWER_MS, PATIENCE_MS
from tests.unit.replica.conftest import Cluster


@pytest.fixture
def three():
    return Cluster(known=True)


def voters(cluster, at):
    return cluster[at].raft.membership.voters


def ask(cluster, at, change):
    outcomes = []
    cluster[at].change_members(change, outcomes.append)
    return outcomes


def change(cluster, at, *, ms=1_300, **what):
    outcomes = ask(cluster, at, MembersChange(**what))
    cluster.advance(ms)
    [outcome] = outcomes
    return outcome


def newcomer(name, **more):
    return MemberInfo(name, 0, f"{name}:2281", f"{name}:2181", f"{name}:8181", **more)


def test_members_learn_from_one_another_where_they_are(three):
    view = three["b"].members.view()
    assert [each.info.client for each in view.members] == ["a:2181", "b:2181", "c:2181"]
    assert [each.info.identity for each in view.members] == [1, 2, 3]
    assert view.committed
    assert view.revision > 0
    assert all(each.votes and not each.leaves for each in view.members)
    assert len({three[name].raft.membership_index for name in "abc"}) == 1


def test_a_member_that_moved_says_so_and_all_know(three):
    follower = three.followers[0]
    three.stop(follower)
    member = three.members[follower]
    settings = member.settings
    member.settings = replace(settings, own=replace(settings.own, peer="elsewhere:1"))
    three.start(follower)
    three.advance(2_000)
    for name in "abc":
        assert three[name].raft.membership.info_of(follower).peer == "elsewhere:1"


@pytest.mark.parametrize("at_leader", [True, False])
def test_a_new_member_learns_and_then_votes_by_itself(three, at_leader):
    client = three.client(three.leader)
    for n in range(50):
        client.put(f"/n{n}")
    at = three.leader if at_leader else three.followers[0]
    outcome = change(three, at, add=(newcomer("d", joins=True),), ms=300)
    assert outcome.fault is None
    assert three[three.leader].raft.membership.learners == ("d",)
    assert outcome.revision == three[three.leader].raft.membership_index
    three.join("d")
    three.advance(3_000)
    for name in "abcd":
        assert voters(three, name) == ("a", "b", "c", "d")
        assert three[name].raft.membership.info_of("d") == newcomer("d").__class__(
            "d", 4, "d:2281", "d:2181", "d:8181"
        )
    assert three["d"].machine.digest == three["a"].machine.digest


def test_a_learner_that_is_to_stay_one_does(three):
    change(three, three.leader, add=(newcomer("d"),))
    three.join("d")
    three.advance(5_000)
    assert voters(three, "d") == ("a", "b", "c")
    assert three["d"].applied == three["a"].applied
    outcome = change(three, three.leader, promote=("d",))
    assert outcome.fault is None
    assert voters(three, "a") == ("a", "b", "c", "d")


def test_a_learner_serves_clients_as_any_member_does(three):
    change(three, three.leader, add=(newcomer("d"),))
    three.join("d")
    three.advance(1_000)
    client, watcher = three.client("d"), three.client("d")
    three["d"].watches.add(watcher, 1, "/x", ops.WATCH_NODE, with_data=False)
    serial = client.put("/x", b"1")
    three.advance(200)
    assert client.answers[serial].code == codes.OK
    assert [event[3] for event in watcher.of("event")] == ["/x"]
    for consistency in (ops.LINEARIZABLE, ops.SEQUENTIAL, ops.STALE):
        client.read("read", now=three.now, consistency=consistency)
        three.settle()
    assert len(client.of("served")) == 3
    assert {served[2] for served in client.of("served")} == {three[three.leader].applied}


def test_a_node_that_waits_to_be_added_elects_nobody(three):
    three.join("d")
    three.advance(10_000)
    assert (three["d"].raft.term, three["d"].applied) == (0, 0)
    assert "coordctl members add" in three["d"].members.gate.standing or three["d"].raft.passive


def test_a_learner_that_is_not_there_cannot_be_promoted(three):
    change(three, three.leader, add=(newcomer("d", joins=True),))
    outcome = change(three, three.leader, promote=("d",))
    assert outcome.fault is Fault.NOT_CAUGHT_UP
    assert voters(three, "a") == ("a", "b", "c")


def test_a_change_meant_for_another_membership_is_refused(three):
    revision = three["a"].members.view().revision
    outcome = change(three, three.leader, remove=("c",), expected=revision - 1)
    assert (outcome.fault, outcome.revision) == (Fault.BAD_VERSION, revision)
    assert change(three, three.leader, remove=("c",), expected=revision).fault is None


def test_changes_come_one_after_the_other(three):
    leader, follower = three.leader, three.followers[0]
    first = ask(three, leader, MembersChange(add=(newcomer("d"),)))
    second = ask(three, follower, MembersChange(add=(newcomer("e"),)))
    third = ask(three, leader, MembersChange(remove=("d",)))
    three.advance(1_000)
    assert [o.fault for o in (*first, *second, *third)] == [None, None, None]
    assert three["a"].raft.membership.learners == ("e",)


def test_what_would_lose_the_quorum_is_refused(three):
    leader = three.leader
    one, other = three.followers
    three.stop(one)
    three.advance(1_500)
    outcome = change(three, leader, remove=(other,))
    assert outcome.fault is Fault.QUORUM_AT_RISK
    assert change(three, leader, remove=(one,)).fault is None


def test_a_member_that_has_just_died_does_not_count_as_up(three):
    leader = three.leader
    one, other = three.followers
    three.settle()
    three.stop(one)
    outcome = change(three, leader, remove=(other,), ms=2_000)
    assert outcome.fault is Fault.QUORUM_AT_RISK
    assert voters(three, leader) == ("a", "b", "c")


@pytest.mark.parametrize("asked_at", ["leader", "follower"])
def test_the_leader_can_be_removed(three, asked_at):
    old = three.leader
    client = three.client(three.followers[0])
    client.put("/kept")
    outcome = change(
        three, old if asked_at == "leader" else three.followers[0], remove=(old,), ms=3_000
    )
    assert outcome.fault is None
    new = three.leader
    assert new != old
    assert old not in voters(three, new)
    assert three[old].members.gate.standing == f"{old} was removed from the cluster"
    client.put("/after")
    three.advance(200)
    assert "/after" in three[new].machine.tree.nodes


def test_a_removed_member_that_missed_it_is_told_and_keeps_still(three):
    leader, gone = three.leader, three.followers[0]
    three.stop(gone)
    three.advance(1_500)
    assert change(three, leader, remove=(gone,)).fault is None
    three.start(gone)
    term = three[leader].raft.term
    three.advance(20_000)
    assert three[gone].raft.passive
    assert "is not a member" in three[gone].members.gate.standing
    assert (three.leader, three[leader].raft.term) == (leader, term)


def test_a_voter_with_an_empty_folder_does_not_vote_and_is_told_the_way_out(three):
    lost = three.followers[0]
    client = three.client(three.leader)
    client.put("/before")
    three.advance(200)
    three.wipe(lost)
    three.advance(5_000)
    assert three[lost].raft.passive
    assert f"coordctl members replace {lost}" in three[lost].members.gate.standing
    assert three[lost].raft.term == 0
    assert (three[lost].raft.vote, three[lost].applied) == (None, 0)
    taken = replacement_of(three[three.leader].raft.membership, lost, None)
    outcomes = ask(three, three.leader, taken)
    three.advance(500)
    assert outcomes[0].fault is None
    assert lost not in voters(three, three.leader)
    three.rejoin(lost)
    three.advance(3_000)
    assert voters(three, three.leader) == ("a", "b", "c")
    assert three[lost].machine.digest == three[three.leader].machine.digest
    assert three[lost].raft.membership.info_of(lost).identity == 4
    assert not three[lost].raft.passive


def test_another_takes_the_place_of_a_member_that_is_dead(three):
    leader, dead = three.leader, three.followers[0]
    three.stop(dead)
    three.advance(1_500)
    replacing = replacement_of(three[leader].raft.membership, dead, newcomer("d"))
    outcomes = ask(three, leader, replacing)
    three.advance(500)
    assert outcomes[0].fault is None
    assert dead in voters(three, leader)
    three.join("d")
    three.advance(3_000)
    assert voters(three, leader) == tuple(sorted({*"abcd"} - {dead}))


def test_without_a_leader_the_answer_is_that_nothing_was_done(three):
    leader, follower = three.leader, three.followers[0]
    three.isolate(follower)
    three.advance(3_000)
    outcomes = ask(three, follower, MembersChange(remove=(leader,)))
    three.advance(PATIENCE_MS + 200)
    assert [outcome.fault for outcome in outcomes] == [Fault.NO_QUORUM]


def test_who_takes_no_part_says_so_at_once(three):
    lost = three.followers[0]
    three.wipe(lost)
    three.advance(500)
    outcome = change(three, lost, ms=100, remove=(lost,))
    assert outcome.fault is Fault.NO_QUORUM
    assert "another data folder" in outcome.text


def test_a_leader_without_its_quorum_cannot_say_what_will_become_of_it(three):
    leader = three.leader
    for follower in three.followers:
        three.hold(follower, leader)
    outcomes = ask(three, leader, MembersChange(add=(newcomer("d"),)))
    three.advance(PATIENCE_MS + ANSWER_MS + 200)
    assert [outcome.fault for outcome in outcomes] == [Fault.OUTCOME_UNKNOWN]


def test_a_change_waits_for_a_handover_to_end(three):
    leader, heir = three.leader, three.followers[0]
    three.hold(leader, heir)
    assert three[leader].hand_over(three.now, heir)
    outcomes = ask(three, leader, MembersChange(add=(newcomer("d"),)))
    three.advance(500)
    assert outcomes == []
    three.advance(1_500)
    three.release(leader, heir)
    three.advance(500)
    assert len(outcomes) == 1


def test_a_restarted_member_goes_by_the_membership_on_its_disk(three):
    change(three, three.leader, add=(newcomer("d", joins=True),), ms=300)
    three.join("d")
    three.advance(3_000)
    name = next(name for name in "abc" if name != three.leader)
    three.stop(name)
    three.start(name)
    assert voters(three, name) == ("a", "b", "c", "d")
    three.advance(1_000)
    assert three[name].raft.leader == three.leader
