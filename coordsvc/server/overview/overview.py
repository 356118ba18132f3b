"""Overview: the facts about one server. Each is computed when it is asked for."""

from __future__ import annotations

import dataclasses
import getpass
import os
import platform
import resource
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import coordsvc
from coordsvc.protocols.zookeeper import ensemble
from coordsvc.protocols.zookeeper.conversation import ZooKeeperConversation
from coordsvc.protocols.zookeeper.operators.facts import (
    FOLLOWER,
    LEADER,
    OBSERVER,
    STANDALONE,
    VERSION_TEXT,
    ConnectionFacts,
    MemberFacts,
    Numbers,
    ServerFacts,
    SessionFacts,
)
from coordsvc.protocols.zookeeper.operators.meter import Meter
from coordsvc.protocols.zookeeper.operators.words import WORDS, answer
from coordsvc.raft.progress import Flow
from coordsvc.server.driver import monotonic_ms, wall_ms
from coordsvc.server.overview.datasize import DataSize
from coordsvc.server.server import Server

UP_MS: Final = 3_000
"""A member heard from within this time counts as up."""
NOT_MEASURED: Final = (-1, -1, -1)
TICKS_PER_TIMEOUT: Final = 2


class Overview:
    """A `protocols.zookeeper.operators.facts.Facts`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._replica = server.replica
        self._started_ms = monotonic_ms()
        self._received_before = 0
        self._sent_before = 0
        self.data_size = DataSize()

    def attach(self) -> None:
        """Have words and /zookeeper/config answered from here."""
        self._server.clients.words = self._word
        self._server.zookeeper.config = lambda: self.config_text().encode()

    def _word(self, word: str) -> bytes | None:
        """Return the answer to a four-letter word; None if it is no such word."""
        if word not in WORDS:
            return None
        return answer(word, self, self._server.settings.zookeeper_words).encode()

    @property
    def is_serving(self) -> bool:
        """Whether there is a leader, or clients are served without."""
        has_leader = self._replica.raft.leader is not None
        return (has_leader or self._is_read_only) and not self._replica.health.differs

    @property
    def _is_read_only(self) -> bool:
        return self._server.zookeeper.read_only and self._replica.raft.leader is None

    # ------------------------------------------------------------------ numbers

    def server(self) -> ServerFacts:
        """Return the server as a whole."""
        hall, replica = self._server.zookeeper, self._replica
        return ServerFacts(
            mode=self._mode(),
            read_only=self._is_read_only,
            latency=hall.meter.latency(),
            received=hall.received - self._received_before,
            sent=hall.sent - self._sent_before,
            connections=self._server.counters.client_connections,
            outstanding=replica.desk.pending_count(),
            zxid=replica.machine.revision,
            node_count=len(replica.machine.tree),
            uptime_ms=monotonic_ms() - self._started_ms,
            proposal_sizes=NOT_MEASURED,
        )

    def _mode(self) -> str:
        membership = self._replica.raft.membership
        if len(membership.voters) + len(membership.learners) < 2:
            return STANDALONE
        if self._replica.leading:
            return LEADER
        return OBSERVER if self._replica.node in membership.learners else FOLLOWER

    def connections(self) -> Sequence[ConnectionFacts]:
        """Return the connections of ZooKeeper clients."""
        now, wall = monotonic_ms(), wall_ms()
        return [
            talk.facts(now, wall, secure=socket.secure)
            for talk, socket in self._server.clients.connections.items()
            if isinstance(talk, ZooKeeperConversation)
        ]

    def sessions(self) -> Sequence[SessionFacts]:
        """Return all sessions in order of id."""
        return [
            SessionFacts(each.id, each.timeout_ms, tuple(sorted(each.ephemerals)))
            for _, each in sorted(self._replica.machine.sessions.by_id.items())
        ]

    def watches(self) -> Mapping[int, Sequence[str]]:
        """Return what ZooKeeper clients connected here watch."""
        paths = self._replica.watches.paths
        return {listener.session: paths.watched_by(listener) for listener in paths.listeners}

    def monitor(self) -> Numbers:
        """Return what `mntr` lists."""
        server, machine = self.server(), self._replica.machine
        numbers: dict[str, int | float | str] = {
            "version": VERSION_TEXT,
            "server_state": server.mode,
            "avg_latency": round(server.latency.average, 4),
            "max_latency": server.latency.most,
            "min_latency": server.latency.least,
            "packets_received": server.received,
            "packets_sent": server.sent,
            "num_alive_connections": server.connections,
            "outstanding_requests": server.outstanding,
            "znode_count": server.node_count,
            "watch_count": len(self._replica.watches) + len(self._replica.watches.paths),
            "ephemerals_count": sum(len(s.ephemerals) for s in machine.sessions.by_id.values()),
            "approximate_data_size": self.data_size.of(machine),
            "open_file_descriptor_count": _open_files(),
            "max_file_descriptor_count": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            "uptime": server.uptime_ms,
            "global_sessions": len(machine.sessions.by_id),
            "local_sessions": 0,
            "last_zxid": server.zxid,
        }
        return numbers | (self._of_leader() if server.mode == LEADER else {})

    def _of_leader(self) -> dict[str, int]:
        raft, now = self._replica.raft, monotonic_ms()
        up = {name: v for name, v in raft.peers().items() if now - v.heard_ms < UP_MS}
        synced = [name for name, view in up.items() if view.flow == Flow.REPLICATE.value]
        voters = raft.membership.voters
        return {
            "followers": sum(name in voters for name in up),
            "learners": len(up),
            "synced_followers": sum(name in voters for name in synced),
            "synced_observers": sum(name not in voters for name in synced),
            "pending_syncs": len(up) - len(synced),
        }

    # ------------------------------------------------------------------ the ensemble

    def members(self) -> Sequence[MemberFacts]:
        """Return the ensemble; nobody if this server is alone."""
        found = self._all_members()
        return found if len(found) > 1 else []

    def _all_members(self) -> list[MemberFacts]:
        book, view = self._server.book, self._replica.members.view()
        names = [each.info.name for each in view.members]
        places = {name: (next(map(str, book.peer(name)), ""), book.client(name)) for name in names}
        return ensemble.members_of(view, places)

    def _member(self, name: str | None) -> MemberFacts | None:
        view = self._replica.members.view()
        numbers = ensemble.numbers_of([each.info.name for each in view.members])
        wanted = numbers.get(name) if name is not None else None
        return next((each for each in self.members() if each.number == wanted), None)

    def leader(self) -> MemberFacts | None:
        """Return who leads."""
        return self._member(self._replica.raft.leader)

    def own(self) -> MemberFacts | None:
        """Return this server; None if it is alone."""
        return self._member(self._replica.node)

    def config_text(self) -> str:
        """Return what /zookeeper/config says."""
        return ensemble.config_text(self._all_members(), self._replica.members.view().revision)

    # ------------------------------------------------------------------ settings, machine, disk

    def configuration(self) -> Numbers:
        """Return what `conf` lists."""
        settings, own = self._server.settings, self.own()
        least = settings.zookeeper_timeout_min_ms
        data_bytes, log_bytes = self.folder_sizes()
        return {
            "clientPort": settings.client_address.port,
            "secureClientPort": -1,
            "dataDir": str(settings.data_dir),
            "dataDirSize": data_bytes,
            "dataLogDir": str(settings.data_dir),
            "dataLogSize": log_bytes,
            "tickTime": least // TICKS_PER_TIMEOUT,
            "maxClientCnxns": settings.connections_per_host_max,
            "minSessionTimeout": least,
            "maxSessionTimeout": settings.zookeeper_timeout_max_ms,
            "clientPortListenBacklog": 1024,
            "serverId": own.number if own is not None else 0,
            "peerType": int(own is not None and own.role == ensemble.OBSERVER),
        }

    def environment(self) -> Mapping[str, str]:
        """Return what `envi` lists."""
        return {
            "zookeeper.version": VERSION_TEXT,
            "host.name": socket.gethostname(),
            "coordsvc.version": coordsvc.__version__,
            "python.version": platform.python_version(),
            "os.name": platform.system(),
            "os.arch": platform.machine(),
            "os.version": platform.release(),
            "user.name": getpass.getuser(),
            "user.home": str(Path.home()),
            "user.dir": str(Path.cwd()),
        }

    def folder_sizes(self) -> tuple[int, int]:
        """Return the bytes of the snapshots and of the log."""
        return self._server.store.bytes_on_disk, self._server.wal.bytes_on_disk

    def last_snapshot(self) -> tuple[int, int]:
        """Return revision and time (s since 1970) of the latest snapshot."""
        latest = self._replica.raft.snapshot
        return latest.index, latest.stamp_ms // 1000

    def initial_configuration(self) -> str:
        """Return the settings this server was started with, without secrets."""
        settings = self._server.settings
        shown = [each.name for each in dataclasses.fields(settings) if each.repr]
        return "".join(f"{name.replace('_', '-')} = {getattr(settings, name)}\n" for name in shown)

    # ------------------------------------------------------------------ beginning anew

    def reset_connections(self) -> None:
        """Begin the numbers of the connections anew."""
        for talk in self._server.clients.connections:
            if isinstance(talk, ZooKeeperConversation):
                talk.tally.reset()

    def reset_server(self) -> None:
        """Begin the numbers of the server anew."""
        hall = self._server.zookeeper
        hall.meter = Meter()
        self._received_before, self._sent_before = hall.received, hall.sent


def _open_files() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only their number matters
    except OSError:
        return -1
