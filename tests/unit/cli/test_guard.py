import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from coordsvc.base.vocabulary import codes, ops
from coordsvc.cli import guard
from coordsvc.cli.guard import CannotRunError, GuardedChild
from coordsvc_client.blocking import Connection

LOYAL = "import sys, time; sys.stdout.write('up'); sys.stdout.flush(); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + LOYAL


@pytest.fixture
def held(server):
    """Return a connection that holds a lock, and its claim."""
    server.answers[ops.ACQUIRE] = (codes.OK, [ops.HELD, 11, 12, 0])
    connection = Connection([server.endpoint], timeout_ms=server.timeout_ms)
    yield connection, connection.acquire("/l", timeout_s=0)
    connection.close()


def child_of(held, *command) -> GuardedChild:
    return GuardedChild(*held, [*command], {"COORDSVC_FENCE": "12"})


def break_lock(server) -> None:
    server.push([ops.LOCK_EVENT, "/l", 11, ops.GONE, 0, 20])


def test_the_exit_code_is_that_of_the_command(held):
    code = "import os, sys; sys.exit(int(os.environ['COORDSVC_FENCE']))"
    child = child_of(held, sys.executable, "-c", code)
    assert child.run() == 12
    assert not child.lost


def test_a_command_that_a_signal_ended_has_the_code_that_a_shell_gives_it(held):
    assert child_of(held, "sh", "-c", "kill -9 $$").run() == 128 + 9


def test_a_command_that_is_not_there_is_not_run(held):
    with pytest.raises(CannotRunError, match="No such file"):
        child_of(held, "/no/such/command").run()


def test_when_the_lock_is_lost_the_command_is_ended(held, server):
    child = child_of(held, sys.executable, "-c", LOYAL)
    break_lock(server)
    assert child.run() == 128 + signal.SIGTERM
    assert child.lost


def test_a_command_that_does_not_listen_is_killed(held, server, monkeypatch, tmp_path):
    monkeypatch.setattr(guard, "GRACE_MS", 300)
    ready = tmp_path / "ready"
    code = f"import signal; signal.signal(15, signal.SIG_IGN); open({str(ready)!r}, 'w'); {LOYAL}"
    child = child_of(held, sys.executable, "-c", code)

    def break_when_ready():
        while not ready.exists():
            time.sleep(0.005)
        break_lock(server)

    threading.Thread(target=break_when_ready).start()
    assert child.run() == 128 + signal.SIGKILL


def test_what_the_command_has_started_is_ended_with_it(held, server, tmp_path):
    pid_file = tmp_path / "pid"
    tell = f"echo $! > {pid_file}.new; mv {pid_file}.new {pid_file}"
    script = f"trap 'exit 3' TERM; (trap '' TERM; sleep 60) & {tell}; wait"
    child = child_of(held, "sh", "-c", script)

    def break_when_ready():
        while not pid_file.exists():
            time.sleep(0.005)
        break_lock(server)

    threading.Thread(target=break_when_ready).start()
    child.run()
    grandchild = int(pid_file.read_text())
    until = time.monotonic() + 5
    while time.monotonic() < until and is_alive(grandchild):
        time.sleep(0.005)
    assert not is_alive(grandchild)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_without_proof_the_command_is_dead_before_the_lease_ends(server):
    server.timeout_ms = 1_000
    server.answers[ops.ACQUIRE] = (codes.OK, [ops.HELD, 11, 12, 0])
    connection = Connection([server.endpoint], timeout_ms=1_000)
    claim = connection.acquire("/l", timeout_s=0)
    child = child_of((connection, claim), sys.executable, "-c", STUBBORN)
    server.silent = True
    child.run()
    assert child.lost
    lease_end = connection.conversation.lease.proved_at + 1_000
    assert guard.clock_ms() < lease_end + 100, "another may have the lock from then on"
    connection.close()


def test_a_heartbeat_keeps_the_command_going(server):
    server.timeout_ms = 600
    server.answers[ops.ACQUIRE] = (codes.OK, [ops.HELD, 11, 12, 0])
    connection = Connection([server.endpoint], timeout_ms=600)
    claim = connection.acquire("/l", timeout_s=0)
    child = child_of((connection, claim), "sleep", "1")
    assert child.run() == 0
    assert not child.lost
    connection.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_go_on_to_the_command_and_ours_are_as_before(held, number):
    before = signal.getsignal(number)
    ask_us = f"kill -{number.value} {os.getpid()}"
    script = f"trap 'exit 5' {number.value}; {ask_us}; while :; do sleep 0.02; done"
    # The trap is set before the signal to us, which comes back to the command.
    child = child_of(held, "sh", "-c", f"sleep 0.2; {script}")
    assert child.run() == 5
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_before_the_command_does_not_leave_it_alone(held, number, monkeypatch):
    start = GuardedChild._start

    def start_late(child):
        signal.raise_signal(number)
        return start(child)

    monkeypatch.setattr(GuardedChild, "_start", start_late)
    assert child_of(held, "sleep", "60").run() == 128 + number


def test_what_stops_us_stops_the_command(held, monkeypatch, tmp_path):
    pid_file = tmp_path / "pid"
    connection = held[0]

    def fail(*_arguments, **_options):
        while not pid_file.exists() or not pid_file.read_text():
            time.sleep(0.005)
        raise RuntimeError("broken")

    monkeypatch.setattr(connection, "turn", fail)
    child = child_of(held, "sh", "-c", f"echo $$ > {pid_file}; exec sleep 60")
    with pytest.raises(RuntimeError, match="broken"):
        child.run()
    assert not is_alive(int(pid_file.read_text()))
