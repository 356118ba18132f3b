import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from coordsvc.cli import localcluster
from coordsvc.cli.localcluster import DevError, LocalCluster, ask, plan
from tests.ports import free_block

NODE = "import signal, time\ntime.sleep(60)\n"


@pytest.fixture
def plans(tmp_path):
    base = free_block(6)
    return plan(tmp_path, nodes=2, client_port=base, peer_port=base + 2, http_port=base + 4)


@pytest.fixture
def cluster(tmp_path, plans, monkeypatch):
    """Return a cluster whose nodes are processes that only sleep."""
    real = subprocess.Popen

    def sleeper(command, **options):
        assert command[:4] == [sys.executable, "-m", "coordsvc", "serve"]
        return real(["sleep", "60"], **options)

    monkeypatch.setattr(localcluster.subprocess, "Popen", sleeper)
    made = LocalCluster(tmp_path, plans, ["--log-level", "info"])
    yield made
    made.kill()


def state(tmp_path):
    return {n["name"]: n for n in json.loads((tmp_path / "dev.json").read_text())["nodes"]}


def test_each_node_gets_ports_of_its_own(tmp_path):
    first, second = plan(tmp_path, nodes=2, client_port=1, peer_port=11, http_port=21)
    assert (first.name, second.name) == ("n1", "n2")
    assert (second.client_address, second.peer_port, second.http_address) == (
        "127.0.0.1:2", 12, "127.0.0.1:22",
    )  # fmt: skip
    assert second.log_path == tmp_path / "n2.log"


def test_every_node_knows_itself_and_all_members(tmp_path, plans):
    made = LocalCluster(tmp_path, plans, ["--x", "y"])
    arguments = made.nodes[1]._arguments
    given = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert given["--node"] == "n2"
    assert given["--data-dir"] == str(tmp_path / "n2")
    assert [m.partition("=")[0] for m in given["--members"].split(",")] == ["n1", "n2"]
    assert given["--x"] == "y"


def test_nodes_run_until_they_are_stopped(cluster, tmp_path):
    cluster.start(fresh=False)
    pids = [node["pid"] for node in state(tmp_path).values()]
    assert all(pids)
    cluster.stop()
    assert not (tmp_path / "dev.json").exists()
    assert not (tmp_path / "control").exists()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_ctrl_c_reaches_the_parent_only(cluster):
    cluster.start(fresh=False)
    assert [os.getpgid(node.pid) for node in cluster.nodes] == [n.pid for n in cluster.nodes]


def test_what_can_be_done_to_a_node(cluster, tmp_path):
    cluster.start(fresh=False)
    node = cluster.nodes[0]
    for action, wanted in (
        ("pause", "paused"),
        ("resume", "running"),
        ("kill", "stopped"),
        ("restart", "running"),
        ("restart", "running"),
        ("stop", "stopped"),
        ("pause", "stopped"),
        ("resume", "stopped"),
        ("kill", "stopped"),
    ):
        before = node.pid
        cluster.act(action, node)
        assert node.state == state(tmp_path)["n1"]["state"] == wanted, action
        assert bool(node.pid) == (wanted != "stopped")
        if action == "restart":
            assert node.pid != before
    assert list(cluster.deaths()) == [], "who was asked to end has not died"


def test_a_paused_node_can_be_stopped(cluster):
    cluster.start(fresh=False)
    cluster.act("pause", cluster.nodes[0])
    cluster.act("stop", cluster.nodes[0])
    assert cluster.nodes[0].pid == 0


def test_a_death_is_told_once(cluster, tmp_path):
    cluster.start(fresh=False)
    victim = cluster.nodes[1]
    os.kill(victim.pid, signal.SIGKILL)
    victim._process.wait()
    assert [(node.plan.name, code) for node, code in cluster.deaths()] == [("n2", -9)]
    assert list(cluster.deaths()) == []
    assert state(tmp_path)["n2"] == {**state(tmp_path)["n2"], "state": "dead", "pid": 0}


