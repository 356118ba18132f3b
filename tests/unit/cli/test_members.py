"""`coordctl members`."""

import json

import pytest

from coordsvc.cli import exits, members
from coordsvc.cli.shared import Failure
from tests.unit.cli.conftest import CLUSTER

PATH = "/v1/cluster/members"


@pytest.fixture
def web(web_of):
    return web_of(members)


def test_members_are_those_the_leader_sees(ctl, web):
    assert ctl("members").stdout == ctl("members", "list").stdout
    result = ctl("members")
    assert result.stdout.splitlines()[1].split() == [
        "n1", "follower", "yes", "9", "0", "0.4", "a:1", "a:2",
    ]  # fmt: skip
    assert result.stderr == "term 7  quorum 2  may lose 1\n"
    assert json.loads(ctl("members", "-o", "json").stdout) == CLUSTER
    assert json.loads(ctl("members", "-o", "jsonl").stdout)["id"] == "n1"


@pytest.mark.parametrize(
    ("words", "asked", "said"),
    [
        (["add", "n4=h:1"], ("POST", PATH, {"member": "n4=h:1", "votes": True}), "n4 is a member"),
        (["add", "n4=h", "--learner"], ("POST", PATH, {"member": "n4=h", "votes": False}), "n4"),
        (["promote", "n4"], ("POST", f"{PATH}/n4/promote", {}), "n4 votes now"),
        (["remove", "n4"], ("DELETE", f"{PATH}/n4", None), "n4 is no member"),
        (["replace", "n2"], ("POST", f"{PATH}/n2/replace", {}), "n2 learns"),
        (
            ["replace", "n2", "n4=h"],
            ("POST", f"{PATH}/n2/replace", {"member": "n4=h"}),
            "n4 learns, and votes in the place of n2",
        ),
    ],
)
def test_each_change_is_one_request(ctl, web, words, asked, said):
    result = ctl("members", *words)
    assert (result.exit_code, web) == (0, [asked])
    assert said in result.stderr
    assert json.loads(ctl("members", *words, "-o", "json").stdout) == CLUSTER


def test_why_a_change_was_refused_is_said(ctl, monkeypatch):
    def refuse(*_arguments):
        raise Failure("of the 2 that would vote only 1 are up", exits.CONFLICT)

    monkeypatch.setattr(members, "fetch", refuse)
    result = ctl("members", "remove", "n2")
    assert result.exit_code == exits.CONFLICT
    assert "only 1 are up" in result.stderr
