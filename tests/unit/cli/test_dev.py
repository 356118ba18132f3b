import signal
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from coordsvc.cli import dev as module
from coordsvc.cli import localcluster
from coordsvc.cli.ctl import cli as ctl
from coordsvc.cli.localcluster import DevError, LocalCluster, LocalNode, plan
from coordsvc.cli.main import cli


@pytest.fixture(autouse=True)
def _signals_as_before():
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def calls(monkeypatch, server):
    """Have nodes that start and end in name only, and a server that is ready for them."""
    done = []
    monkeypatch.setattr(LocalCluster, "start", lambda self, *, fresh: done.append(("start", fresh)))
    monkeypatch.setattr(LocalCluster, "stop", lambda self: done.append("stop"))
    monkeypatch.setattr(LocalCluster, "kill", lambda self: done.append("kill"))
    monkeypatch.setattr(LocalCluster, "deaths", lambda self: iter(()))
    return done


def dev(tmp_path, server, *arguments):
    port = server.endpoint.rpartition(":")[2]
    base = ["dev", "--data-dir", str(tmp_path), "--nodes", "1", "--base-port-client", port]
    return CliRunner().invoke(cli, [*base, *arguments])


def raising(error):
    def do(*_arguments, **_options):
        raise error

    return do


def test_ready_is_told_in_few_lines_and_a_signal_ends_it_well(tmp_path, server, calls, monkeypatch):
    server.leader_address = server.endpoint
    monkeypatch.setattr(module, "_watch_over", raising(module._Stopped))
    result = dev(tmp_path, server)
    assert result.exit_code == 0
    first, nodes, last = result.stdout.splitlines()
    assert first == f"coordsvc dev · 1 nodes · data in {tmp_path} (kept; --fresh to start over)"
    assert nodes == f"  n1  {server.endpoint}  leader"
    assert last.startswith("ready in ")
    command = f"coordctl lock deploy --endpoints {server.endpoint} -- echo it is mine"
    assert last.endswith(command), "it can be pasted"
    assert calls == [("start", False), "stop"]


def test_what_coordctl_finds_by_itself_it_is_not_told(tmp_path, monkeypatch):
    monkeypatch.delenv("COORDSVC_ENDPOINTS", raising=False)
    usual = LocalCluster(
        tmp_path, plan(tmp_path, nodes=5, client_port=2181, peer_port=1, http_port=1), []
    )
    assert module._endpoints_option(usual) == ""
    monkeypatch.setenv("COORDSVC_ENDPOINTS", "elsewhere:1")
    assert module._endpoints_option(usual).startswith(" --endpoints 127.0.0.1:2181,127.0.0.1:2182")


def test_a_write_was_taken_before_it_says_ready(tmp_path, server, calls, monkeypatch):
    monkeypatch.setattr(module, "_watch_over", raising(module._Stopped))
    dev(tmp_path, server)
    greeting = server.hellos[0]
    assert greeting[3] == 0, "it asks for a session, whose opening is a write"


def test_what_stands_in_the_way_is_told(tmp_path, server, calls, monkeypatch):
    monkeypatch.setattr(LocalCluster, "start", raising(DevError("port 2181: in use")))
    result = dev(tmp_path, server, "--fresh")
    assert result.exit_code == 1
    assert result.stderr == "coordsvc: port 2181: in use\n"
    assert calls == ["stop"]


def test_a_node_that_dies_before_it_is_ready_is_told_with_its_last_words(
    tmp_path, server, calls, monkeypatch
):
    node = LocalNode(plan(tmp_path, nodes=1, client_port=1, peer_port=2, http_port=3)[0], [])
    node.plan.log_path.write_text("no room\n")
    monkeypatch.setattr(LocalCluster, "deaths", lambda self: iter([(node, 70)]))
    monkeypatch.setattr(module, "_listens", lambda _node: False)
    result = dev(tmp_path, server)
    assert result.exit_code == 1
    assert "n1 ended with exit code 70: no room" in result.stderr


def test_a_cluster_that_does_not_get_ready_is_given_up(tmp_path, server, calls, monkeypatch):
    monkeypatch.setattr(module, "READY_S", 0.0)
    monkeypatch.setattr(module, "_listens", lambda _node: False)
    assert "does not listen" in dev(tmp_path, server).stderr
    monkeypatch.setattr(module, "_listens", lambda _node: True)
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    server.goodbye = [33, "no quorum"]
    assert "no leader was found" in dev(tmp_path, server).stderr


def test_a_second_signal_kills(tmp_path, server, calls, monkeypatch):
    monkeypatch.setattr(module, "_watch_over", raising(module._Stopped))
    monkeypatch.setattr(LocalCluster, "stop", raising(module._Stopped))
    assert dev(tmp_path, server).exit_code == 0
    assert calls[-1] == "kill"


