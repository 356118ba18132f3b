"""A cluster of real node processes on this machine: started, watched, broken on request, stopped.

The parent process keeps two files in the data folder: `dev.json` says what runs (for the
commands that break it), and `control`, a named pipe, takes their requests. While a parent
lives it reads the pipe, so a writer that finds no reader knows that nothing runs.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict, cast

HOST: Final = "127.0.0.1"
STOP_S: Final = 5.0
"""How long a node may take to stop before it is killed."""
STATE_FILE: Final = "dev.json"
CONTROL_PIPE: Final = "control"

RUNNING, PAUSED, STOPPED, DEAD = "running", "paused", "stopped", "dead"
OUTCOME: Final = {
    "kill": STOPPED,
    "stop": STOPPED,
    "pause": PAUSED,
    "resume": RUNNING,
    "restart": RUNNING,
}
"""What can be done to a node, and the state it is in afterwards."""


class DevError(Exception):
    """The cluster cannot run like this; the text says what to do."""


@dataclass(frozen=True, slots=True)
class NodePlan:
    """Where one node listens and writes."""

    name: str
    folder: Path
    client_port: int
    peer_port: int
    http_port: int

    @property
    def log_path(self) -> Path:
        """Return the file that takes what it logs."""
        return self.folder.with_suffix(".log")

    @property
    def client_address(self) -> str:
        """Return where clients reach it."""
        return f"{HOST}:{self.client_port}"

    @property
    def http_address(self) -> str:
        """Return where its HTTP is reached."""
        return f"{HOST}:{self.http_port}"


class NodeState(TypedDict):
    """One node in `dev.json`."""

    name: str
    pid: int
    state: str
    client: str
    http: str


class DevState(TypedDict):
    """What `dev.json` holds."""

    pid: int
    nodes: list[NodeState]


def plan(
    folder: Path, *, nodes: int, client_port: int, peer_port: int, http_port: int
) -> tuple[NodePlan, ...]:
    """Return `nodes` nodes n1, n2, ... on ports that count up from those given."""
    return tuple(
        NodePlan(f"n{i + 1}", folder / f"n{i + 1}", client_port + i, peer_port + i, http_port + i)
        for i in range(nodes)
    )


def refuse_taken_ports(nodes: tuple[NodePlan, ...]) -> None:
    """Raise DevError for the first port that another program listens on."""
    for node in nodes:
        for use, port in (
            ("client", node.client_port),
            ("peer", node.peer_port),
            ("http", node.http_port),
        ):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((HOST, port))
                except OSError as error:
                    raise DevError(
                        f"port {port} ({use} port of {node.name}): {error.strerror}\n"
                        f"stop what uses it (ss -ltnp 'sport = :{port}' names it), "
                        f"or move: --base-port-{use} {port + 10_000}"
                    ) from error


class LocalNode:
    """One node process."""

    def __init__(self, plan: NodePlan, arguments: list[str]) -> None:
        self.plan = plan
        self.state = STOPPED
        self.module = "coordsvc"
        """What to run, as `python -m` takes it."""
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return its process, or 0."""
        return self._process.pid if self._process and self.state in (RUNNING, PAUSED) else 0

    def start(self) -> None:
        """Start the process. It has a process group of its own: Ctrl-C reaches the parent only."""
        assert not self.pid, "it runs already"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("COORDSVC_")}
        with self.plan.log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", self.module, "serve", *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                process_group=0,
            )
        self.state = RUNNING

    def send(self, number: signal.Signals) -> None:
        """Send a signal if the process is there."""
        if self.pid and self._process:
            self._process.send_signal(number)

    def wait(self, until: float) -> None:
        """Wait for the end of the process, at `until` (monotonic) by force."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def death(self) -> int | None:
        """Return the exit code if it has just been found dead without being asked to end."""
        if self.state not in (RUNNING, PAUSED) or self._process is None:
            return None
        code = self._process.poll()
        if code is not None:
            self.state = DEAD
        return code

    def last_words(self) -> str:
        """Return the last line it logged."""
        with contextlib.suppress(OSError):
            lines = self.plan.log_path.read_text(errors="replace").splitlines()
            return lines[-1] if lines else ""
        return ""


class LocalCluster:
    """All nodes, and the two files that let other commands see and break them."""

    def __init__(self, folder: Path, plans: tuple[NodePlan, ...], extra: list[str]) -> None:
        self.folder = folder
        members = ",".join(
            f"{p.name}={HOST}:{p.peer_port}/{p.client_port}/{p.http_port}" for p in plans
        )
        common = ["--cluster", "dev", "--members", members, "--log-format", "json", *extra]
        self.nodes = [LocalNode(p, [*_own_arguments(p), *common]) for p in plans]
        self.control = -1

    def start(self, *, fresh: bool) -> None:
        """Start every node; with `fresh`, without what earlier runs left in the folder.

        Raises:
            DevError: a cluster runs there already, or a port is taken.

        """
        if _has_reader(self.folder):
            raise DevError(f"a cluster already runs in {self.folder}")
        end_leftovers(self.folder)
        refuse_taken_ports(tuple(node.plan for node in self.nodes))
        if fresh:
            self._forget()
        self.folder.mkdir(parents=True, exist_ok=True)
        pipe = self.folder / CONTROL_PIPE
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe, 0o600)
        self.control = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        for node in self.nodes:
            node.start()
        self.save()

    def _forget(self) -> None:
        """Remove what a cluster writes, and nothing else that may lie in the folder."""
        for place in sorted(self.folder.glob("n[0-9]*")):
            if place.is_dir():
                shutil.rmtree(place)
            elif place.suffix == ".log":
                place.unlink()

    def save(self) -> None:
        """Write `dev.json` anew."""
        state: DevState = {
            "pid": os.getpid(),
            "nodes": [
                {
                    "name": node.plan.name,
                    "pid": node.pid,
                    "state": node.state,
                    "client": node.plan.client_address,
                    "http": node.plan.http_address,
                }
                for node in self.nodes
            ],
        }
        beside = self.folder / (STATE_FILE + ".new")
        beside.write_text(json.dumps(state, indent=1))
        beside.replace(self.folder / STATE_FILE)

    def deaths(self) -> Iterator[tuple[LocalNode, int]]:
        """Return the nodes that have ended by themselves since the last call."""
        for node in self.nodes:
            code = node.death()
            if code is not None:
                self.save()
                yield node, code

    def requests(self) -> Iterator[tuple[str, LocalNode]]:
        """Return what has been asked through the pipe: an action and a node."""
        with contextlib.suppress(BlockingIOError):
            for line in os.read(self.control, 4096).decode(errors="replace").splitlines():
                action, _, name = line.partition(" ")
                for node in self.nodes:
                    if node.plan.name == name and action in OUTCOME:
                        yield action, node

    def act(self, action: str, node: LocalNode) -> None:
        """Do `action` to `node`: kill, stop, pause, resume or restart."""
        if action == "pause" and node.pid:
            node.send(signal.SIGSTOP)
            node.state = PAUSED
        elif action == "resume" and node.pid:
            node.send(signal.SIGCONT)
            node.state = RUNNING
        elif action in ("kill", "stop", "restart"):
            self._end([node], by=signal.SIGKILL if action == "kill" else signal.SIGTERM)
        if action == "restart":
            node.start()
        self.save()

    @staticmethod
    def _end(nodes: list[LocalNode], *, by: signal.Signals) -> None:
        for node in nodes:
            node.send(by)
            node.send(signal.SIGCONT)
        until = time.monotonic() + STOP_S
        for node in nodes:
            node.wait(until)
            node.state = STOPPED

    def stop(self) -> None:
        """End every node, in order if they can, and remove the two files."""
        self._end(self.nodes, by=signal.SIGTERM)
        if self.control >= 0:
            os.close(self.control)
            self.control = -1
            for name in (CONTROL_PIPE, STATE_FILE):
                (self.folder / name).unlink(missing_ok=True)

    def kill(self) -> None:
        """End every node at once."""
        self._end(self.nodes, by=signal.SIGKILL)
        self.stop()


def _own_arguments(node: NodePlan) -> list[str]:
    return [
        *("--node", node.name),
        *("--data-dir", str(node.folder)),
        *("--client-address", node.client_address),
        *("--peer-address", f"{HOST}:{node.peer_port}"),
        *("--http-address", node.http_address),
    ]


def _open_pipe(folder: Path) -> int:
    """Return the control pipe open for writing, or -1 if nobody reads it."""
    try:
        return os.open(folder / CONTROL_PIPE, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT):
            return -1
        raise


def _has_reader(folder: Path) -> bool:
    pipe = _open_pipe(folder)
    if pipe >= 0:
        os.close(pipe)
    return pipe >= 0


def read_state(folder: Path) -> DevState:
    """Return what runs in `folder`.

    Raises:
        DevError: nothing does.

    """
    try:
        text = (folder / STATE_FILE).read_text()
    except OSError:
        raise DevError(f"no cluster runs in {folder}: start one with coordsvc dev") from None
    return cast("DevState", json.loads(text))


def end_leftovers(folder: Path) -> None:
    """End nodes whose parent was killed: those in `dev.json` that still work in `folder`."""
    try:
        left = read_state(folder)["nodes"]
    except DevError:
        return
    for node in left:
        command = Path(f"/proc/{node['pid']}/cmdline")
        with contextlib.suppress(OSError):
            if node["pid"] and str(folder / node["name"]).encode() in command.read_bytes():
                os.kill(node["pid"], signal.SIGKILL)
                while command.read_bytes():
                    time.sleep(0.01)


def ask(folder: Path, action: str, name: str, *, timeout_s: float = STOP_S + 2) -> str:
    """Have the parent do `action` to the node `name`; return the state it is in afterwards.

    Raises:
        DevError: nothing runs there, there is no such node, or it did not happen in time.

    """
    before = now = node_in(read_state(folder), name)
    pipe = _open_pipe(folder)
    if pipe < 0:
        raise DevError(f"no cluster runs in {folder}: start one with coordsvc dev")
    with os.fdopen(pipe, "wb", buffering=0) as writer:
        writer.write(f"{action} {name}\n".encode())
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        time.sleep(0.02)
        now = node_in(read_state(folder), name)
        if now["state"] == OUTCOME[action] and (action != "restart" or now["pid"] != before["pid"]):
            return now["state"]
    raise DevError(f"{name} is still {now['state']}")


def node_in(state: DevState, name: str) -> NodeState:
    """Return what is known of the node `name`.

    Raises:
        DevError: there is no such node.

    """
    for node in state["nodes"]:
        if node["name"] == name:
            return node
    names = ", ".join(node["name"] for node in state["nodes"])
    raise DevError(f"no node {name} here; there are {names}")
