"""The examples do what they say, with a real cluster."""

from __future__ import annotations

import signal
import sys
import time

import pytest

from examples.fenced_job import RefusedError, Storage
from examples.worker_pool import share_out
from tests.integration.programs import ROOT, Program, coordctl, environment, programs

pytestmark = pytest.mark.integration
EXAMPLES = ROOT / "examples"


def test_shards_are_shared_out_evenly_and_completely():
    shares = share_out(7, ["a", "b", "c"])
    assert sorted(shard for share in shares.values() for shard in share) == list(range(7))
    assert {len(share) for share in shares.values()} == {2, 3}
    assert share_out(3, []) == {}


def test_the_workers_go_on_without_a_node_and_without_their_leader(cluster):
    with programs() as started:

        def worker(name):
            script = EXAMPLES / "worker_pool.py"
            started.append(Program(sys.executable, script, name, env=environment(cluster)))
            return started[-1]

        anna = worker("anna")
        anna.wait_for("anna works on [0, 1, 2, 3, 4, 5]")
        ben = worker("ben")
        ben.wait_for("ben works on [1, 3, 5]")
        coordctl(cluster, "put", "/pool/shards", "2")
        ben.wait_for("ben works on [1]")

        cluster.kill(cluster.leader())
        coordctl(cluster, "put", "/pool/shards", "4")
        ben.wait_for("ben works on [1, 3]")
        anna.wait_for("anna works on [0, 2]")

        leads = "leads with token"
        first = next(line for line in anna.lines if leads in line)
        anna.end(signal.SIGKILL)
        second = ben.wait_for(f"ben {leads}")
        assert int(second.split()[-1]) > int(first.split()[-1])
        ben.wait_for("ben works on [0, 1, 2, 3]")


def test_a_storage_refuses_a_token_that_is_too_old(tmp_path):
    storage = Storage(str(tmp_path / "db"))
    storage.append("a", token=3)
    storage.append("b", token=3)
    storage.append("c", token=7)
    with pytest.raises(RefusedError):
        Storage(str(tmp_path / "db")).append("late", token=3)
    assert storage.lines() == [(3, "a"), (3, "b"), (7, "c")]


def wait_for_line(storage: Storage, token: int) -> None:
    until = time.monotonic() + 20
    while token not in {each for each, _ in storage.lines()}:
        assert time.monotonic() < until, "nothing was written"
        time.sleep(0.05)


def test_what_a_frozen_holder_sends_late_is_refused(shared_cluster, tmp_path):
    place = str(tmp_path / "report.db")
    storage = Storage(place)
    script = EXAMPLES / "fenced_job.py"
    env = environment(shared_cluster, chroot="/fenced")
    holds = "working with token "
    with programs() as started:
        first = Program(sys.executable, script, place, env=env)
        started.append(first)
        old = int(first.wait_for(holds).removeprefix(holds))
        wait_for_line(storage, old)
        second = Program(sys.executable, script, place, env=env)
        started.append(second)

        first.send(signal.SIGSTOP)
        new = int(second.wait_for(holds).removeprefix(holds))
        assert new > old
        wait_for_line(storage, new)
        first.send(signal.SIGCONT)
        # The thread and the loop wake at the same time.
        said = {first.wait_for("refused", "stopped") for _ in range(2)}
        assert said == {
            f"refused: token {old} is too old",
            f"stopped: the lock with token {old} is lost",
        }

        second.end(signal.SIGKILL)
        newest = int(first.wait_for(holds).removeprefix(holds))
        assert newest > new
        wait_for_line(storage, newest)
    tokens = [token for token, _ in storage.lines()]
    assert tokens == sorted(tokens)


def test_a_file_follows_a_node(shared_cluster, tmp_path):
    file = tmp_path / "web.conf"
    coordctl(shared_cluster, "put", "/config/web", "workers = 4")
    command = (EXAMPLES / "config_reload.sh", "/config/web", file, "sh", "-c")
    with programs() as started:
        script = Program(*command, f"cat {file}; echo", env=environment(shared_cluster))
        started.append(script)
        script.wait_for("workers = 4")
        for count in (5, 6, 7):
            coordctl(shared_cluster, "put", "/config/web", f"workers = {count}")
        script.wait_for("workers = 7")
        coordctl(shared_cluster, "rm", "/config/web")
        script.wait_for("is gone")
        coordctl(shared_cluster, "put", "/config/web", "workers = 8")
        script.wait_for("workers = 8")
    assert file.read_text() == "workers = 8"
