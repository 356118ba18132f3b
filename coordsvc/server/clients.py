"""Client sockets: bytes to conversations and back."""

from __future__ import annotations

import asyncio
from typing import Final, cast

from coordsvc.base import limits
from coordsvc.base.ids import Millis
from coordsvc.protocols.native.conversation import Hall, NativeConversation
from coordsvc.server.counters import Counters
from coordsvc.server.driver import Driver, monotonic_ms

CONNECTIONS_MAX: Final = 20_000
LOOK_S: Final = 2.0
TOLD_PER_TURN: Final = 64
"""Connections to which events are sent in one turn of the loop: well under a millisecond."""
PATIENCE_MS: Final = 10_000
"""How long a connection may take to greet, and to take what is left when it is closed."""


class ClientPort:
    """The port clients connect to."""

    def __init__(self, hall: Hall, driver: Driver) -> None:
        self.hall = hall
        self.driver = driver
        self.connections: dict[NativeConversation, ClientSocket] = {}
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        driver.flush_clients = self.flush

    async def listen(self, host: str, port: int) -> None:
        """Start to accept connections.

        Raises:
            OSError: the address cannot be had.

        """
        self._server = await self._loop.create_server(
            lambda: ClientSocket(self), host, port, backlog=1024
        )
        self._timer = self._loop.call_later(LOOK_S, self._look_after)

    def flush(self) -> None:
        """Send what the conversations have gathered: one write per connection and turn.

        Answers go first. Those who are only told of events get them a slice at a time: a
        thousand writes in one go would keep heartbeats and everybody's requests waiting.
        """
        dirty = self.hall.dirty
        if dirty:
            self.hall.dirty = []
            self._flush(dirty)
        told = self.hall.told
        if told:
            some = [told.popleft() for _ in range(min(TOLD_PER_TURN, len(told)))]
            for conversation in some:
                conversation.told = False
            self._flush(some)
            if told:
                self.driver.schedule()

    def _flush(self, conversations: list[NativeConversation]) -> None:
        for conversation in conversations:
            socket = self.connections.get(conversation)
            if socket is not None:
                socket.flush()

    def _look_after(self) -> None:
        """End connections that neither greet nor let go, so that idle ones cannot fill the port."""
        before = monotonic_ms() - PATIENCE_MS
        for socket in list(self.connections.values()):
            socket.end_if_idle(before)
        self._timer = self._loop.call_later(LOOK_S, self._look_after)

    async def close(self) -> None:
        """Stop accepting, and close every connection."""
        if self._timer is not None:
            self._timer.cancel()
        if self._server is not None:
            self._server.close()
        self.flush()
        while self.hall.told:
            self.flush()
        for socket in list(self.connections.values()):
            socket.close()


class ClientSocket(asyncio.Protocol):
    """One connection."""

    __slots__ = ("_conversation", "_counters", "_driver", "_port", "_since", "_transport")

    def __init__(self, port: ClientPort) -> None:
        self._port = port
        self._driver = port.driver
        self._counters: Counters = port.driver.counters
        self._transport: asyncio.Transport | None = None
        self._conversation: NativeConversation | None = None
        self._since = monotonic_ms()
        """When it was opened, or its conversation was found to be over."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a conversation."""
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's is not one
        port = self._port
        self._counters.client_connections_total += 1
        if len(port.connections) >= CONNECTIONS_MAX:
            transport.abort()
            return
        transport.set_write_buffer_limits(high=limits.OUTBOX_BYTES_MAX)
        peer = transport.get_extra_info("peername")
        address = f"{peer[0]}:{peer[1]}" if peer else ""
        self._conversation = NativeConversation(port.hall, address)
        port.connections[self._conversation] = self
        self._counters.client_connections += 1

    def data_received(self, data: bytes) -> None:
        """Hand bytes to the conversation; answers leave at the end of the turn."""
        self._counters.bytes_in += len(data)
        if self._conversation is not None:
            try:
                self._conversation.receive_data(data, monotonic_ms())
            except AssertionError as error:  # the replica itself is in doubt, not the client
                self._driver.fail(error)
            self._driver.schedule()

    def connection_lost(self, _exc: Exception | None) -> None:
        """End the conversation."""
        conversation = self._conversation
        if conversation is not None:
            self._port.connections.pop(conversation, None)
            self._counters.client_connections -= 1
            self._conversation = None
            conversation.lost()
            self._driver.schedule()

    def pause_writing(self) -> None:
        """The client does not read what it is sent: take nothing more from it."""
        if self._conversation is not None and self._transport is not None:
            self._conversation.congested(True)
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again."""
        if self._conversation is not None and self._transport is not None:
            self._conversation.congested(False)
            self._transport.resume_reading()

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

    def end_if_idle(self, before: Millis) -> None:
        """Cut the connection if it has not greeted, or not let go, since `before`."""
        conversation, transport = self._conversation, self._transport
        if conversation is None or transport is None or self._since > before:
            return
        if conversation.closed or conversation.waits_for_greeting:
            transport.abort()

    def close(self) -> None:
        """Close when everything is sent."""
        if self._transport is not None:
            self._transport.close()
