"""coordctl and coordsvc restore against a real cluster: what they print, and their exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coordsvc_client import connect
from tests.ports import free_ports

pytestmark = pytest.mark.integration

PROGRAM = "from coordsvc.cli.ctl import main; main()"


class Ctl:
    """Runs coordctl."""

    def __init__(self, client_addresses, http_addresses):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("COORDSVC_")}
        self.environment = clean | {
            "COORDSVC_ENDPOINTS": ",".join(client_addresses),
            "COORDSVC_HTTP_ENDPOINTS": ",".join(http_addresses),
        }

    def command(self, *arguments):
        return [sys.executable, "-c", PROGRAM, *map(str, arguments)]

    def __call__(self, *arguments, code=0, stdin=None):
        """Run a command; return what it printed. `code` is what it must end with."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stderr}"
        return done.stdout

    def start(self, *arguments):
        """Start a command that runs on."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="module")
def ctl(shared_cluster):
    plans = shared_cluster.plans
    return Ctl([plan.client_address for plan in plans], [plan.http_address for plan in plans])


def until(condition, seconds=10.0):
    """Wait until `condition()` is true; return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to that")


def shown(ctl, name, what):
    """Wait until the list of locks has a line with both."""
    until(lambda: any(name in line and what in line for line in ctl("locks").splitlines()))


def ended(process, seconds=15.0):
    """Wait for the end of a command; return exit code, stdout and stderr."""
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def test_data_goes_in_and_comes_out(ctl):
    ctl("put", "/cli/a", "one")
    assert ctl("get", "/cli/a") == "one"
    ctl("put", "/cli/a", "-", stdin="two\nlines\n")
    assert ctl("get", "/cli/a") == "two\nlines\n"
    ctl("set", "/cli/a", "three", "--if-version", 1)
    assert json.loads(ctl("get", "/cli/a", "-o", "json"))["value"] == "three"
    ctl("create", "/cli/b", "x")
    name = ctl("create", "-s", "/cli/seq-").strip()
    assert name.startswith("/cli/seq-0")
    assert set(ctl("ls", "/cli").split()) == {"a", "b", name.rpartition("/")[2]}
    assert "three" not in ctl("ls", "-l", "/cli")
    assert "cli" in ctl("tree", "/")
    assert json.loads(ctl("stat", "/cli/a", "-o", "json"))["version"] == 2
    ctl("exists", "/cli/a")
    ctl("rm", "/cli/b")
    ctl("exists", "/cli/b", code=3)
    ctl("rm", "-r", "/cli")
    ctl("get", "/cli", code=3)


@pytest.mark.parametrize(
    ("code", "command"),
    [
        (3, ("get", "/no")),
        (3, ("rm", "/no")),
        (3, ("set", "/no", "x")),
        (3, ("ls", "/no")),
        (3, ("stat", "/no")),
        (3, ("locks", "show", "no")),
        (4, ("create", "/there", "x")),
        (4, ("set", "/there", "x", "--if-version", "99")),
        (4, ("rm", "/there/full")),
        (2, ("put", "no-slash", "x")),
        (2, ("frobnicate",)),
        (2, ("get",)),
        (2, ("lock", "name-without-command")),
        (2, ("elect", "e")),
        (2, ("session", "kill", "somebody")),
        (3, ("session", "kill", "999999999")),
        (5, ("--endpoints", "127.0.0.1:1", "--timeout", "1", "get", "/")),
        (127, ("lock", "cli-127", "--", "/no/such/command")),
    ],
)
def test_each_failure_has_its_exit_code(ctl, code, command):
    ctl("put", "/there/full/child", "x")
    ctl(*command, code=code)


def test_a_command_runs_under_a_lock_and_gives_its_exit_code(ctl):
    out = ctl(
        "lock", "job", "--", "sh", "-c", "echo $COORDSVC_LOCK $COORDSVC_FENCE; exit 9", code=9
    )
    path, token = out.split()
    assert path == "/locks/job"
    again = ctl("lock", "job", "--", "sh", "-c", "echo $COORDSVC_FENCE")
    assert int(again) > int(token) > 0
    ctl("lock", "job", "--", "sh", "-c", "kill -TERM $$", code=128 + signal.SIGTERM)
    fenced = 'coordctl() { "$PY" -c "$PROGRAM" "$@"; }; coordctl set /fenced new --fence "$F"'
    ctl("put", "/fenced", "old")
    shell = f'PY={sys.executable} PROGRAM="{PROGRAM}" F=$COORDSVC_LOCK=$COORDSVC_FENCE; {fenced}'
    ctl("lock", "job", "--", "sh", "-c", shell)
    assert ctl("get", "/fenced") == "new"
    ctl("set", "/fenced", "late", "--fence", f"/locks/job={token}", code=7)


