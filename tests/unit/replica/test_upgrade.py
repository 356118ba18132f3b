"""The version of the state machine is raised when every member has it, and not before."""

import pytest

from coordsvc.base.errors import SetupError, VersionUnknown
from coordsvc.base.ports import SilentLogger
from coordsvc.base.vocabulary import ops
from coordsvc.raft.messages import Membership
from coordsvc.replica.codec import internal_command
from coordsvc.replica.messages import Versions
from coordsvc.replica.upgrade import Upgrade
from coordsvc.state import versions


class Raft:
    def __init__(self, *voters, old=(), learners=()):
        self.membership = Membership(voters, old, learners)
        self.last_index = 10


class Machine:
    def __init__(self, revision=10, version=1, *, is_untouched=False):
        self.revision = revision
        self.version = version
        self.is_untouched = is_untouched


def upgrade_of(raft, newest=2):
    return Upgrade("a", raft, Versions(1, newest), log=SilentLogger())


def raised(commands):
    return [versions.raised_to(command) for command in commands]


def test_alone_there_is_nobody_to_wait_for():
    assert raised(upgrade_of(Raft("a")).due(Machine())) == [2]


@pytest.mark.parametrize(
    "members", [Raft("a", "b"), Raft("a", old=("b",)), Raft("a", learners=("b",))]
)
def test_everyone_counts_whoever_may_have_to_apply_it(members):
    upgrade = upgrade_of(members)
    assert upgrade.due(Machine()) == []
    assert upgrade.waits_for() == ["b"]
    upgrade.told("b", Versions(1, 1))
    assert upgrade.due(Machine()) == []
    upgrade.told("b", Versions(1, 3))
    assert raised(upgrade.due(Machine())) == [2]
    assert upgrade.waits_for() == []


def test_a_member_that_is_away_may_be_running_anything():
    upgrade = upgrade_of(Raft("a", "b"))
    upgrade.told("b", Versions(1, 2))
    upgrade.link_lost("b")
    assert upgrade.due(Machine()) == []
    assert upgrade.newest_of("b") == 0


def test_a_new_cluster_does_not_wait_for_who_is_away_but_for_who_is_older():
    upgrade = upgrade_of(Raft("a", "b", "c"))
    upgrade.told("b", Versions(1, 1))
    assert upgrade.due(Machine(is_untouched=True)) == []
    upgrade.told("b", Versions(1, 2))
    assert raised(upgrade.due(Machine(is_untouched=True))) == [2]


def test_it_is_proposed_once_and_again_only_if_it_came_to_nothing():
    raft = Raft("a")
    upgrade = upgrade_of(raft)
    assert raised(upgrade.due(Machine())) == [2]
    assert upgrade.due(Machine()) == []
    assert raised(upgrade.due(Machine(11))) == [2], "another leader's entry stands in its place"
    assert upgrade.due(Machine(12, 2)) == []


def test_a_new_leader_does_not_wait_for_what_was_lost():
    upgrade = upgrade_of(Raft("a"))
    assert raised(upgrade.due(Machine())) == [2]
    upgrade.lead()
    assert raised(upgrade.due(Machine())) == [2]


# In a cluster.


@pytest.fixture
def older(monkeypatch):
    """Boot replicas as a program would that has nothing but version 1."""

    def as_older(what):
        with monkeypatch.context() as patch:
            patch.setattr(versions, "NEWEST", 1)
            return what()

    return as_older


def test_a_new_cluster_goes_on_to_the_newest_version_by_itself(cluster):
    cluster.advance(500)
    assert {cluster[name].machine.version for name in "abc"} == {versions.NEWEST}
    assert {cluster[name].machine.digest for name in "abc"} == {cluster["a"].machine.digest}


def test_one_member_of_an_older_version_holds_all_others_back(make_cluster, older):
    cluster = older(make_cluster)
    client = cluster.client(cluster.leader)
    client.put("/old")
    cluster.advance(1_000)
    assert {cluster[name].machine.version for name in "abc"} == {1}
    first, second = cluster.followers
    for name in (first, second):
        cluster.stop(name)
        cluster.start(name)
        cluster.advance(3_000)
        assert {cluster[each].machine.version for each in "abc"} == {1}, "the leader is older"
    old_leader = cluster.leader
    cluster.stop(old_leader)
    cluster.advance(5_000)
    assert cluster[cluster.leader].machine.version == 1, "who is away may be running anything"
    assert cluster[cluster.leader].health.upgrade.waits_for() == [old_leader]
    cluster.start(old_leader)
    cluster.advance(3_000)
    assert {cluster[each].machine.version for each in "abc"} == {versions.NEWEST}
    client = cluster.client(first)
    client.put("/goes/on")
    cluster.settle()
    assert client.answers[1].code == 0


def test_an_older_program_does_not_start_on_a_newer_state(make_cluster, older):
    cluster = make_cluster()
    cluster.advance(500)
    name = cluster.followers[0]
    assert cluster[name].machine.version == versions.NEWEST
    cluster.stop(name)
    with pytest.raises(SetupError, match=r"version 3 .* has 1 to 1.* start a newer program"):
        older(lambda: cluster.start(name))
    cluster.start(name)


def test_an_older_program_stops_where_the_log_goes_on_to_a_newer_version(cluster, older):
    cluster.advance(500)
    machine = cluster["a"].machine
    machine._set_version(1)
    command = internal_command(ops.RAISE_VERSION, 0, 2)
    with pytest.raises(VersionUnknown):
        older(lambda: machine.apply(machine.revision + 1, 0, command))
