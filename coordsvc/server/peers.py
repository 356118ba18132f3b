"""Links to the other replicas: one connection per pair, dialled by the smaller name.

A link that breaks is dialled again with growing patience; names are resolved anew each time,
because a member that moved has a new address. The larger name dials too when there is no link
for a while: the other may not know yet where it is. Links come and go with the membership.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Final, cast

from coordsvc.base import limits
from coordsvc.base.errors import RemoteProtocolError
from coordsvc.base.ids import NodeId
from coordsvc.base.ports import Logger
from coordsvc.protocols.peer import codec
from coordsvc.protocols.peer.conversation import PeerConversation, PeerIdentity, TurnedAway
from coordsvc.replica.messages import Dismissal, PeerMessage
from coordsvc.server.address_book import AddressBook
from coordsvc.server.driver import Driver, monotonic_ms
from coordsvc.server.keepalive import watch_over

DIAL_PAUSE_S_MIN: Final = 0.02
DIAL_PAUSE_S_MAX: Final = 1.0
DIAL_TIMEOUT_S: Final = 3.0
LARGER_DIALS_AFTER_S: Final = 2.0
GREETING_S: Final = 10.0
"""Who has not said who it is by then is cut off."""
STRANGERS_MAX: Final = 64
"""Connections that have yet to say who they are; one more costs the oldest."""
TURNED_AWAY_PAUSE_S: Final = 2.0
"""Between attempts to reach a member that does not want us."""
# struct tcp_info of <linux/tcp.h>: eight bytes, then 32-bit numbers, of which tcpi_rtt is the 16th.
_TCP_INFO_BYTES: Final = 104
_TCP_INFO_RTT: Final = struct.Struct("=68xI")
UNSENT_BYTES_MAX: Final = 4 * limits.PEER_FRAME_BYTES_MAX
"""A link with more than this unsent is broken off: the other side does not read."""


class PeerLinks:
    """All links of one replica."""

    def __init__(
        self,
        identity: PeerIdentity,
        book: AddressBook,
        driver: Driver,
        log: Logger,
    ) -> None:
        self.identity = identity
        self.book = book
        self.driver = driver
        self.log = log
        self.links: dict[NodeId, PeerSocket] = {}
        self._server: asyncio.Server | None = None
        self._dialling: dict[NodeId, asyncio.Task[None]] = {}
        self.strangers: dict[PeerSocket, None] = {}
        """Those who have called and not yet said who they are, the oldest first."""
        self.refusals: dict[NodeId, str] = {}
        """Why others were turned away last: said once, not with each attempt."""
        driver.peers = self

    async def start(self, host: str, port: int) -> None:
        """Accept links and dial the other members.

        Raises:
            OSError: the address cannot be had.

        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: PeerSocket(self, None), host, port)
        self._dial_members()

    def members_changed(self) -> None:
        """Dial who has come; close the links to those who are not wanted any more."""
        if self._server is None:
            return
        self._dial_members()
        for link in list(self.links.values()):
            link.dismiss_if_unwanted()

    def _dial_members(self) -> None:
        loop = asyncio.get_running_loop()
        others = self.book.others()
        for peer in [peer for peer in self._dialling if peer not in others]:
            self._dialling.pop(peer).cancel()
        for peer in others:
            if peer not in self._dialling:
                self._dialling[peer] = loop.create_task(self._keep_dialling(peer))

    def send(self, batch: list[tuple[NodeId, PeerMessage]]) -> None:
        """Send messages in order, one write per link; what has no link is dropped."""
        encoder = self.driver.replica.encoder
        if len(batch) == 1:
            peer, message = batch[0]
            if peer in self.links:
                self.links[peer].write(codec.encode(message, encoder))
            return
        gathered: dict[NodeId, list[bytes]] = {}
        last: PeerMessage | None = None
        frame = b""
        for peer, message in batch:
            if peer in self.links:
                if message is not last:  # an append often goes to all followers
                    frame, last = codec.encode(message, encoder), message
                if peer in gathered:
                    gathered[peer].append(frame)
                else:
                    gathered[peer] = [frame]
        for peer, frames in gathered.items():
            link = self.links.get(peer)
            if link is not None:
                link.write(frames[0] if len(frames) == 1 else b"".join(frames))

    def round_trip_s(self, peer: NodeId) -> float | None:
        """Return how long a round trip to `peer` takes; None if there is none, or nobody knows."""
        link = self.links.get(peer)
        return None if link is None else link.round_trip_s()

    async def close(self) -> None:
        """Stop dialling and accepting, and close all links."""
        tasks = list(self._dialling.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        for link in list(self.links.values()):
            link.close()

    async def _keep_dialling(self, peer: NodeId) -> None:
        larger = self.identity.node > peer
        pause = DIAL_PAUSE_S_MIN
        attempt = 0
        while True:
            if larger:
                await self._until_missed(peer)
            if peer not in self.links:
                link = await self._dial(peer, attempt)
                attempt += 1
                if link is not None:
                    await link.ended
                    if link.turned_away:
                        pause = TURNED_AWAY_PAUSE_S
                    elif link.stood:
                        pause, attempt = DIAL_PAUSE_S_MIN, attempt - 1
            await asyncio.sleep(pause)
            pause = min(pause * 2, DIAL_PAUSE_S_MAX)

    async def _until_missed(self, peer: NodeId) -> None:
        """Return when there has been no link to `peer` for a while."""
        since = 0.0
        while since < LARGER_DIALS_AFTER_S:
            await asyncio.sleep(DIAL_PAUSE_S_MAX)
            since = 0.0 if peer in self.links else since + DIAL_PAUSE_S_MAX

    async def _dial(self, peer: NodeId, attempt: int) -> PeerSocket | None:
        """Try one of the addresses where `peer` may be: another with each attempt."""
        loop = asyncio.get_running_loop()
        places = self.book.peer(peer)
        if not places:
            return None
        turn, at = divmod(attempt, len(places))
        place = places[at]
        try:
            async with asyncio.timeout(DIAL_TIMEOUT_S):
                found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
                address = found[turn % len(found)][4]
                _transport, link = await loop.create_connection(
                    lambda: PeerSocket(self, peer), str(address[0]), int(address[1])
                )
        except (OSError, TimeoutError, ValueError) as error:  # ValueError: no name of a host
            self.log.debug("no link", peer=peer, reason=str(error))
            return None
        return link


class PeerSocket(asyncio.Protocol):
    """One link, from either side."""

    def __init__(self, links: PeerLinks, dialled: NodeId | None) -> None:
        self._links = links
        self._dialled = dialled
        gate = links.driver.replica.members.gate
        self._conversation = PeerConversation(links.identity, gate, dialled)
        self._transport: asyncio.Transport | None = None
        self._peer: NodeId | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._patience: asyncio.TimerHandle | None = None
        self.turned_away = False
        """Whether one side did not want the other."""

    @property
    def stood(self) -> bool:
        """Whether the other side was who it should be."""
        return self._peer is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, if this side dialled."""
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's is not one
        sock = transport.get_extra_info("socket")
        if sock is not None:
            _watch_over(sock)
        transport.set_write_buffer_limits(high=UNSENT_BYTES_MAX)
        self._patience = asyncio.get_running_loop().call_later(GREETING_S, transport.abort)
        if self._dialled is not None:
            transport.write(self._conversation.greeting(self._dialled))
            return
        strangers = self._links.strangers
        if len(strangers) >= STRANGERS_MAX:
            next(iter(strangers)).abort()
        strangers[self] = None

    def _is_no_stranger(self) -> None:
        """It has said who it is, or is gone."""
        self._links.strangers.pop(self, None)
        if self._patience is not None:
            self._patience.cancel()

    def data_received(self, data: bytes) -> None:
        """Hand messages to the replica."""
        links, conversation = self._links, self._conversation
        try:
            messages = conversation.receive_data(data)
        except TurnedAway as refused:
            self._turn_away(str(refused), refused.farewell)
            return
        except RemoteProtocolError as error:
            links.log.warning("link refused", peer=conversation.peer, reason=str(error))
            self.close()
            return
        peer = self._peer
        if peer is None:
            peer = conversation.peer
            if peer is None:
                return
            self._up(peer)
        replica = links.driver.replica
        now = monotonic_ms()
        try:
            for message in messages:
                replica.receive(peer, message, now)
                if type(message) is Dismissal:
                    self.turned_away = True
        except AssertionError as doubt:
            links.driver.fail(doubt)
        links.driver.respond()

    def _up(self, peer: NodeId) -> None:
        links = self._links
        self._peer = peer
        self._is_no_stranger()
        if self._dialled is None and self._transport is not None:
            self._transport.write(self._conversation.greeting(peer))
        old = links.links.get(peer)
        links.links[peer] = self
        if old is not None:
            old.close()
        links.log.info("link made", peer=peer)
        links.refusals.pop(peer, None)
        links.driver.replica.link_made(peer, monotonic_ms(), self._conversation.told)
        links.driver.schedule()

    def dismiss_if_unwanted(self) -> None:
        """Close the link if the membership has no place for the other side any more."""
        dismissal = self._conversation.refusal()
        if dismissal is not None:
            self._turn_away(dismissal.text, self._conversation.farewell(dismissal))

    def _turn_away(self, reason: str, farewell: bytes) -> None:
        links = self._links
        self.turned_away = True
        if reason not in links.refusals.values():
            links.log.warning("link refused", peer=self._peer, reason=reason)
        links.refusals[self._peer or reason] = reason
        self.write(farewell)
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the replica, unless a newer link has taken this one's place."""
        links = self._links
        self._is_no_stranger()
        if not self.ended.done():
            self.ended.set_result(None)
        if self._peer is not None and links.links.get(self._peer) is self:
            del links.links[self._peer]
            links.log.info("link lost", peer=self._peer, reason=str(exc or "closed"))
            links.driver.replica.link_lost(self._peer, monotonic_ms())
            links.driver.schedule()

    def pause_writing(self) -> None:
        """The other side has not read for long: break off, and start afresh."""
        self._links.log.warning("link stuck", peer=self._peer)
        if self._transport is not None:
            self._transport.abort()

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if self._transport is not None:
            self._transport.write(data)

    def round_trip_s(self) -> float | None:
        """Return how long a round trip takes, as the kernel knows; None if it does not tell."""
        if self._transport is None:
            return None
        sock = self._transport.get_extra_info("socket")
        option: int | None = getattr(socket, "TCP_INFO", None)  # Linux
        if sock is None or option is None:
            return None
        try:
            info: bytes = sock.getsockopt(socket.IPPROTO_TCP, option, _TCP_INFO_BYTES)
        except OSError:
            return None
        (micros,) = _TCP_INFO_RTT.unpack_from(info)
        return float(micros) / 1e6

    def abort(self) -> None:
        """Cut it off at once."""
        self._is_no_stranger()
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close the link."""
        if self._transport is not None:
            self._transport.close()


def _watch_over(sock: socket.socket) -> None:
    """Have the kernel end a connection whose other side is silently gone, within seconds."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    watch_over(sock, idle_s=2, interval_s=1, probes=3)
    option = getattr(socket, "TCP_USER_TIMEOUT", None)  # not on every platform
    if option is not None:
        sock.setsockopt(socket.IPPROTO_TCP, option, 5_000)