def test_another_command_can_ask_for_it(cluster, tmp_path):
    cluster.start(fresh=False)
    results = []
    asker = threading.Thread(target=lambda: results.append(ask(tmp_path, "pause", "n2")))
    asker.start()
    while asker.is_alive():
        for action, node in cluster.requests():
            cluster.act(action, node)
    assert results == ["paused"]
    assert cluster.nodes[1].state == "paused"


def test_a_request_that_makes_no_sense_is_dropped(cluster, tmp_path):
    cluster.start(fresh=False)
    (tmp_path / "control").write_text("eat n1\nkill n9\n\nkill n1\n")
    assert [(a, n.plan.name) for a, n in cluster.requests()] == [("kill", "n1")]
    assert list(cluster.requests()) == []


def test_to_ask_where_nothing_runs_is_an_error(cluster, tmp_path):
    with pytest.raises(DevError, match="no cluster runs"):
        ask(tmp_path, "kill", "n1")
    cluster.start(fresh=False)
    with pytest.raises(DevError, match="no node n9 here; there are n1, n2"):
        ask(tmp_path, "kill", "n9")
    with pytest.raises(DevError, match="n1 is still running"):
        ask(tmp_path, "kill", "n1", timeout_s=0.05)
    os.close(cluster.control)
    cluster.control = -1
    with pytest.raises(DevError, match="no cluster runs"):
        ask(tmp_path, "kill", "n1")


def test_two_clusters_do_not_share_a_folder(cluster, tmp_path, plans):
    cluster.start(fresh=False)
    second = LocalCluster(tmp_path, plans, [])
    with pytest.raises(DevError, match="already runs"):
        second.start(fresh=True)
    second.stop()
    assert state(tmp_path)["n1"]["state"] == "running"


def test_a_taken_port_is_named_with_the_way_out(cluster, plans):
    taken = socket.create_server(("127.0.0.1", plans[1].peer_port))
    with taken, pytest.raises(DevError, match="peer port of n2") as caught:
        cluster.start(fresh=False)
    assert f"--base-port-peer {plans[1].peer_port + 10_000}" in str(caught.value)


def test_fresh_removes_the_nodes_and_nothing_else(cluster, tmp_path):
    (tmp_path / "n1").mkdir()
    (tmp_path / "n1" / "log").write_text("x")
    (tmp_path / "n1.log").write_text("x")
    (tmp_path / "n7.txt").write_text("mine")
    (tmp_path / "notes").mkdir()
    cluster.start(fresh=True)
    assert not (tmp_path / "n1").exists()
    assert (tmp_path / "n1.log").read_text() == ""
    assert (tmp_path / "n7.txt").exists()
    assert (tmp_path / "notes").exists()


def test_nodes_whose_parent_was_killed_are_ended(tmp_path):
    left = subprocess.Popen([sys.executable, "-c", NODE, str(tmp_path / "n1")])
    other = subprocess.Popen([sys.executable, "-c", NODE])
    nodes = [
        {"name": "n1", "pid": left.pid, "state": "running", "client": "", "http": ""},
        {"name": "n2", "pid": other.pid, "state": "running", "client": "", "http": ""},
        {"name": "n3", "pid": 0, "state": "stopped", "client": "", "http": ""},
    ]
    (tmp_path / "dev.json").write_text(json.dumps({"pid": 1, "nodes": nodes}))
    for process in (left, other):
        while not Path(f"/proc/{process.pid}/cmdline").read_text().count(NODE):
            time.sleep(0.001)
    threading.Thread(target=left.wait).start()  # so that it does not stay as a zombie
    localcluster.end_leftovers(tmp_path)
    assert left.wait() == -signal.SIGKILL
    assert other.poll() is None, "a number used again by something else is left alone"
    other.kill()
    other.wait()


def test_the_last_words_of_a_node_are_those_in_its_log(cluster):
    node = cluster.nodes[0]
    assert node.last_words() == ""
    node.plan.log_path.write_text("")
    assert node.last_words() == ""
    node.plan.log_path.write_text("a\nb\n")
    assert node.last_words() == "b"
