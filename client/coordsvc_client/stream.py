"""The events of one watch, as an asynchronous iterator with a bounded queue."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from types import TracebackType
from typing import Final, Self

from coordsvc_client.chroot import Chroot
from coordsvc_client.errors import Closed, CoordError, error_for
from coordsvc_client.link import Link
from coordsvc_client.model import EVENT_KINDS, Event, stat_of
from coordsvc_client.watching import Watch

QUEUE_MAX: Final = 10_000
"""Events that wait for their consumer; beyond it they are dropped and the consumer is told."""


class _Buffer:
    """What has arrived and was not yet taken; belongs to the watch, not to its consumer."""

    def __init__(self, link: Link, chroot: Chroot, path: str, mode: int) -> None:
        self.link = link
        self.loop = asyncio.get_running_loop()
        self.chroot = chroot
        self.path = path
        self.mode = mode
        self.with_data = True
        self.events: deque[Event] = deque()
        self.fault: CoordError | None = None
        self.watch: Watch | None = None
        self.waiter: asyncio.Future[None] | None = None
        self.settled = asyncio.Event()
        """Set once a server has taken the watch up, or it has failed."""

    def start(self, *, since: int, resync: bool) -> None:
        """Set the watch up."""
        self.watch = Watch(
            self.chroot.inner(self.path),
            mode=self.mode,
            since=since,
            with_data=self.with_data,
            deliver=self.deliver,
            fail=self.fail,
        )
        self.watch.resync = resync
        self.watch.on_start = self.settled.set
        self.link.conversation.watches.add(self.watch)
        self.link.poke()

    def stop(self) -> None:
        """Take the watch down."""
        if self.watch is not None:
            self.link.conversation.watches.remove(self.watch)
            self.watch = None
            self.link.poke()

    def discard(self) -> None:
        """Take the watch down; the stream was collected as garbage, in whatever thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.stop)

    def deliver(
        self, kind: int, path: str, revision: int, stat: list[int] | None, data: bytes | None
    ) -> None:
        """Take one event from the conversation."""
        if len(self.events) >= QUEUE_MAX:
            # The consumer is too slow. It learns of the cut once it has taken what is there.
            self.stop()
            return
        numbers = None if stat is None else stat_of(stat)
        event = Event(EVENT_KINDS[kind], self.chroot.outer(path), revision, numbers, data)
        self.events.append(event)
        self.wake()

    def fail(self, code: int, text: str) -> None:
        """Take the end of the watch from the conversation."""
        self.fault = error_for(code, text, path=self.path)
        self.wake()

    def wake(self) -> None:
        """Let the consumer look again."""
        if self.fault is not None:
            self.settled.set()
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)


class WatchStream:
    """Events in the order of their revisions, without a gap; `aclose` or garbage ends it.

    It survives the loss of servers and of the session. Where the history does not reach back, or
    the consumer was too slow, an event of kind `resync` stands for what is missing.
    """

    def __init__(
        self,
        link: Link,
        chroot: Chroot,
        path: str,
        *,
        mode: int,
        since: int = 0,
        data: bool = True,
    ) -> None:
        self._buffer = _Buffer(link, chroot, path, mode)
        self._buffer.with_data = data
        self._closed = False
        self._buffer.start(since=since, resync=False)
        self._finalizer = weakref.finalize(self, self._buffer.discard)
        self._finalizer.atexit = False

    def __aiter__(self) -> WatchStream:
        """Return the stream itself."""
        return self

    async def __anext__(self) -> Event:
        """Return the next event; wait for it as long as it takes."""
        buffer = self._buffer
        while not buffer.events:
            if self._closed:
                raise StopAsyncIteration
            if buffer.fault is not None:
                raise buffer.fault
            if buffer.watch is None:
                buffer.start(since=0, resync=True)
            buffer.waiter = asyncio.get_running_loop().create_future()
            try:
                await buffer.waiter
            finally:
                buffer.waiter = None
        return buffer.events.popleft()

    def pending(self) -> int:
        """Return how many events are here already."""
        return len(self._buffer.events)

    async def __aenter__(self) -> Self:
        """Wait until a server has taken the watch up: no change after that is missed."""
        await self._buffer.settled.wait()
        if self._buffer.fault is not None:
            raise self._buffer.fault
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the watch."""
        await self.aclose()

    async def aclose(self) -> None:
        """End the watch; whoever iterates sees the end."""
        self._closed = True
        self._finalizer.detach()
        self._buffer.stop()
        self._buffer.events.clear()
        self._buffer.wake()

    def client_closed(self) -> None:
        """Note that the client is closed: whoever iterates gets `Closed`."""
        self._buffer.watch = None
        self._buffer.fault = Closed("the client has been closed")
        self._buffer.wake()
