"""What ZooKeeper's operators ask a server about: the facts behind words and admin commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from coordsvc.protocols.zookeeper import numbers

VERSION: Final = "3.9.3-coordsvc"
"""Clients and monitors read features off it, so it begins with the ZooKeeper it equals."""
BUILT: Final = "11/25/2026 00:00 GMT"
"""In the form that old clients in Go insist on."""
VERSION_TEXT: Final = f"{VERSION}, built on {BUILT}"

STANDALONE: Final = "standalone"
LEADER: Final = "leader"
FOLLOWER: Final = "follower"
OBSERVER: Final = "observer"

Numbers: TypeAlias = Mapping[str, int | float | str]

_SHORT: Final = {
    numbers.CREATE: "CREA",
    numbers.CREATE2: "CREA",
    numbers.CREATE_CONTAINER: "CREA",
    numbers.CREATE_TTL: "CREA",
    numbers.DELETE: "DELE",
    numbers.EXISTS: "EXIS",
    numbers.GET_DATA: "GETD",
    numbers.SET_DATA: "SETD",
    numbers.GET_ACL: "GETA",
    numbers.SET_ACL: "SETA",
    numbers.GET_CHILDREN: "GETC",
    numbers.GET_CHILDREN2: "GETC",
    numbers.GET_ALL_CHILDREN_NUMBER: "GETACN",
    numbers.GET_EPHEMERALS: "GETE",
    numbers.SYNC: "SYNC",
    numbers.PING: "PING",
    numbers.CHECK: "CHEC",
    numbers.MULTI: "MULT",
    numbers.MULTI_READ: "MLTR",
    numbers.RECONFIG: "RECO",
    numbers.CHECK_WATCHES: "CHKW",
    numbers.REMOVE_WATCHES: "REMW",
    numbers.SET_WATCHES: "SETW",
    numbers.SET_WATCHES2: "STW2",
    numbers.ADD_WATCH: "ADDW",
    numbers.AUTH: "AUTH",
    numbers.SASL: "SASL",
    numbers.WHO_AM_I: "HOMI",
    numbers.CLOSE_SESSION: "CLOS",
}


def short_name_of(op: int | None) -> str:
    """Return an operation as the list of connections names it."""
    return "NA" if op is None else _SHORT.get(op, "UNKN")


@dataclass(frozen=True, slots=True)
class Latency:
    """How long answers took, in ms."""

    least: int
    average: float
    most: int


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """One connection of a ZooKeeper client. Times in ms since 1970 if not said otherwise."""

    address: str
    session: int
    queued: int
    received: int
    sent: int
    last_op: int | None
    established_ms: int
    timeout_ms: int
    last_xid: int
    last_zxid: int
    last_response_ms: int
    last_latency_ms: int
    latency: Latency
    secure: bool


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The server as a whole."""

    mode: str
    """STANDALONE, LEADER, FOLLOWER or OBSERVER."""
    read_only: bool
    latency: Latency
    received: int
    sent: int
    connections: int
    outstanding: int
    zxid: int
    node_count: int
    uptime_ms: int
    proposal_sizes: tuple[int, int, int]
    """Last, least, most; bytes."""


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """One server of the ensemble, by the number ZooKeeper would give it."""

    number: int
    peer: str
    """host:port."""
    client: str
    role: str


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """One session."""

    id: int
    timeout_ms: int
    ephemerals: tuple[str, ...]


class Facts(Protocol):
    """Who knows the facts; each is computed when it is asked for."""

    @property
    def is_serving(self) -> bool:
        """Whether requests can be answered: there is a leader."""

    def server(self) -> ServerFacts:
        """Return the server as a whole."""

    def connections(self) -> Sequence[ConnectionFacts]:
        """Return the connections of ZooKeeper clients, without those that ask words."""

    def sessions(self) -> Sequence[SessionFacts]:
        """Return all sessions in order of id."""

    def watches(self) -> Mapping[int, Sequence[str]]:
        """Return the paths that the sessions connected here watch."""

    def members(self) -> Sequence[MemberFacts]:
        """Return the ensemble; nobody if this server is alone."""

    def leader(self) -> MemberFacts | None:
        """Return who leads."""

    def own(self) -> MemberFacts | None:
        """Return this server; None if it is alone."""

    def monitor(self) -> Numbers:
        """Return what `mntr` lists, without `zk_`."""

    def configuration(self) -> Numbers:
        """Return what `conf` lists, in its order."""

    def environment(self) -> Mapping[str, str]:
        """Return what `envi` lists."""

    def folder_sizes(self) -> tuple[int, int]:
        """Return the bytes of the snapshots and of the log."""

    def last_snapshot(self) -> tuple[int, int]:
        """Return revision and time (s since 1970) of the latest snapshot; 0 if there is none."""

    def config_text(self) -> str:
        """Return what /zookeeper/config says; empty if this server is alone."""

    def initial_configuration(self) -> str:
        """Return the settings this server was started with."""

    def reset_connections(self) -> None:
        """Begin the numbers of the connections anew."""

    def reset_server(self) -> None:
        """Begin the numbers of the server anew."""
