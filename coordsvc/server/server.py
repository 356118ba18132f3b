"""Server: one node with all its doors, but for HTTP, which looks at this from above."""

from __future__ import annotations

import asyncio
import gc
import random
import secrets
import ssl
from collections.abc import Coroutine
from typing import Final

from coordsvc.base.errors import CoordsvcError, SetupError
from coordsvc.base.ports import Logger
from coordsvc.base.vocabulary import codes
from coordsvc.protocols.native.hall import Hall
from coordsvc.protocols.peer.conversation import PeerIdentity
from coordsvc.protocols.zookeeper.hall import ZooKeeperHall
from coordsvc.protocols.zookeeper.reconfiguring import ConfigWatch
from coordsvc.protocols.zookeeper.records import PASSWORD_BYTES
from coordsvc.protocols.zookeeper.sasl import DigestMd5
from coordsvc.raft.messages import MemberInfo, Membership
from coordsvc.raft.node import RaftSettings
from coordsvc.replica.compaction import CompactionSettings
from coordsvc.replica.recover import recover
from coordsvc.replica.replica import Replica
from coordsvc.replica.settings import Recovered, ReplicaSettings
from coordsvc.replica.vault import Vault
from coordsvc.server.address_book import AddressBook
from coordsvc.server.addresses import Address
from coordsvc.server.allocator import HoleWatch, trimmer
from coordsvc.server.clients import ClientPort
from coordsvc.server.config import Settings
from coordsvc.server.counters import Counters
from coordsvc.server.disk_room import RoomWatch
from coordsvc.server.driver import Driver, monotonic_ms
from coordsvc.server.peers import PeerLinks
from coordsvc.server.quotas import QuotaWatch
from coordsvc.server.tls import server_context
from coordsvc.state.queries import Pages
from coordsvc.storage.layout import DataFolder
from coordsvc.storage.snapshots import SnapshotStore
from coordsvc.storage.wal import WriteAheadLog

NONCE_BYTES: Final = 24
COMMIT_NEWS_MS: Final = 2
GC_THRESHOLDS: Final = (5_000, 1, 1_000_000)
"""What is new is looked at twice, some milliseconds each; what has survived that, never: a look at
the nodes of a large tree would stop everything for a third of a second."""
HAND_OVER_S: Final = 2.0  # a stopping leader waits at most so long for its successor