def test_a_lock_that_is_taken_is_waited_for_or_not(ctl):
    holder = ctl.start("lock", "taken", "--", "sleep", "30")
    try:
        shown(ctl, "/locks/taken", "sleep 30")
        ctl("lock", "taken", "-n", "--", "true", code=75)
        ctl("lock", "taken", "-n", "-E", "42", "--", "true", code=42)
        ctl("lock", "taken", "-w", "0.3", "--", "true", code=75)
        waiter = ctl.start("lock", "taken", "--", "echo", "mine")
        until(lambda: "waits" in ctl("locks", "show", "taken"))
        holder.send_signal(signal.SIGTERM)
        assert ended(holder)[0] == 128 + signal.SIGTERM, "the signal went on to the command"
        assert ended(waiter)[:2] == (0, "mine\n")
    finally:
        holder.kill()
        holder.communicate()


def test_breaking_a_lock_ends_its_command_with_76(ctl, tmp_path):
    told = tmp_path / "told"
    script = f'trap "echo term > {told}; exit 3" TERM; sleep 30 & wait'
    holder = ctl.start("lock", "broken", "--note", "me", "--", "sh", "-c", script)
    try:
        shown(ctl, "/locks/broken", "me")
        lock = json.loads(ctl("locks", "show", "broken", "-o", "json"))
        assert lock["holders"][0]["note"] == "me"
        ctl("locks", "break", "broken", "--note", "maintenance")
        code, _, err = ended(holder)
        assert code == 76
        assert "lost" in err
        assert told.read_text() == "term\n"
        assert "free" in ctl("locks", "show", "broken")
    finally:
        holder.kill()
        holder.communicate()


def test_the_end_of_a_session_takes_its_lock(ctl):
    holder = ctl.start("lock", "killed", "--", "sleep", "30")
    try:
        shown(ctl, "/locks/killed", "sleep 30")
        lock = json.loads(ctl("locks", "show", "killed", "-o", "json"))
        session = lock["holders"][0]["session"]
        rows = [json.loads(line) for line in ctl("sessions", "-o", "jsonl").splitlines()]
        assert session in [row["session"] for row in rows]
        ctl("session", "kill", session)
        assert ended(holder)[0] == 76
    finally:
        holder.kill()
        holder.communicate()


def test_a_watch_prints_each_change_and_runs_a_command_for_each(ctl):
    ctl("put", "/watched", "0")
    printing = ctl.start("watch", "-r", "/watched", "-o", "json")
    running = ctl.start("watch", "/watched", "--", "sh", "-c", "echo $COORDSVC_EVENT $(cat)")
    try:
        time.sleep(1.0)
        ctl("put", "/watched", "1")
        ctl("put", "/watched/below", "2")
        ctl("rm", "-r", "/watched")
        lines = [json.loads(printing.stdout.readline()) for _ in range(4)]
        assert [(line["event"], line["path"]) for line in lines] == [
            ("changed", "/watched"),
            ("created", "/watched/below"),
            ("deleted", "/watched/below"),
            ("deleted", "/watched"),
        ]
        revisions = [line["revision"] for line in lines]
        assert revisions == sorted(revisions)
        assert [running.stdout.readline() for _ in range(2)] == ["changed 1\n", "deleted 1\n"]
        printing.send_signal(signal.SIGINT)
        assert ended(printing)[0] == 130
        once = ctl.start("watch", "-1", "/there", "--since", str(revisions[-1]))
        ctl("put", "/there", "again")
        assert ended(once)[0] == 0
    finally:
        for process in (printing, running):
            process.kill()
            process.communicate()


def test_an_election_runs_its_command_and_shows_its_leader(ctl, tmp_path):
    seen = tmp_path / "seen"
    running = [ctl.start("elect", "chief", "--observe")]
    observer = running[0]
    try:
        assert observer.stdout.readline() == "nobody leads\n"
        first = ctl.start("elect", "chief", "--value", "host1:80", "--", "sleep", "30")
        running.append(first)
        assert observer.stdout.readline().startswith("host1:80  token ")
        script = f"until [ -e {seen} ]; do sleep 0.05; done; exit 5"
        second = ctl.start("elect", "chief", "--value", "host2:80", "--", "sh", "-c", script)
        running.append(second)
        until(lambda: "waits" in ctl("locks", "show", "/elections/chief"))
        first.send_signal(signal.SIGINT)
        assert ended(first)[0] == 128 + signal.SIGINT
        until(lambda: observer.stdout.readline().startswith("host2:80  token "))
        seen.touch()
        assert ended(second)[0] == 5
        assert observer.stdout.readline() == "nobody leads\n"
    finally:
        for process in running:
            process.kill()
            process.communicate()


