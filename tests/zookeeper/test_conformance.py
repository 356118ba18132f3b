"""Our answers to every script, field by field, against those recorded from a real ZooKeeper."""

from __future__ import annotations

import pytest

from tests.integration.cluster import Cluster
from tests.zookeeper import differences, services
from tests.zookeeper.script import Case, Script, Stage, mismatches, scripts

pytestmark = pytest.mark.integration


def marks(case: Case):
    """A case that pauses is slow."""
    return [pytest.mark.slow] if any(" sleep " in step.text for step in case.steps) else []


every_case = pytest.mark.parametrize(
    ("script", "case"),
    [
        pytest.param(each, case, id=f"{each.name}: {case.title}", marks=marks(case))
        for each in scripts()
        for case in each.cases
    ],
)


def check(stage: Stage, script: Script, case: Case):
    expected = [
        (each.step, each.ours)
        for each in differences.of_case(script.name, case.title)
        for _ in range(each.times)
    ]
    found = mismatches(case, stage.run(case))
    told = [
        line
        for step, recorded, ours in found
        for line in (
            step,
            *(f"    zookeeper: {line}" for line in recorded),
            *(f"    ours:      {line}" for line in ours),
        )
    ]
    assert [(step, ours) for step, _, ours in found] == expected, "\n".join(told)


def addresses(cluster: Cluster, *, first: str):
    """Return where clients connect, the node called `first` before the others."""
    plans = sorted(cluster.plans, key=lambda plan: plan.name != first)
    return [("127.0.0.1", plan.client_port) for plan in plans]


# Each has a cluster of its own: what a case leaves at the root, as it did when it was recorded,
# would be there already.


@pytest.fixture(scope="module")
def follower(tmp_path_factory):
    folder = tmp_path_factory.mktemp("follower")
    with Cluster(folder, options=services.options(folder)) as cluster:
        leader = cluster.leader()
        yield Stage(addresses(cluster, first=next(n for n in cluster.nodes if n != leader)))


@pytest.fixture(scope="module")
def leader(tmp_path_factory):
    folder = tmp_path_factory.mktemp("leader")
    with Cluster(folder, options=services.options(folder)) as cluster:
        yield Stage(addresses(cluster, first=cluster.leader()))


@every_case
def test_a_follower_answers_as_zookeeper_does(follower, script, case):
    check(follower, script, case)


@pytest.mark.slow
@every_case
def test_the_leader_answers_as_zookeeper_does(leader, script, case):
    check(leader, script, case)