class Server:
    """One node: the replica and all its doors."""

    def __init__(self, settings: Settings, log: Logger) -> None:
        """Recover what is on disk. Needs a running event loop.

        Raises:
            SetupError, CorruptData: with what to do.

        """
        self.settings = settings
        self.log = log
        self._tls = _tls_of(settings)
        self.counters = Counters()
        self.stopped: asyncio.Future[CoordsvcError | None] = (
            asyncio.get_running_loop().create_future()
        )
        self.folder = DataFolder.open(
            settings.data_dir, cluster=settings.cluster, node=settings.node
        )
        self.store = SnapshotStore.open(self.folder.snapshots, log)
        self.vault = Vault(self.store, settings.cluster)
        self.wal = WriteAheadLog.open(self.folder.log, salt=self.folder.identity.salt)
        recovered = self._recover()
        self.replica = Replica(
            settings.node,
            _replica_settings(settings, self.folder.identity.number),
            recovered,
            chance=random.Random(secrets.randbits(128)),  # noqa: S311 - jitter and tags
            log=log,
            now=monotonic_ms(),
        )
        self.driver = Driver(
            self.replica,
            self.wal,
            self.vault,
            counters=self.counters,
            log=log,
            on_fatal=self._on_fatal,
        )
        self.book = AddressBook(settings.node, settings.members, self.replica.members)
        self.links = PeerLinks(
            PeerIdentity(settings.cluster, settings.node), self.book, self.driver, log
        )
        self.hall = Hall(
            self.replica,
            Pages(),
            [],
            self.book.client,
            settings.cluster,
            settings.session_timeout_min_ms,
            settings.session_timeout_max_ms,
        )
        self.hall.formerly = lambda: self.vault.formerly
        self.zookeeper = _zookeeper_hall(settings, self.replica)
        self.hall.servers = lambda: [*self.book.clients()]
        self.clients = ClientPort(
            self.hall, self.zookeeper, self.driver, settings.connections_per_host_max
        )
        self.clients.each_turn = ConfigWatch(self.zookeeper).look
        self.room = RoomWatch(self.driver, self.folder.log.free_bytes, log)
        self.quotas = QuotaWatch(self.replica, log)
        self.holes = HoleWatch(lambda: self.replica.applied, trimmer())

    def _recover(self) -> Recovered:
        settings = self.settings
        voters = () if settings.join else (member.name for member in settings.members)
        gc.disable()  # nothing of what is loaded is garbage
        try:
            recovered = recover(self.wal, self.vault, Membership(tuple(sorted(voters))))
        finally:
            gc.enable()
        self.log.info(
            "recovered",
            revision=recovered.machine.revision,
            entries=len(recovered.raft.entries),
            term=recovered.raft.hard_state.term,
        )
        return recovered

    async def start(self) -> None:
        """Open the doors.

        Raises:
            SetupError: an address is not to be had.

        """
        settings = self.settings
        await listening(
            self.links.start(settings.peer_address.host, settings.peer_address.port),
            settings.peer_address,
            "peer-address",
        )
        await listening(
            self.clients.listen(settings.client_address.host, settings.client_address.port),
            settings.client_address,
            "client-address",
        )
        if settings.tls_client_address is not None:
            at = settings.tls_client_address
            await listening(
                self.clients.listen(at.host, at.port, self._tls), at, "tls-client-address"
            )
        self.driver.schedule()
        self.room.start()
        self.quotas.start()
        self.holes.start()
        # What was loaded lives as long as the process: the collector need not look at it again.
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        self.log.info(
            "serving",
            clients=str(settings.client_address),
            peers=str(settings.peer_address),
        )

    def request_stop(self) -> None:
        """Have `stopped` come true; the process is to end cleanly."""
        if not self.stopped.done():
            self.stopped.set_result(None)

    def _on_fatal(self, error: CoordsvcError) -> None:
        if not self.stopped.done():
            self.stopped.set_result(error)

    async def stop(self) -> None:
        """Hand leadership over, say goodbye to clients, close the doors, finish the log."""
        self.replica.stopping = True
        await self._hand_over()
        self.replica.desk.send_away(codes.STOPPING, "this server is stopping")
        self.driver.schedule()
        await asyncio.sleep(0)
        await self.clients.close()
        await asyncio.sleep(0)
        await self.links.close()
        await self.room.close()
        self.quotas.close()
        self.holes.close()
        await self.driver.close()
        self.folder.close()

    async def _hand_over(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + HAND_OVER_S
        if not self.replica.hand_over(monotonic_ms()):
            return
        self.driver.schedule()
        while self.replica.leading and loop.time() < until:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)
        self.log.info("leadership handed over", to=self.replica.raft.leader)


async def listening(start: Coroutine[None, None, None], address: Address, option: str) -> None:
    """Await the opening of a port; say what to do if it cannot be had.

    Raises:
        SetupError: another program has it, or it is not an address of this machine.

    """
    try:
        await start
    except OSError as error:
        raise SetupError(
            f"cannot listen on {address}: {error.strerror or error}. Stop what uses that port, or "
            f"choose another with --{option}"
        ) from error


def _zookeeper_hall(settings: Settings, replica: Replica) -> ZooKeeperHall:
    return ZooKeeperHall(
        replica,
        [],
        lambda: secrets.token_bytes(PASSWORD_BYTES),
        settings.zookeeper_timeout_min_ms,
        settings.zookeeper_timeout_max_ms,
        super_digest=settings.zookeeper_super_digest,
        super_users=settings.super_users,
        frame_bytes_max=settings.zookeeper_frame_bytes_max,
        read_only=settings.zookeeper_read_only,
        new_sasl=lambda: (
            DigestMd5(settings.sasl_users, secrets.token_urlsafe(NONCE_BYTES))
            if settings.sasl_users
            else None
        ),
    )


def _tls_of(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_client_address is None or settings.tls_certificate is None:
        return None
    return server_context(
        certificate=settings.tls_certificate,
        key=settings.tls_key or settings.tls_certificate,
        authorities=settings.tls_client_ca,
        clients=settings.tls_client_certificates,
        password=settings.tls_key_password,
    )


def _replica_settings(settings: Settings, folder_number: int) -> ReplicaSettings:
    return ReplicaSettings(
        RaftSettings(
            heartbeat_ms=settings.heartbeat_ms,
            election_ms=settings.election_ms,
            commit_news_ms=COMMIT_NEWS_MS,
            lease_reads=settings.lease_reads,
            lease_drift_percent=max(1, -(-settings.clock_drift_ppm // 10_000)),
        ),
        CompactionSettings(
            entries=settings.snapshot_every_entries,
            bytes=settings.snapshot_every_bytes,
            entries_kept=settings.log_entries_kept,
        ),
        settings.lease_reads,
        settings.disk_reserve_bytes,
        MemberInfo(
            settings.node,
            folder_number,
            str(settings.advertise_peer),
            str(settings.advertise_client),
            str(settings.advertise_http),
        ),
    )
