import json

import pytest

from coordsvc.base.vocabulary import codes, ops
from coordsvc.cli import cluster, exits
from coordsvc.cli.shared import Failure


@pytest.fixture
def web(web_of):
    return web_of(cluster)


def test_status_shows_each_node_even_one_that_is_down(ctl, server, monkeypatch):
    wait_s = cluster.NODE_WAIT_S
    monkeypatch.setattr(cluster, "NODE_WAIT_S", 0.5)
    server.answers[ops.STATUS] = (codes.OK, [["node", "n1"], ["role", "leader"], ["term", 3]])
    result = ctl("status", "--endpoints", f"{server.endpoint},127.0.0.1:1", "-o", "json")
    up, down = json.loads(result.stdout)
    assert (up["node"], up["term"], down["role"]) == ("n1", 3, "down")
    assert "refused" in down["error"]
    assert result.exit_code == 0
    monkeypatch.setattr(cluster, "NODE_WAIT_S", wait_s)
    assert "leader" in ctl("status").stdout


def test_status_says_that_a_disk_is_full(ctl, server):
    alarm = "little room is left on the disk of n2"
    server.answers[ops.STATUS] = (codes.OK, [["role", "leader"], ["disk_alarm", alarm]])
    assert alarm in ctl("status").stderr
    server.answers[ops.STATUS] = (codes.OK, [["role", "leader"], ["disk_alarm", ""]])
    assert ctl("status").stderr == ""


def test_status_without_a_leader_is_exit_code_5(ctl, server):
    server.answers[ops.STATUS] = (codes.OK, [["node", "n1"], ["role", "follower"]])
    assert ctl("status").exit_code == 5


def test_the_leader_is_told(ctl, server):
    server.leader_address = "127.0.0.1:9"
    assert ctl("leader").stdout == "n1\n"
    assert json.loads(ctl("leader", "-o", "json").stdout) == {
        "leader": "n1", "client_address": "127.0.0.1:9",
    }  # fmt: skip


def test_no_leader_is_exit_code_5(ctl):
    assert ctl("leader").exit_code == 5


def test_leadership_is_handed_over(ctl, web):
    assert ctl("leader", "transfer", "n3").exit_code == 0
    assert web == [("POST", "/v1/cluster/leader", {"to": "n3"})]


def test_sessions_are_listed_over_all_pages(ctl, server, monkeypatch):
    monkeypatch.setattr(cluster, "PAGE_SESSIONS", 1)
    monkeypatch.setattr(cluster.time, "time", lambda: 61.0)
    pages = {
        0: [[255, "me", "10.0.0.1:5", 10_000, 1_000, 2, 1]],
        255: [[256, "", "b:1", 1, 0, 0, 0]],
    }
    server.answers[ops.SESSIONS] = lambda a: (codes.OK, pages.get(a[1], []))
    lines = ctl("sessions").stdout.splitlines()
    assert lines[1].split() == ["0xff", "me", "10.0.0.1:5", "10s", "1m00s", "2", "1"]
    assert lines[2].split()[:2] == ["0x100", "-"]
    assert json.loads(ctl("sessions", "-o", "jsonl").stdout.splitlines()[0])["session"] == "0xff"


def test_a_session_can_be_ended(ctl, web):
    assert ctl("session", "kill", "0xff").exit_code == 0
    assert web == [("DELETE", "/v1/sessions/0xff", None)]
    assert ctl("session", "kill", "me").exit_code == 2


@pytest.mark.parametrize(
    ("refused", "exit_code"), [(exits.LOST, exits.NOT_FOUND), (exits.DENIED, exits.DENIED)]
)
def test_a_session_that_is_not_there_is_not_found(ctl, monkeypatch, refused, exit_code):
    def fetch(*_):
        raise Failure("no", refused)

    monkeypatch.setattr(cluster, "fetch", fetch)
    assert ctl("session", "kill", "9").exit_code == exit_code
