"""Client sockets: bytes to conversations and back."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Final, TypeAlias, TypeVar, cast

from coordsvc.base import limits
from coordsvc.base.ids import Millis
from coordsvc.protocols.native.conversation import NativeConversation
from coordsvc.protocols.native.hall import Hall
from coordsvc.protocols.talk import Talk
from coordsvc.protocols.zookeeper.conversation import ZooKeeperConversation
from coordsvc.protocols.zookeeper.hall import ZooKeeperHall
from coordsvc.server.counters import Counters
from coordsvc.server.descriptors import left_for_clients
from coordsvc.server.driver import Driver, monotonic_ms
from coordsvc.server.keepalive import watch_over
from coordsvc.server.languages import WORD, WORD_BYTES, ZOOKEEPER, language_of
from coordsvc.server.tls import name_of
from coordsvc.state.acl import Who

CONNECTIONS_MAX: Final = 20_000
LOOK_S: Final = 2.0
TOLD_PER_TURN: Final = 64
"""Connections to which events are sent in one turn of the loop: well under a millisecond."""
PATIENCE_MS: Final = 10_000
"""How long a connection may take to greet, and to take what is left when it is closed."""

T = TypeVar("T", bound=Talk)
Conversation: TypeAlias = NativeConversation | ZooKeeperConversation


class ClientPort:
    """The port clients connect to, whatever language they speak."""

    def __init__(
        self, hall: Hall, zookeeper: ZooKeeperHall, driver: Driver, per_host_max: int = 0
    ) -> None:
        """Prepare; `per_host_max` is how many connections one address may have, 0: any number."""
        self.hall = hall
        self.zookeeper = zookeeper
        self.driver = driver
        self.words: Callable[[str], bytes | None] = lambda _word: None
        """Return what an operator's word of four letters is answered; None: it is no such word."""
        self.connections: dict[Hashable, ClientSocket] = {}
        """By conversation."""
        self.sockets: dict[ClientSocket, None] = {}
        """All of them, also those whose language is not told yet."""
        self._loop = asyncio.get_running_loop()
        self.each_turn: Callable[[], None] = lambda: None
        """What is to be done before answers are sent."""
        self.connections_max = min(CONNECTIONS_MAX, left_for_clients())
        self.per_host_max = per_host_max
        self.per_host: dict[str, int] = {}
        """How many connections each address has; kept only if there is a limit."""
        self._servers: list[asyncio.Server] = []
        self._timer: asyncio.TimerHandle | None = None
        driver.flush_clients = self.flush

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Start to accept connections; may be called for several addresses.

        Raises:
            OSError: the address cannot be had.

        """
        server = await self._loop.create_server(
            lambda: ClientSocket(self, secure=tls is not None), host, port, backlog=1024, ssl=tls
        )
        self._servers.append(server)
        if self._timer is None:
            self._timer = self._loop.call_later(LOOK_S, self._look_after)

    def admit(self, host: str) -> bool:
        """Count a connection from `host`; tell whether it may stay."""
        if not self.per_host_max or not host:
            return True
        count = self.per_host.get(host, 0)
        if count >= self.per_host_max:
            return False
        self.per_host[host] = count + 1
        return True

    def dismiss(self, host: str) -> None:
        """Count a connection from `host` no longer."""
        if host in self.per_host:
            self.per_host[host] -= 1
            if not self.per_host[host]:
                del self.per_host[host]

    def flush(self) -> None:
        """Send what the conversations have gathered: one write per connection and turn.

        Answers go first. Those who are only told of events get them a slice at a time: a
        thousand writes in one go would keep heartbeats and everybody's requests waiting.
        """
        self.each_turn()
        dirty = self.hall.dirty
        if dirty:
            self.hall.dirty = []
            self._flush(dirty)
        others = self.zookeeper.dirty
        if others:
            self.zookeeper.dirty = []
            self._flush(others)
        if self.hall.told:
            self._flush_slice(self.hall.told)
        told = self._flush_slice(self.zookeeper.told) if self.zookeeper.told else []
        if others or told:
            for conversation in (*others, *told):
                conversation.go_on()
            if self.zookeeper.dirty:
                self.driver.schedule()

    def _flush_slice(self, told: deque[T]) -> list[T]:
        some = [told.popleft() for _ in range(min(TOLD_PER_TURN, len(told)))]
        for conversation in some:
            conversation.told = False
        self._flush(some)
        if told:
            self.driver.schedule()
        return some

    def _flush(self, conversations: Iterable[Hashable]) -> None:
        for conversation in conversations:
            socket = self.connections.get(conversation)
            if socket is not None:
                socket.flush()

    def _look_after(self) -> None:
        """End connections that neither greet nor let go, so that idle ones cannot fill the port."""
        now = monotonic_ms()
        for socket in list(self.sockets):
            socket.end_if_idle(now)
        self._timer = self._loop.call_later(LOOK_S, self._look_after)

    async def close(self) -> None:
        """Stop accepting, and close every connection."""
        if self._timer is not None:
            self._timer.cancel()
        for server in self._servers:
            server.close()
        self.flush()
        while self.hall.told or self.zookeeper.told:
            self.flush()
        for socket in list(self.sockets):
            socket.close()


class ClientSocket(asyncio.Protocol):
    """One connection."""

    __slots__ = (
        "_address", "_conversation", "_counters", "_driver", "_first", "_hall", "_host", "_port",
        "_resting", "_since", "_transport", "secure",
    )  # fmt: skip

    def __init__(self, port: ClientPort, *, secure: bool = False) -> None:
        self._port = port
        self.secure = secure
        """Whether it speaks TLS."""
        self._driver = port.driver
        self._hall = port.hall
        self._counters: Counters = port.driver.counters
        self._transport: asyncio.Transport | None = None
        self._conversation: Conversation | None = None
        self._address = ""
        self._host = ""
        self._first = b""  # what came before the language was told
        self._resting = False
        """Whether nothing is read because the conversation has enough to do."""
        self._since = monotonic_ms()
        """When it was opened, or its conversation was found to be over."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first bytes."""
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's is not one
        port = self._port
        self._counters.client_connections_total += 1
        peer = transport.get_extra_info("peername")
        host = peer[0] if peer else ""
        if len(port.sockets) >= port.connections_max or not port.admit(host):
            transport.abort()
            return
        transport.set_write_buffer_limits(high=limits.OUTBOX_BYTES_MAX)
        # A client with a session ends with that; one that only reads would stay for ever.
        watch_over(transport.get_extra_info("socket"), idle_s=60, interval_s=10, probes=6)
        self._host = host
        self._address = f"{host}:{peer[1]}" if peer else ""
        port.sockets[self] = None
        self._counters.client_connections += 1

    def data_received(self, data: bytes) -> None:
        """Hand bytes to the conversation; answers leave at once, or at the end of the turn."""
        self._counters.bytes_in += len(data)
        conversation = self._conversation
        if conversation is None:
            self._first += data
            data = self._first
            conversation = self._begin(data)
            if conversation is None:
                return
            self._first = b""
        try:
            conversation.receive_data(data, monotonic_ms())
        except AssertionError as error:  # the replica itself is in doubt, not the client
            self._driver.fail(error)
        if conversation.clogged:
            self._rest(conversation)
        dirty = self._hall.dirty
        if dirty and dirty[-1] is conversation and not self._driver.stopped:
            dirty.pop()  # it has answered already: sent while everything is at hand
            self.flush()
        self._driver.heard += 1
        self._driver.schedule()

    def _begin(self, first: bytes) -> Conversation | None:
        """Return a conversation in the language of the first bytes, once they tell it."""
        port, transport = self._port, self._transport
        language = language_of(first)
        if language is None or transport is None or self not in port.sockets:
            return None
        if language == WORD:
            text = port.words(first[:WORD_BYTES].decode())
            if text is not None:
                self._counters.bytes_out += len(text)
                transport.write(text)
                transport.close()
                return None
        if language == ZOOKEEPER:
            conversation: Conversation = ZooKeeperConversation(
                port.zookeeper, self._address, self._shown_by_certificate(transport)
            )
        else:
            conversation = NativeConversation(port.hall, self._address)
        self._conversation = conversation
        port.connections[conversation] = self
        return conversation

    def _shown_by_certificate(self, transport: asyncio.Transport) -> Who:
        """Return who the client's certificate names; nobody without one."""
        certificate = transport.get_extra_info("peercert") if self.secure else None
        return (("x509", name_of(certificate["subject"])),) if certificate else ()

    def _rest(self, conversation: Conversation) -> None:
        """Read nothing more until the conversation has room again."""
        if self._transport is not None and not self._resting and not conversation.closed:
            self._resting = True
            self._transport.pause_reading()

    def connection_lost(self, _exc: Exception | None) -> None:
        """End the conversation."""
        if self._port.sockets.pop(self, self) is None:
            self._counters.client_connections -= 1
            self._port.dismiss(self._host)
        conversation = self._conversation
        if conversation is not None:
            self._port.connections.pop(conversation, None)
            self._conversation = None
            conversation.lost()
            self._driver.schedule()

    def pause_writing(self) -> None:
        """The client does not read what it is sent: take nothing more from it."""
        if self._conversation is not None and self._transport is not None:
            self._conversation.congested(True)
            if not self._resting:
                self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again."""
        if self._conversation is not None and self._transport is not None:
            self._conversation.congested(False)
            if not self._resting:
                self._transport.resume_reading()
            self._driver.schedule()

    def flush(self) -> None:
        """Send what has gathered."""
        conversation, transport = self._conversation, self._transport
        if conversation is None or transport is None:
            return
        data = conversation.data_to_send()
        if data:
            self._counters.bytes_out += len(data)
            transport.write(data)
        if conversation.closed:
            self._since = monotonic_ms()
            transport.close()
        elif self._resting and not conversation.clogged:
            self._resting = False
            transport.resume_reading()

    def end_if_idle(self, now: Millis) -> None:
        """Cut the connection if its client has been silent for longer than it may be."""
        conversation, transport = self._conversation, self._transport
        if transport is None:
            return
        waits = conversation is None or conversation.closed or conversation.waits_for_greeting
        patient = self._since > now - PATIENCE_MS
        if (waits and not patient) or (conversation is not None and conversation.is_silent(now)):
            transport.abort()

    def close(self) -> None:
        """Close when everything is sent."""
        if self._transport is not None:
            self._transport.close()
