"""Connections without a library, to stand for many clients in one process.

They speak just enough of the protocol to be welcomed, watch and stay alive, so that what is
measured is the service and not ten thousand client libraries on one core. The load generators
of other systems do the same.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import ClassVar, cast

from coordsvc_client.wire import codes, ops
from coordsvc_client.wire.framing import FrameSplitter, decode, encode_frame

CONNECTING_MAX = 64
"""Connections being made at the same time."""


class Bare(asyncio.Protocol):
    """One connection: welcomed, then it counts events.

    Watchers of one node get the same bytes, which one of them decodes for all: what is measured
    is the service, and two cores are few for it and a thousand clients.
    """

    _alike: ClassVar[tuple[bytes, int]] = (b"", 0)
    """Bytes that held nothing but whole events when they came last, and how many."""

    def __init__(self, hello: bytes, delivered: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.answer: asyncio.Future[list[object]] = loop.create_future()
        """The welcome; then the answer to what was asked last."""
        self.lost = False
        self._awaited = ops.WELCOME
        self._hello = hello
        self._delivered = delivered
        self._splitter = FrameSplitter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._hello)

    def data_received(self, data: bytes) -> None:
        alike, count = Bare._alike
        if data == alike and self._splitter.is_empty:
            for _ in range(count):
                self._delivered()
            return
        events = self._take(data)
        if events and self._splitter.is_empty:
            Bare._alike = data, events

    def _take(self, data: bytes) -> int:
        """Take in what came; return the number of events, 0 if there was anything else."""
        events = others = 0
        for body in self._splitter.split(data):
            for message in cast("list[list[object]]", decode(body)):
                kind = message[0]
                others += kind != ops.EVENT
                if kind == ops.EVENT:
                    events += 1
                    self._delivered()
                elif kind == ops.GOODBYE:
                    self._fail(ConnectionResetError(f"the server said goodbye: {message[1:]}"))
                elif kind == self._awaited and not self.answer.done():
                    self.answer.set_result(message)
        return 0 if others else events

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionResetError("the server closed"))

    def _fail(self, error: Exception) -> None:
        self.lost = True
        if not self.answer.done():
            self.answer.set_exception(error)

    def send(self, *request: object) -> None:
        assert self.transport is not None
        self.transport.write(encode_frame(request))

    async def ask(self, op: int, serial: int, *rest: object) -> None:
        """Send a request and await its answer, which has to be a good one."""
        self.answer = asyncio.get_running_loop().create_future()
        self._awaited = serial
        self.send(op, serial, *rest)
        _, code, *_ = await self.answer
        if code != codes.OK:
            raise ConnectionError(f"refused: {codes.NAMES[cast('int', code)]}")

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()


def nothing() -> None:
    """Take no notice."""


async def connect_bare(
    addresses: list[str],
    count: int,
    *,
    session_ms: int = 0,
    delivered: Callable[[], None] = nothing,
) -> list[Bare]:
    """Return `count` welcomed connections spread over `addresses`; with sessions if asked."""
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(CONNECTING_MAX)

    async def one(number: int) -> Bare:
        session = 0 if session_ms else ops.NO_SESSION
        password = os.urandom(16) if session_ms else b""
        timeout_ms = session_ms or 10_000
        hello = encode_frame(
            [
                ops.HELLO, ops.MAGIC, [ops.PROTOCOL_VERSION], session, password, timeout_ms, 0,
                f"bench{number}",
            ]
        )  # fmt: skip
        host, port = addresses[number % len(addresses)].rsplit(":", 1)
        async with gate:
            _, bare = await loop.create_connection(lambda: Bare(hello, delivered), host, int(port))
            await bare.answer
        return bare

    return list(await asyncio.gather(*map(one, range(count))))