async def test_an_election_is_one_for_the_tool_and_for_the_client_library(ctl, shared_cluster):
    observer = ctl.start("elect", "both", "--observe")
    try:
        assert await asyncio.to_thread(observer.stdout.readline) == "nobody leads\n"
        async with connect(shared_cluster.endpoints) as client:
            election = client.election("/elections/both", value="python:80")
            async with election.campaign():
                line = await asyncio.to_thread(observer.stdout.readline)
                assert line.startswith("python:80  token ")
                tool = ctl.start("elect", "both", "--value", "tool:80", "--", "sleep", "30")
                async for leader in election.observe():
                    assert leader.text == "python:80"
                    break
            async for leader in election.observe():
                assert leader.text == "tool:80"
                break
            line = await asyncio.to_thread(observer.stdout.readline)
            if line == "nobody leads\n":  # it may have looked between the two
                line = await asyncio.to_thread(observer.stdout.readline)
            assert line.startswith("tool:80  token ")
            tool.send_signal(signal.SIGINT)
            assert (await asyncio.to_thread(ended, tool))[0] == 128 + signal.SIGINT
            assert await asyncio.to_thread(observer.stdout.readline) == "nobody leads\n"
    finally:
        observer.kill()
        observer.communicate()


def test_leadership_goes_where_it_is_told(ctl, shared_cluster):
    before = ctl("leader").strip()
    assert before == shared_cluster.leader()
    target = next(name for name in shared_cluster.nodes if name != before)
    ctl("leader", "transfer", target)
    until(lambda: ctl("leader").strip() == target)
    rows = {row["node"]: row for row in map(json.loads, ctl("status", "-o", "jsonl").splitlines())}
    assert rows[target]["role"] == "leader"
    assert sorted(rows) == sorted(shared_cluster.nodes)
    assert all(name in ctl("members") for name in shared_cluster.nodes)
    assert ctl("leader", "transfer", "n9", code=2) == ""


def test_a_backup_becomes_a_new_cluster(ctl, tmp_path):
    ctl("put", "/kept/deep/one", "1")
    newest = int(json.loads(ctl("stat", "/kept/deep/one", "-o", "json"))["revision"])
    backup = tmp_path / "backup"
    ctl("snapshot", "save", backup)
    ctl("put", "/kept/deep/one", "after the backup")
    client, peer, http = free_ports(3)
    where = [
        *("--data-dir", tmp_path / "data", "--node", "solo", "--cluster", "second"),
        *("--members", f"solo=127.0.0.1:{peer}/{client}/{http}"),
    ]
    server = [sys.executable, "-m", "coordsvc"]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("COORDSVC_")}
    damaged = tmp_path / "damaged"
    content = bytearray(backup.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    refused = subprocess.run(
        [*server, "restore", damaged, *where], env=clean, capture_output=True, check=False
    )
    assert refused.returncode == 1
    done = subprocess.run(
        [*server, "restore", backup, *where], env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    addresses = [
        *("--client-address", f"127.0.0.1:{client}", "--peer-address", f"127.0.0.1:{peer}"),
        *("--http-address", f"127.0.0.1:{http}", "--log-format", "text"),
    ]
    with Path(tmp_path / "log").open("wb") as log:
        node = subprocess.Popen(
            [*map(str, [*server, "serve", *where, *addresses])], env=clean, stdout=log, stderr=log
        )
    try:
        second = Ctl([f"127.0.0.1:{client}"], [f"127.0.0.1:{http}"])
        until(lambda: second("leader", code=0) == "solo\n" if _listens(second) else False)
        assert second("get", "/kept/deep/one") == "1"
        second("put", "/kept/new", "x")
        revision = int(json.loads(second("stat", "/kept/new", "-o", "json"))["revision"])
        assert revision > newest + 1_000_000, "revisions and tokens go on far above"
        second("lock", "job", "--", "true")
        node.send_signal(signal.SIGTERM)
        assert node.wait(10) == 0
    finally:
        node.kill()
        node.wait()


def _listens(ctl):
    done = subprocess.run(
        ctl.command("--timeout", "1", "leader"),
        env=ctl.environment,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0
