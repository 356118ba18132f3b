"""What is compared with other services, and how far ahead we mean to be.

Goals are multiples of the better of the peers in the same run, or bounds in absolute terms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from tests.bench.workloads import TITLES


class Figure(Enum):
    """What is read off a measurement."""

    RATE = "per s"
    P50 = "p50 µs"
    P99 = "p99 µs"
    SECONDS = "s"
    MEGABYTES = "MB"
    BYTES = "B"

    @property
    def more_is_better(self) -> bool:
        """Tell which way is up."""
        return self is Figure.RATE


@dataclass(frozen=True, slots=True)
class Load:
    """How the services are driven for a row; rows with the same load share its rounds."""

    subject: str
    """A workload, or the name of what is measured instead."""
    outstanding: int = 0
    """Requests at a time, or watchers; 0 where that means nothing."""
    connections: int = 0
    """So many, or 0 for as few as serve each service best."""
    door: str = "leader"
    """Where clients are connected: leader or follower."""
    idle_sessions: int = 0
    """Held by others meanwhile."""


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison."""

    title: str
    load: Load
    figure: Figure
    times: float = 0.0
    """Ours has to be this multiple of the better peer's: at least for rates, at most for others."""
    bound: float = 0.0
    """Or: ours has to be at most this, whatever the peers do."""

    @property
    def goal(self) -> str:
        """Return the goal as a table has it."""
        if self.bound:
            return f"<= {self.bound:g} {self.figure.value}"
        return f"{'>=' if self.figure.more_is_better else '<='} {self.times:g} x"

    def is_met(self, ours: float, best: float | None) -> bool:
        """Tell whether our figure reaches the goal; `best` is the better peer's."""
        if self.bound:
            return ours <= self.bound
        if best is None:
            return True
        return (
            ours >= self.times * best if self.figure.more_is_better else ours <= self.times * best
        )


def _rates(title: str, workload: str, goals: dict[int, float]) -> list[Row]:
    return [Row(title, Load(workload, w), Figure.RATE, times=times) for w, times in goals.items()]


def _variants(suffix: str, load: Load, workloads: tuple[str, ...]) -> list[Row]:
    """Return rows that differ from the plain ones in how the services are reached."""
    return [
        Row(
            f"{TITLES[workload]}, {suffix}",
            replace(load, subject=workload),
            Figure.RATE,
            times=_TIMES[workload],
        )
        for workload in workloads
    ]


_TIMES = {"write": 2.0, "churn": 1.5, "read": 1.5, "local": 1.2, "lock": 4.0}
"""What the variants are held to: the same as the plain rows at 64 outstanding."""

LOOP_ROWS: list[Row] = [
    *_rates("durable write", "write", {1: 1.2, 16: 2.0, 64: 2.0, 256: 2.0}),
    *(Row("durable write, p99", Load("write", w), Figure.P99, times=1.0) for w in (64, 256)),
    *_rates("create + delete", "churn", {64: 1.5, 256: 1.5}),
    *_rates("linearizable read", "read", {1: 1.2, 64: 1.5, 256: 2.0}),
    *_rates("local read", "local", {1: 1.5, 64: 1.2, 256: 1.2}),
    *_rates("lock + unlock cycle", "lock", {1: 1.5, 64: 4.0, 256: 4.0}),
]
_ALL = ("write", "churn", "read", "local", "lock")
_MOST = ("write", "read", "local", "lock")
_BASIC = ("write", "read", "local")
IDLE_SESSIONS = 10_000
VARIANT_ROWS: list[Row] = [
    *_variants("64 connections", Load("", 64, 64), _ALL),
    *_variants("1,000 connections", Load("", 1_000, 1_000), _MOST),
    *_variants("through a follower", Load("", 64, door="follower"), _BASIC),
]
AMONG_SESSIONS_ROWS: list[Row] = _variants(
    "10,000 idle sessions", Load("", 64, idle_sessions=IDLE_SESSIONS), _BASIC
)
FANOUT_ROWS: list[Row] = [
    Row("last of N watchers, p50", Load("watch", 1_000), Figure.P50, times=0.5)
]
SINGLE_ROWS: list[Row] = [
    Row("outage after kill -9 of the leader", Load("kill"), Figure.SECONDS, bound=0.3),
    Row("outage when the leader falls silent", Load("silence"), Figure.SECONDS, bound=1.5),
    Row("idle memory of a node", Load("idle"), Figure.MEGABYTES, bound=60),
    Row("memory per idle session and node", Load("session"), Figure.BYTES, bound=2048),
    Row("memory per node of 100 B", Load("node"), Figure.BYTES, bound=600),
    Row("restart of all with 100,000 nodes", Load("restart"), Figure.SECONDS, times=1.0),
]

PEER_WORKLOADS = {"write": "put", "churn": "cd", "read": "lread", "local": "sread", "lock": "lock"}
"""What the peers' load generator calls our workloads."""
