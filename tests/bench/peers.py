"""Other services on this machine, brought up and driven by the scripts of a folder of peers.

The folder holds `setup.sh`, `peers_up.sh`, `peers_down.sh`, `probe_ready.py` and, once set up, a
load generator `goload` that drives each peer with an efficient client. COORDSVC_PEERS names the
folder; without it, one called `peers` is looked for beside and above the checkout. What they
write lies in PEERS_STATE, by default `.state` in that folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self, cast

from tests.bench import proc
from tests.bench.figures import Measure
from tests.bench.generator import ROOT
from tests.bench.workloads import KEYS, VALUE_BYTES

FOLDER_VARIABLE: Final = "COORDSVC_PEERS"
STATE_VARIABLE: Final = "PEERS_STATE"
SCRIPT_NAME: Final = {"etcd": "etcd", "zookeeper": "zk"}
UP_S: Final = 120
JVM_WARM_UP_S: Final = 5
"""Per kind of load, for code that is compiled while it runs."""
CONNECTIONS_MAX: Final = {"etcd": 1, "zookeeper": 16}
"""How many connections serve each best: one that is multiplexed, or sixteen."""

Json = dict[str, object]


class PeersError(Exception):
    """The peers are not there, or cannot be compared with; the text says what to do."""


def find_folder() -> Path:
    """Return the folder of the peers' scripts.

    Raises:
        PeersError: there is none.

    """
    named = os.environ.get(FOLDER_VARIABLE)
    places = [Path(named)] if named else [base / "peers" for base in (ROOT, *ROOT.parents)]
    for place in places:
        if (place / "peers_up.sh").exists():
            return place.resolve()
    raise PeersError(
        f"no scripts that bring peers up in {', '.join(map(str, places))}\n"
        f"set {FOLDER_VARIABLE} to a folder with setup.sh, peers_up.sh, peers_down.sh and goload"
    )


class Peer:
    """Three nodes of another service. Use as a context manager."""

    def __init__(self, name: str, folder: Path) -> None:
        if name not in SCRIPT_NAME:
            raise PeersError(f"unknown peer {name!r}; there are {', '.join(SCRIPT_NAME)}")
        self.name = name
        self._script_name = SCRIPT_NAME[name]
        self._folder = folder
        self.state = Path(os.environ.get(STATE_VARIABLE) or folder / ".state")
        if not (self.state / "goload").exists():
            raise PeersError(
                f"the peers are not set up in {self.state}: run"
                f" {STATE_VARIABLE}={self.state} {folder}/setup.sh as root"
            )
        self.pids: list[int] = []
        self.leader_pid = 0
        self.leader = 0
        self.addresses: list[str] = []
        self.leader_address = ""

    def __enter__(self) -> Self:
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.down()

    @property
    def data(self) -> Path:
        """Return where its nodes write."""
        return self.state / "data" / self._script_name

    def _environment(self) -> dict[str, str]:
        return os.environ | {STATE_VARIABLE: str(self.state)}

    def start_up(self, *, keep: bool = False, node: int = 0) -> subprocess.Popen[str]:
        """Begin to start all nodes, or one of them; `settled` has to follow."""
        command = [str(self._folder / "peers_up.sh"), self._script_name, "3"]
        command += ["keep"] if keep else []
        command += [str(node)] if node else []
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=self._environment())

    def settled(self, starting: subprocess.Popen[str]) -> None:
        """Wait until all nodes serve; note who they are.

        Raises:
            PeersError: they do not.

        """
        told, _ = starting.communicate(timeout=UP_S)
        fields = dict(part.split("=", 1) for part in told.split() if "=" in part)
        if starting.returncode or "PIDS" not in fields:
            raise PeersError(f"{self.name} does not start: see {self.state}/run")
        self.pids = list(map(int, fields["PIDS"].split(",")))
        self.addresses = fields["EPS"].split(",")
        self.leader_address = fields["LEADER_EP"]
        self.leader_pid, self.leader = int(fields["LEADER_PID"]), int(fields["LEADER"])

    def up(self, *, keep: bool = False) -> None:
        """Start all nodes, with empty folders unless told to `keep` them."""
        self.settled(self.start_up(keep=keep))

    def down(self, by: str = "TERM") -> None:
        """Stop this peer's nodes: those whose processes are noted in its own pid files."""
        number = signal.SIGKILL if by == "KILL" else signal.SIGTERM
        files = sorted((self.state / "run").glob(f"{self._script_name}.*.pid"))
        pids = [int(file.read_text()) for file in files]
        for pid in pids:
            self._signal(pid, number)
        until = time.monotonic() + 10
        for pid in pids:
            while self._runs(pid):
                time.sleep(0.05)
                if time.monotonic() > until:
                    self._signal(pid, signal.SIGKILL)
        for file in files:
            file.unlink(missing_ok=True)
        self.pids = []

    def _runs(self, pid: int) -> bool:
        """Tell whether this is a node of the peer: its command line names its data."""
        try:
            return str(self.data) in proc.command_of(pid)
        except OSError:
            return False

    def _signal(self, pid: int, number: signal.Signals) -> None:
        if self._runs(pid):
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)

    def command(self, workload: str, addresses: Sequence[str], *arguments: object) -> list[str]:
        """Return the command line of the peer's load generator."""
        return [
            str(self.state / "goload"),
            *("-peer", self._script_name),
            *("-pids", ",".join(map(str, self.pids))),
            *("-ep", ",".join(addresses)),
            *("-keys", str(KEYS), "-vs", str(VALUE_BYTES)),
            *("-w", workload),
            *map(str, arguments),
        ]

    def load(self, workload: str, *arguments: object, spread: bool = False) -> Json:
        """Have the load generator do one thing; return what it prints.

        Raises:
            PeersError: it failed.

        """
        addresses = self.addresses if spread else [self.leader_address]
        command = self.command(workload, addresses, *arguments)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PeersError(f"{self.name}: {' '.join(command)}: {done.stderr[-300:]}")
        return cast("Json", json.loads(done.stdout))

    def connections(self, outstanding: int) -> int:
        """Return over how many connections it is driven."""
        return min(outstanding, CONNECTIONS_MAX[self.name])

    def warm_up(self) -> None:
        """Have every kind of load run for a while, so that nothing is measured cold."""
        self.load("fill", "-n", KEYS)
        seconds = JVM_WARM_UP_S if self.name == "zookeeper" else 1
        for workload in ("put", "sread", "cd", "lread", "lock"):
            self.load(
                workload, "-c", 64, "-conns", self.connections(64), "-warm", 0.1, "-dur", seconds
            )

    def warm_up_writes(self) -> None:
        """Have writes run for a while."""
        self.load("fill", "-n", KEYS)
        connections = self.connections(64)
        self.load("put", "-c", 64, "-conns", connections, "-warm", 0.1, "-dur", 3)

    def loop(self, workload: str, outstanding: int, seconds: float) -> Measure:
        """Return one round of one closed loop."""
        answer = self.load(
            workload,
            *("-c", outstanding, "-conns", self.connections(outstanding)),
            *("-warm", 0.3, "-dur", seconds),
        )
        return self._measure(answer, float(str(answer["per_s"])))

    def fanout(self, watchers: int, seconds: float) -> Measure:
        """Return one round of a watch fan-out."""
        answer = self.load("watch", "-n", watchers, "-dur", seconds)
        rate = float(str(answer["rounds"])) * watchers / float(str(answer["secs"]))
        return self._measure(answer, rate)

    def _measure(self, answer: Json, per_s: float) -> Measure:
        per_process = cast("list[float]", answer["srv_cpu_s_per_kop"])
        cpu: dict[str, float] = {}
        for pid, cost in zip(self.pids, per_process, strict=True):
            is_leader = pid == self.leader_pid
            cpu["leader" if is_leader else f"follower {len(cpu) + 1}"] = cost * 1000
        cpu["client"] = float(str(answer["cli_cpu_s_per_kop"])) * 1000
        return Measure(
            per_s=per_s,
            p50_us=float(str(answer["p50_us"])),
            p99_us=float(str(answer["p99_us"])),
            cpu_us=cpu,
            errors=int(str(answer.get("errs", 0))),
            foreign_cores=float(str(answer["foreign_cpu_s"])) / float(str(answer["secs"])),
        )

    def first_write_after(self, began: float) -> float:
        """Return seconds from `began` until the running nodes take a write and show old data."""
        probe = [
            sys.executable,
            str(self._folder / "probe_ready.py"),
            self._script_name,
            str(began),
        ]
        done = subprocess.run(probe, capture_output=True, text=True, check=True, timeout=UP_S)
        return float(json.loads(done.stdout)["first_write_s"])

    def outage_s(self, *, silent: bool, before_s: float) -> float:
        """Return the outage of writes when the leader dies; then start it again."""
        followers = [a for a in self.addresses if a != self.leader_address]
        command = self.command("failover", [*followers, self.leader_address], "-ttl", 1000)
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # its client library tells of every attempt
            text=True,
        ) as writer:
            assert writer.stdin is not None
            assert writer.stdout is not None
            try:
                assert writer.stdout.readline().startswith("ready")
                time.sleep(before_s)
                moment = time.time_ns()
                os.kill(self.leader_pid, signal.SIGSTOP if silent else signal.SIGKILL)
                writer.stdin.write(f"{moment}\n")
                writer.stdin.flush()
                fields = writer.stdout.readline().split()
            finally:
                writer.kill()
        self._signal(self.leader_pid, signal.SIGKILL)
        time.sleep(1)
        self.settled(self.start_up(keep=True, node=self.leader))
        return float(fields[1]) / 1000

    def unlike(self) -> list[str]:
        """Return what makes its figures incomparable: anything but durable defaults."""
        found = []
        for pid in self.pids:
            command = proc.command_of(pid)
            if "unsafe-no-fsync" in command or "forceSync=no" in command:
                found.append(f"{self.name} runs without syncing")
            if proc.environment_of(pid).get("ETCD_UNSAFE_NO_FSYNC", "") not in ("", "false"):
                found.append(f"{self.name} runs without syncing")
        for name in ("ETCD_FLAGS", "ZK_EXTRA", "ZK_JVM"):
            if os.environ.get(name):
                found.append(f"{name} is set: {self.name} does not run with its defaults")
        for file in self.data.glob("*/zoo.cfg"):
            if "forceSync=no" in file.read_text():
                found.append(f"{file} turns syncing off")
        if len(self.pids) != 3:
            found.append(f"{self.name} has {len(self.pids)} nodes, not 3")
        return sorted(set(found))
