"""The scripts are well formed, and their recordings are what a real ZooKeeper answers."""

from __future__ import annotations

import pytest

from tests.zookeeper import differences, reference, script
from tests.zookeeper.record import servers_of
from tests.zookeeper.script import Stage, mismatches, scripts

SCRIPTS = scripts()
TITLES = {(each.name, case.title) for each in SCRIPTS for case in each.cases}


@pytest.mark.parametrize("difference", differences.DIFFERENCES, ids=lambda d: d.case)
def test_a_difference_names_a_step_that_exists(difference):
    assert (difference.script, difference.case) in TITLES
    same = [
        step
        for each in SCRIPTS
        for case in each.cases
        if (each.name, case.title) == (difference.script, difference.case)
        for step in case.steps
        if step.text == difference.step
    ]
    differing = [step for step in same if step.answer != list(difference.ours)]
    assert len(differing) >= difference.times


def test_titles_are_unique_within_a_script():
    for each in SCRIPTS:
        titles = [case.title for case in each.cases]
        assert len(titles) == len(set(titles)), each.name


def test_a_script_reads_back_as_it_was_written():
    for file in script.SCRIPTS.glob("*.zk"):
        assert script.read(file).text() == file.read_text()


@pytest.mark.slow
@pytest.mark.skipif(reference.missing() is not None, reason=str(reference.missing()))
@pytest.mark.parametrize("servers", [1, 3])
def test_the_recordings_are_what_zookeeper_answers(tmp_path, servers):
    with reference.Reference(tmp_path, servers=servers) as zookeeper:
        stage = Stage(zookeeper.addresses)
        for each in SCRIPTS:
            if servers_of(each) == servers:
                for case in each.cases:
                    assert mismatches(case, stage.run(case)) == [], f"{each.name}: {case.title}"
