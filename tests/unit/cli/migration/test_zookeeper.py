import json
import os
import signal
import threading
import time

import pytest
from click.testing import CliRunner

from coordsvc.cli.ctl import cli
from coordsvc.cli.migration import zookeeper as module
from tests.unit.cli.migration.fakezookeeper import FakeZooKeeper
from tests.unit.cli.migration.zookeeper_socket import Server


@pytest.fixture
def trees():
    source, target = FakeZooKeeper(), FakeZooKeeper()
    source.put("/app/a", b"1")
    with Server(source) as first, Server(target) as second:
        yield source, target, f"127.0.0.1:{first.address[1]}", f"127.0.0.1:{second.address[1]}"


def run(here, *arguments):
    return CliRunner().invoke(
        cli, ["import", "zookeeper", "--endpoints", here, *arguments], standalone_mode=False
    )


def test_a_tree_is_copied_and_a_report_is_written(trees, tmp_path):
    _, target, there, here = trees
    file = tmp_path / "report.json"
    result = run(here, there, "/app", "--to", "/new/place/", "--report", str(file), "-o", "json")
    assert result.exit_code == 0, result.output
    assert target.nodes["/new/place/a"].data == b"1"
    printed = json.loads(result.stdout)
    assert printed == json.loads(file.read_text())
    assert (printed["created"], printed["complete"]) == (2, True)


def test_hosts_may_carry_a_path_that_all_paths_are_below(trees):
    _, target, there, here = trees
    assert run(here, f"{there}/app", "/a").exit_code == 0
    assert "/app/a" in target.nodes


def test_a_dry_run_writes_nothing(trees):
    _, target, there, here = trees
    result = run(here, there, "/app", "--dry-run", "--to", "/x/y")
    assert "2 nodes read, 2 created" in result.stdout
    assert set(target.nodes) == {"/"}


def test_what_could_not_be_read_makes_it_fail(trees):
    source, _, there, here = trees
    source.unreadable.add("/app/a")
    result = run(here, there, "/app")
    assert result.return_value == 1 or result.exit_code == 1
    assert "nodes that these credentials may not read" in result.stdout
    assert "not everything could be carried" in result.stderr


def test_a_top_that_is_not_there_is_not_found(trees):
    _, _, there, here = trees
    assert "no such node at the source" in run(here, there, "/none").stderr


def test_wrong_credentials_are_denied(trees):
    _, _, there, here = trees
    result = run(here, there, "/app", "--auth", "digest:wrong")
    assert "are refused" in result.stderr


def test_a_source_that_does_not_answer_is_told(trees, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_S", 0.0)
    result = run(trees[3], "127.0.0.1:1", "/app")
    assert "no server answers" in result.stderr
    assert "start again to go on" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("h:x", "/app"),
        ("h", "app"),
        ("h", "/a//b"),
        ("h", "/zookeeper/quota"),
        ("h", "/app", "--to", "/zookeeper"),
        ("h", "/app", "--auth", "digest"),
    ],
)
def test_wrong_usage_connects_to_nobody(arguments):
    result = run("127.0.0.1:1", *arguments)
    assert type(result.exception).__name__ == "UsageError"


def test_following_ends_when_asked_to(trees):
    source, target, there, here = trees

    def later():
        until = time.monotonic() + 20
        while "/app/a" not in target.nodes and time.monotonic() < until:
            time.sleep(0.01)
        source.put("/app/b", b"2")
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=later)
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        thread.start()
        result = run(here, there, "/app", "--follow")
        thread.join()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert result.exit_code == 0, result.output
    assert target.nodes["/app/b"].data == b"2"
    assert "in step" in result.stderr
