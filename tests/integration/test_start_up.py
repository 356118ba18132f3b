"""A node that cannot start says why, what to do, and with which exit code."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time

import pytest

from coordsvc.cli.localcluster import STOPPED
from tests.integration.cluster import Cluster
from tests.ports import free_ports

pytestmark = pytest.mark.integration

SETUP, FATAL = 2, 70
START_S = 15.0


class Starter:
    """Starts single nodes on ports of their own."""

    def __init__(self, folder):
        self.folder = folder / "data"
        client, peer, http = free_ports(3)
        self.options = {
            "node": "n1",
            "cluster": "test",
            "data-dir": str(self.folder),
            "client-address": f"127.0.0.1:{client}",
            "peer-address": f"127.0.0.1:{peer}",
            "http-address": f"127.0.0.1:{http}",
            "members": f"n1=127.0.0.1:{peer}/{client}/{http}",
            "log-format": "text",
        }
        self.running = []

    def _command(self, extra, python, changes):
        options = self.options | {name.replace("_", "-"): text for name, text in changes.items()}
        flags = [part for name, text in options.items() for part in (f"--{name}", text)]
        return [sys.executable, *python, "-m", "coordsvc", "serve", *flags, *extra]

    def fails(self, *extra, python=(), **changes):
        """Start a node that must not come up; return its exit code and what it said."""
        done = subprocess.run(
            self._command(extra, python, changes),
            capture_output=True,
            text=True,
            timeout=START_S,
            check=False,
        )
        said = done.stdout + done.stderr
        assert "Traceback" not in said or done.returncode == FATAL
        return done.returncode, said

    def serves(self):
        """Start a node and wait until it listens for clients."""
        process = subprocess.Popen(
            self._command((), (), {}), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.running.append(process)
        host, _, port = self.options["client-address"].rpartition(":")
        until = time.monotonic() + START_S
        while time.monotonic() < until and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex((host, int(port))) == 0:
                    return process
            time.sleep(0.02)
        raise AssertionError(f"it does not listen: {process.poll()}")

    def ends(self, process, number=signal.SIGTERM):
        """End a node; return its exit code."""
        process.send_signal(number)
        return process.wait(10)


@pytest.fixture
def starter(tmp_path):
    starter = Starter(tmp_path)
    yield starter
    for process in starter.running:
        process.kill()
        process.wait()


@pytest.mark.parametrize("door", ["client", "peer", "http"])
def test_a_port_in_use_is_named_with_the_option_that_moves_it(starter, door):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, said = starter.fails(**{f"{door}_address": address})
    assert code == SETUP
    assert address in said
    assert f"--{door}-address" in said


def test_two_processes_never_share_a_folder(starter):
    first = starter.serves()
    code, said = starter.fails(
        client_address="127.0.0.1:{}".format(*free_ports(1)),
        peer_address="127.0.0.1:{}".format(*free_ports(1)),
    )
    assert code == SETUP
    assert str(starter.folder) in said
    assert str(first.pid) in said
    assert starter.ends(first) == 0
    assert starter.ends(starter.serves()) == 0


@pytest.mark.parametrize(("option", "other"), [("node", "n2"), ("cluster", "another")])
def test_a_folder_of_somebody_else_is_refused(starter, option, other):
    starter.ends(starter.serves())
    changes = {option: other}
    if option == "node":
        changes["members"] = starter.options["members"].replace("n1=", "n2=")
    code, said = starter.fails(**changes)
    assert code == SETUP
    assert other in said
    assert starter.options[option] in said


def test_an_unknown_option_is_named(starter):
    code, said = starter.fails("--data-dri", "x")
    assert code == SETUP
    assert "--data-dri" in said
    assert "--data-dir" in said


def test_a_value_that_makes_no_sense_is_named_with_what_is_accepted(starter):
    code, said = starter.fails(election_ms="soon")
    assert code == SETUP
    assert "election-ms" in said
    assert "250ms" in said


def test_an_unknown_variable_is_refused(starter, monkeypatch):
    monkeypatch.setenv("COORDSVC_DATADIR", "x")
    code, said = starter.fails()
    assert code == SETUP
    assert "COORDSVC_DATADIR" in said


def test_assertions_cannot_be_switched_off(starter):
    code, said = starter.fails(python=("-O",))
    assert code == SETUP
    assert "-O" in said
    assert not starter.folder.exists()


def test_beyond_this_machine_it_wants_to_be_told(starter):
    code, said = starter.fails(client_address="0.0.0.0:{}".format(*free_ports(1)))
    assert code == SETUP
    assert "insecure" in said


def test_a_folder_that_holds_something_else_is_left_alone(starter):
    starter.folder.mkdir()
    (starter.folder / "thesis.tex").write_text("years of work")
    code, said = starter.fails()
    assert code == SETUP
    assert "thesis.tex" in said
    assert {each.name for each in starter.folder.iterdir()} <= {"thesis.tex", "LOCK"}


def test_a_flipped_byte_in_a_closed_log_stops_the_start_and_names_the_place(tmp_path):
    with Cluster(tmp_path / "nodes") as cluster:
        leader = cluster.leader()
        victim = next(name for name in cluster.nodes if name != leader)
        assert cluster.terminate(victim) == 0
        log = min((cluster.nodes[victim].plan.folder / "log").glob("*.log"))
        content = bytearray(log.read_bytes())
        place = content.index(b"rec", 64 + 48) + 45
        content[place] ^= 0x10
        log.write_bytes(content)
        cluster.restart(victim)
        code = cluster.nodes[victim]._process.wait(START_S)
        cluster.nodes[victim].state = STOPPED
        said = cluster.nodes[victim].plan.log_path.read_text()
        assert cluster.leader() == leader, "the others go on"
    assert code == FATAL
    assert log.name in said
    assert "byte" in said or "offset" in said
    assert "empty" in said, "it says how the node is rebuilt"
