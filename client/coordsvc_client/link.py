"""The asyncio driver of a conversation: connect, stay connected, follow the leader.

While the server is silent others are greeted beside it; the first that lets us in takes over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, cast

from coordsvc_client.conversation import Conversation
from coordsvc_client.endpoints import Address, Endpoints, parse_address
from coordsvc_client.greeting import Greeting, Verdict

CONNECT_S: Final = 1.5
"""For one address: enough for a SYN that got lost once."""
WAKE_MS_MAX: Final = 500
"""A timer never sleeps longer: the loop's clock may stand still while the lease's clock runs on."""
MOVE_PAUSE_MS: Final = 5_000
"""Between attempts to move to a leader that could not be reached."""
ESCAPE_PAUSE_S: Final = 0.1
"""Between attempts to leave a silent server."""
SHUN_MS: Final = 5_000
"""How long a server that was silent is not followed as the leader."""
DRAIN_S: Final = 1.0
"""How long answers are awaited before a move; what is still open then is sent again."""

_BOOT_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", -1)  # not on every system

Dial: TypeAlias = Callable[
    [Callable[[], asyncio.Protocol], str, int], Awaitable[asyncio.BaseTransport]
]

log: logging.Logger = logging.getLogger("coordsvc_client")


def suspend_aware_ms() -> int:
    """Return milliseconds of a clock that runs on while the machine sleeps, where there is one."""
    if _BOOT_CLOCK >= 0:
        return time.clock_gettime_ns(_BOOT_CLOCK) // 1_000_000
    return time.monotonic_ns() // 1_000_000


async def dial_tcp(
    factory: Callable[[], asyncio.Protocol], host: str, port: int
) -> asyncio.BaseTransport:
    """Open a TCP connection; names are resolved now."""
    transport, _ = await asyncio.get_running_loop().create_connection(factory, host, port)
    return transport


class Wire(asyncio.Protocol):
    """One connection: hands over what happens to it, as long as it is the current one."""

    __slots__ = (
        "_link",
        "gone",
        "greeting",
        "judged",
        "paused",
        "transport",
    )

    def __init__(self, link: Link) -> None:
        self._link = link
        self.transport: asyncio.Transport | None = None
        self.gone: bool = False
        self.paused: bool = False
        self.greeting: Greeting | None = None
        """Said already, before this connection is taken into use."""
        self.judged: asyncio.Event = asyncio.Event()
        """Set once the greeting has a verdict, or the connection is gone."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport. The link greets when it takes this connection into use."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is not one by its class

    def data_received(self, data: bytes) -> None:
        """Hand over bytes; before the connection is in use, they belong to the greeting."""
        if self.greeting is None:
            self._link.receive(self, data)
        elif self.greeting.receive(data) is not None:
            self.judged.set()

    def greet(self, greeting: Greeting) -> None:
        """Send the first words, ahead of being taken into use."""
        assert self.transport is not None
        self.greeting = greeting
        self.transport.write(greeting.hello)

    def pause_writing(self) -> None:
        """Hold back: the socket's buffer is full."""
        self.paused = True

    def resume_writing(self) -> None:
        """Go on."""
        self.paused = False
        self._link.poke()

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand over the end."""
        del exc
        self.gone = True
        self.judged.set()
        self._link.wire_lost(self)

    def drop(self) -> None:
        """Close at once; what is unsent is dropped."""
        if self.transport is not None:
            self.transport.abort()


class Link:
    """Keeps one conversation connected until it is closed."""

    __slots__ = (
        "_dial",
        "_down",
        "_endpoints",
        "_escape",
        "_flush_due",
        "_known_servers",
        "_loop",
        "_move_at",
        "_moving",
        "_next_wire",
        "_prefer_leader",
        "_quiet",
        "_runner",
        "_shun_until",
        "_shunned",
        "_timer",
        "_timer_at",
        "_wire",
        "address",
        "clock",
        "conversation",
    )

    def __init__(
        self,
        conversation: Conversation,
        endpoints: Endpoints,
        *,
        clock: Callable[[], int] = suspend_aware_ms,
        dial: Dial = dial_tcp,
        prefer_leader: bool = True,
    ) -> None:
        self.conversation = conversation
        self.clock = clock
        self.address: Address | None = None
        """Where the current connection goes."""
        self._endpoints = endpoints
        self._dial = dial
        self._prefer_leader = prefer_leader
        self._loop = asyncio.get_running_loop()
        self._wire: Wire | None = None
        self._next_wire: tuple[Wire, Address] | None = None
        self._down = asyncio.Event()
        self._quiet = asyncio.Event()
        self._flush_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0
        self._move_at = 0
        self._moving: asyncio.Task[None] | None = None
        self._escape: asyncio.Task[None] | None = None
        self._known_servers: tuple[str, ...] = ()
        self._shunned = ("", "")
        self._shun_until = 0
        self._runner = self._loop.create_task(self._run(), name="coordsvc-link")

    async def close(self) -> None:
        """Drop the connection and make no other."""
        tasks = [task for task in (self._runner, self._moving, self._escape) if task is not None]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._timer is not None:
            self._timer.cancel()

    def poke(self) -> None:
        """Send what has been asked, at the end of this turn of the loop."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    # What happens to the connection.

    def receive(self, wire: Wire, data: bytes) -> None:
        """Take bytes of a connection."""
        if wire is not self._wire:
            return
        now, conversation = self.clock(), self.conversation
        if self._flush_due:
            conversation.receive_data(data, now)
            return
        self._flush_due = True  # so that those who are called back need not ask for it
        try:
            conversation.receive_data(data, now)
        finally:
            self._flush_due = False
        if conversation.requests.unsent:
            self._send(now)
        else:
            self.poke()  # after those who were awaiting what has come

    def wire_lost(self, wire: Wire) -> None:
        """Note that a connection has ended."""
        if wire is self._wire:
            self._down.set()

    def _flush(self) -> None:
        self._flush_due = False
        self._send(self.clock())

    def _send(self, now: int) -> None:
        """Send what there is, and see to everything else that may have become due."""
        conversation = self.conversation
        try:
            if self._wire is not None:
                self._serve_wire(self._wire, now)
        finally:  # whatever a callback of the user's did: the lease goes on to run out
            due = min(now + conversation.calm_ms, conversation.requests.due)
            if not now < self._timer_at <= due:
                self._set_timer()

    def _serve_wire(self, wire: Wire, now: int) -> None:
        conversation = self.conversation
        if conversation.farewell is not None:
            self._down.set()
        elif not wire.paused and wire.transport is not None:
            data = conversation.data_to_send(now)
            if data:
                wire.transport.write(data)
        if conversation.draining and conversation.is_idle:
            self._quiet.set()
        if conversation.servers is not self._known_servers:
            self._learn_servers()
        if self._prefer_leader and conversation.leader != conversation.node:
            self._follow_leader()
        if conversation.silence.is_silent and self._escape is None:
            self._escape = self._loop.create_task(self._flee(wire), name="coordsvc-escape")

    def _set_timer(self) -> None:
        if self._runner.cancelled() and not self.conversation.requests.open:
            return  # closed, and nobody waits for anything
        now = self.clock()  # callbacks may have taken their time
        due = min(self.conversation.deadline(), now + WAKE_MS_MAX)
        if self._timer is not None:
            if self._timer_at <= due and self._timer_at > now:
                return
            self._timer.cancel()
        self._timer_at = due
        self._timer = self._loop.call_later(max(due - now, 1) / 1000, self._wake)

    def _wake(self) -> None:
        self._timer, self._timer_at = None, 0
        now = self.clock()
        try:
            self.conversation.wake(now)
        finally:
            self._send(now)

    # Connecting.

    async def _run(self) -> None:
        try:
            while True:
                connected = await self._connect()
                if connected is None:
                    await asyncio.sleep(self._endpoints.failed() / 1000)
                else:
                    await self._serve(*connected)
        finally:
            if self._next_wire is not None:
                self._next_wire[0].drop()

    async def _connect(self) -> tuple[Wire, Address] | None:
        """Return the connection prepared for a move, or a new one, or None if that failed."""
        prepared, self._next_wire = self._next_wire, None
        if prepared is not None:
            wire = prepared[0]
            ours = wire.greeting is None or wire.greeting.session == self.conversation.session
            if ours and not wire.gone:
                return prepared
            wire.drop()
        return await self._open(self._endpoints.next())

    async def _open(self, address: Address) -> tuple[Wire, Address] | None:
        wire = Wire(self)
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._dial(lambda: wire, address.host, address.port)
        except (OSError, TimeoutError, ValueError) as error:  # ValueError: no name of a host
            log.debug("cannot connect to %s: %s", address, error)
            return None
        return wire, address

    async def _serve(self, wire: Wire, address: Address) -> None:
        """Use one connection until it ends."""
        conversation = self.conversation
        self._wire, self.address = wire, address
        self._down.clear()
        greeting, wire.greeting = wire.greeting, None
        conversation.begin(self.clock(), greeting)
        self.poke()
        if wire.gone:
            self._down.set()
        try:
            await self._down.wait()
        finally:
            was_welcome, farewell = conversation.welcomed, conversation.farewell
            self._wire = self.address = None
            wire.drop()
            if self._escape is not None:
                self._escape.cancel()
            conversation.end(self.clock())
            self._set_timer()
        if farewell is not None:
            log.info("left %s: %s", address, farewell.text)
        if was_welcome:
            self._endpoints.succeeded()
        if not was_welcome or farewell is not None:
            await asyncio.sleep(self._endpoints.failed() / 1000)

    def _learn_servers(self) -> None:
        self._known_servers = self.conversation.servers
        self._endpoints.learn(self._known_servers)

    # Following the leader.

    def _follow_leader(self) -> None:
        conversation = self.conversation
        if (
            self._moving is not None
            or not conversation.welcomed
            or not conversation.leader
            or not conversation.leader_address
            or self.clock() < self._move_at
            or self._is_shunned()
        ):
            return
        self._move_at = self.clock() + MOVE_PAUSE_MS
        try:
            address = parse_address(conversation.leader_address)
        except ValueError:
            log.warning("the leader's address is no address: %r", conversation.leader_address)
            return
        self._moving = self._loop.create_task(self._move(address), name="coordsvc-move")

    async def _move(self, address: Address) -> None:
        """Connect to the leader first; then leave the other server at a quiet moment."""
        left = self._wire
        try:
            opened = await self._open(address)
            if opened is not None:
                await self._move_to(opened, left)
        finally:
            self._moving = None

    async def _move_to(self, opened: tuple[Wire, Address], left: Wire | None) -> None:
        taken = False
        try:
            if left is None or self._wire is not left:
                return
            self.conversation.draining = True
            self._quiet.clear()
            self.poke()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await self._quiet.wait()
            if self._next_wire is None and self._wire in (left, None):
                self._next_wire, taken = opened, True
                self._move_at = 0
            if self._wire is left:
                self._down.set()
        finally:
            if not taken:
                opened[0].drop()

    def _is_shunned(self) -> bool:
        """Tell whether the leader is the server that we have just left because it was silent."""
        leader = (self.conversation.leader, self.conversation.leader_address)
        known_by_one = any(a == b for a, b in zip(leader, self._shunned, strict=True))
        return known_by_one and self.clock() < self._shun_until

    # Leaving a silent server.

    async def _flee(self, left: Wire) -> None:
        """Greet other servers in turn while this one is silent; go to the first that answers."""
        try:
            while self._wire is left and self.conversation.silence.is_silent:
                address = None if self.address is None else self._endpoints.other(self.address)
                if address is None:
                    return
                found = await self._greeted(address)
                if found is not None and self._wire is left:
                    self._switch(found, address)
                    return
                await asyncio.sleep(ESCAPE_PAUSE_S)
        finally:
            self._escape = None

    async def _greeted(self, address: Address) -> Wire | None:
        """Return a connection on which a server has let us in, while the old one stays silent."""
        opened = await self._open(address)
        if opened is None:
            return None
        wire, taken = opened[0], False
        try:
            greeting = self.conversation.greet(self.clock())
            wire.greet(greeting)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.conversation.patience_ms() / 1000):
                    await wire.judged.wait()
            taken = greeting.verdict is Verdict.TAKE and self.conversation.silence.is_silent
        finally:
            if not taken:
                wire.drop()
        return wire if taken else None

    def _switch(self, wire: Wire, address: Address) -> None:
        """Leave the silent server for the one at `address`."""
        log.info("left %s, which has fallen silent, for %s", self.address, address)
        self._shunned = (self.conversation.node, str(self.address))
        self._shun_until = self.clock() + SHUN_MS
        if self._next_wire is not None:
            self._next_wire[0].drop()
        self._next_wire = (wire, address)
        self._down.set()