def test_deaths_and_requests_are_a_line_each(tmp_path, monkeypatch, capsys):
    cluster = LocalCluster(
        tmp_path, plan(tmp_path, nodes=1, client_port=1, peer_port=2, http_port=3), []
    )
    node = cluster.nodes[0]
    rounds = iter([([("pause", node)], []), ([], [(node, -9)])])
    current = []

    def select(*_arguments):
        try:
            current[:] = [next(rounds)]
        except StopIteration:
            raise module._Stopped from None

    monkeypatch.setattr(module.select, "select", select)
    monkeypatch.setattr(cluster, "requests", lambda: current[0][0])
    monkeypatch.setattr(cluster, "deaths", lambda: current[0][1])
    monkeypatch.setattr(cluster, "act", lambda action, _node: None)
    with pytest.raises(module._Stopped):
        module._watch_over(cluster)
    first, second = capsys.readouterr().out.splitlines()
    assert first == "n1: pause · now stopped"
    assert second.startswith("n1 ended with exit code -9")
    assert second.endswith("dev restart n1")


@pytest.mark.parametrize("program", [cli, ctl])
def test_a_node_can_be_broken_by_name_or_as_the_leader(program, tmp_path, server, monkeypatch):
    asked = []
    server.leader_address = server.endpoint
    nodes = [
        {"name": "n1", "pid": 1, "state": "stopped", "client": "x:1", "http": ""},
        {"name": "n2", "pid": 1, "state": "running", "client": server.endpoint, "http": ""},
    ]
    monkeypatch.setattr(localcluster, "read_state", lambda _folder: {"pid": 1, "nodes": nodes})
    monkeypatch.setattr(
        localcluster,
        "ask",
        lambda folder, action, name: asked.append((folder, action, name)) or "done",
    )
    for node in ("n1", "leader"):
        result = CliRunner().invoke(program, ["dev", "--data-dir", str(tmp_path), "kill", node])
        assert result.exit_code == 0, result.output
    assert asked == [(tmp_path, "kill", "n1"), (tmp_path, "kill", "n2")]


@pytest.fixture
def started(monkeypatch, server):
    """Have a node that was started anew, and a way to change what is known of it."""
    node = {"name": "n1", "pid": 1, "state": "running", "client": server.endpoint, "http": ""}
    monkeypatch.setattr(localcluster, "read_state", lambda _folder: {"pid": 1, "nodes": [node]})
    monkeypatch.setattr(localcluster, "ask", lambda *_arguments: "running")
    return node


def restart(tmp_path):
    return CliRunner().invoke(cli, ["dev", "--data-dir", str(tmp_path), "restart", "n1"])


def test_restart_returns_when_the_node_takes_connections(tmp_path, started, monkeypatch):
    answers = iter([False, False, True])
    monkeypatch.setattr(module, "_listens", lambda _address: next(answers))
    result = restart(tmp_path)
    assert (result.exit_code, result.output) == (0, "n1 is running\n")
    assert next(answers, "all used") == "all used"


def test_a_node_that_does_not_come_back_is_told(tmp_path, started, monkeypatch):
    started["state"] = "dead"
    assert "n1 is dead but takes no connections" in restart(tmp_path).output
    started["state"] = "running"
    monkeypatch.setattr(module, "_listens", lambda _address: False)
    monkeypatch.setattr(module, "READY_S", 0.03)
    assert restart(tmp_path).exit_code == 1


def test_without_a_leader_that_is_told(tmp_path, server, monkeypatch):
    monkeypatch.setattr(module, "LEADER_S", 0.05)
    nodes = [{"name": "n1", "pid": 1, "state": "running", "client": server.endpoint, "http": ""}]
    monkeypatch.setattr(localcluster, "read_state", lambda _folder: {"pid": 1, "nodes": nodes})
    result = CliRunner().invoke(cli, ["dev", "--data-dir", str(tmp_path), "kill", "leader"])
    assert result.exit_code == 1


def test_where_nothing_runs_nothing_can_be_broken(tmp_path):
    result = CliRunner().invoke(cli, ["dev", "--data-dir", str(tmp_path), "kill", "n1"])
    assert result.exit_code == 1
    assert "no cluster runs" in result.output


def test_coordctl_is_called_by_its_name_only_if_that_finds_it(monkeypatch, tmp_path):
    beside = Path(sys.executable).parent / "coordctl"
    monkeypatch.setattr(module.shutil, "which", lambda _name: str(beside))
    assert module._coordctl() == "coordctl"
    monkeypatch.setattr(module.shutil, "which", lambda _name: str(tmp_path / "coordctl"))
    monkeypatch.chdir(beside.parent)
    assert module._coordctl() == "coordctl"
    monkeypatch.chdir(beside.parent.parent)
    assert module._coordctl() == "bin/coordctl"
