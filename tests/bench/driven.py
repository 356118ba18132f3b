"""A cluster that the peers' load generator drives: another service's, or ours by their protocol."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar, cast

from tests.bench.figures import Measure
from tests.bench.workloads import KEYS, VALUE_BYTES

STATE_VARIABLE: Final = "PEERS_STATE"
SCRIPT_NAME: Final = {"etcd": "etcd", "zookeeper": "zk"}
JVM_WARM_UP_S: Final = 5
"""Per kind of load, for code that is compiled while it runs."""
CONNECTIONS_MAX: Final = {"etcd": 1, "zookeeper": 16}
"""How many connections serve each best: one that is multiplexed, or sixteen."""

Json = dict[str, object]
T = TypeVar("T")


NOTICED_MS = 100
GIVEN_UP_MS = 3_000
STANDSTILLS_MAX: Final = 2
"""Of a peer, in one round of one load."""


class PeersError(Exception):
    """The peers are not there, or cannot be compared with; the text says what to do."""


class NothingAnsweredError(PeersError):
    """A whole round passed without an answer."""


def unless_it_stands_still(measure: Callable[[], T], say: Callable[[str], None]) -> T:
    """Return a measure of a peer; one in which it answered nothing is taken again, and told.

    Raises:
        NothingAnsweredError: it does nothing else.

    """
    for _ in range(STANDSTILLS_MAX):
        try:
            return measure()
        except NothingAnsweredError as standstill:
            say(f"{standstill}; measured again")
    return measure()


class Driven(ABC):
    """Three nodes that speak the protocol of the service `name`. Use as a context manager.

    `folder` holds the scripts of the peers; their load generator has to be set up.
    """

    def __init__(self, name: str, folder: Path) -> None:
        if name not in SCRIPT_NAME:
            raise PeersError(f"unknown peer {name!r}; there are {', '.join(SCRIPT_NAME)}")
        self.name = name
        self._script_name = SCRIPT_NAME[name]
        self.state = Path(os.environ.get(STATE_VARIABLE) or folder / ".state")
        if not (self.state / "goload").exists():
            raise PeersError(
                f"the peers are not set up in {self.state}: run"
                f" {STATE_VARIABLE}={self.state} {folder}/setup.sh as root"
            )
        self.pids: list[int] = []
        self.leader_pid = 0
        self.addresses: list[str] = []
        self.leader_address = ""

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None: ...

    @abstractmethod
    def start_leader_again(self) -> None:
        """Start the leader that was killed or stopped; wait until all serve."""

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

    def address_of(self, door: str) -> str:
        """Return where clients reach the leader, or a follower."""
        if door == "leader":
            return self.leader_address
        return next(address for address in self.addresses if address != self.leader_address)

    def load(
        self, workload: str, *arguments: object, addresses: Sequence[str] | None = None
    ) -> Json:
        """Have the load generator do one thing; return what it prints.

        Raises:
            PeersError: it failed.

        """
        command = self.command(workload, addresses or [self.leader_address], *arguments)
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

    def loop(
        self,
        workload: str,
        outstanding: int,
        seconds: float,
        *,
        connections: int = 0,
        door: str = "leader",
    ) -> Measure:
        """Return one round of one closed loop; `connections` 0: as many as serve it best."""
        answer = self.load(
            workload,
            *("-c", outstanding, "-conns", connections or self.connections(outstanding)),
            *("-warm", 0.3, "-dur", seconds),
            addresses=[self.address_of(door)],
        )
        return self._measure(answer, float(str(answer["per_s"])))

    def fanout(self, watchers: int, seconds: float) -> Measure:
        """Return one round of a watch fan-out."""
        answer = self.load("watch", "-n", watchers, "-dur", seconds)
        rate = float(str(answer["rounds"])) * watchers / float(str(answer["secs"]))
        return self._measure(answer, rate)

    def _measure(self, answer: Json, per_s: float) -> Measure:
        if "srv_cpu_s_per_kop" not in answer:
            raise NothingAnsweredError(
                f"{self.name}: nothing was answered in {answer['secs']} s: this machine is too busy"
                " to measure on, or --seconds too short"
            )
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
        self.start_leader_again()
        return outage_told(fields)


def outage_told(fields: list[str]) -> float:
    """Return the seconds of an outage, from `outage_ms A from_last_ok_ms B failed C`.

    What is shorter than NOTICED_MS, and costs no request, is not noticed: then A is when the load
    generator gave up waiting for one, and the outage counts as NOTICED_MS.
    """
    outage_ms, from_last_ok_ms, failed = float(fields[1]), float(fields[3]), int(fields[5])
    if outage_ms > GIVEN_UP_MS and from_last_ok_ms < NOTICED_MS and not failed:
        return NOTICED_MS / 1000
    return outage_ms / 1000
