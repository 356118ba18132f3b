"""Other services on this machine, brought up and driven by the scripts of a folder of peers.

The folder holds `setup.sh`, `peers_up.sh`, `peers_down.sh`, `probe_ready.py` and, once set up, a
load generator `goload` that drives each peer with an efficient client. COORDSVC_PEERS names the
folder; without it, one called `peers` is looked for beside and above the checkout. What they
write lies in PEERS_STATE, by default `.state` in that folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.bench import proc
from tests.bench.driven import STATE_VARIABLE, Driven, PeersError
from tests.bench.generator import ROOT

FOLDER_VARIABLE: Final = "COORDSVC_PEERS"
UP_S: Final = 120
IDLE_TTL_S: Final = 30
HOLD_S_MAX: Final = 3_600
CALM_LOOKS: Final = 2
CALM_CPU_S: Final = 0.4
"""Who opens sessions takes more of each second, who keeps ten thousand alive takes less."""


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


class Peer(Driven):
    """Three nodes of another service. Use as a context manager."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name, folder)
        self._folder = folder
        self.leader = 0

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
        pids = [pid for pid in (int(file.read_text()) for file in files) if self._runs(pid)]
        for pid in pids:
            self._signal(pid, number)
        until = time.monotonic() + 10
        for pid in pids:
            while not proc.is_gone(pid):
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

    def start_leader_again(self) -> None:
        """Start the leader that was killed or stopped; wait until all serve."""
        self._signal(self.leader_pid, signal.SIGKILL)
        time.sleep(1)
        self.settled(self.start_up(keep=True, node=self.leader))

    @contextlib.contextmanager
    def idle_sessions(self, count: int) -> Iterator[None]:
        """Hold so many sessions on all nodes meanwhile.

        etcd's leases are kept alive over one connection, as they would be.
        """
        arguments = ("-n", count, "-ttl", IDLE_TTL_S, "-warm", 0, "-dur", HOLD_S_MAX, "-mux")
        command = self.command("sessions", self.addresses, *arguments)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as holder:
            try:
                self._calmed(holder)
                yield
                if holder.poll() is not None:
                    raise PeersError(f"{self.name} lost idle sessions: not comparable")
            finally:
                holder.kill()

    def _calmed(self, holder: subprocess.Popen[bytes]) -> None:
        """Wait until all sessions are opened: from then on their holder does little."""
        until = time.monotonic() + UP_S
        spent, calm = 0.0, 0
        while calm < CALM_LOOKS:
            time.sleep(1)
            if holder.poll() is not None or time.monotonic() > until:
                raise PeersError(f"{self.name}: the idle sessions could not be opened")
            now = proc.cpu_s(holder.pid)
            calm = calm + 1 if now - spent < CALM_CPU_S else 0
            spent = now

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

    def unlike(self) -> list[str]:
        """Return what makes its figures incomparable: anything but durable defaults."""
        found = []
        for pid in self.pids:
            command = proc.command_of(pid)
            if "unsafe-no-fsync" in command or "forceSync=no" in command:
                found.append(f"{self.name} runs without syncing")
            if proc.environment_of(pid).get("ETCD_UNSAFE_NO_FSYNC", "") not in ("", "false"):
                found.append(f"{self.name} runs without syncing")
        for name in ("ETCD_FLAGS", "ETCD_PROCS", "ZK_EXTRA", "ZK_HEAP", "ZK_JVM"):
            if os.environ.get(name):
                found.append(f"{name} is set: {self.name} does not run with its defaults")
        for file in self.data.glob("*/zoo.cfg"):
            if "forceSync=no" in file.read_text():
                found.append(f"{file} turns syncing off")
        if len(self.pids) != 3:
            found.append(f"{self.name} has {len(self.pids)} nodes, not 3")
        return sorted(set(found))
