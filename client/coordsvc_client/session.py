"""A connected client: its session, its state, and asking for anything at all."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeAlias

from coordsvc_client.chroot import Chroot
from coordsvc_client.conversation import State
from coordsvc_client.endpoints import Address
from coordsvc_client.errors import BadRequest, Closed, CoordError, Unavailable, error_for
from coordsvc_client.link import Link
from coordsvc_client.listeners import call
from coordsvc_client.model import CONSISTENCIES, Consistency, Guard, Seconds, ms_of
from coordsvc_client.requests import MUTATION, Done
from coordsvc_client.stream import WatchStream
from coordsvc_client.wire import codes, ops

StateListener: TypeAlias = Callable[[State], None]


class SessionClient:
    """A connected client. All methods belong to the event loop it was made in.

    `timeout` bounds each call, in seconds; within it everything is tried again that may be.
    """

    def __init__(self, link: Link, *, chroot: str = "", timeout: Seconds = 10.0) -> None:
        self.link = link
        """The connection; for recipes and load generators."""
        self.chroot: Chroot = Chroot(chroot)
        self.timeout_ms: int = ms_of(timeout)
        self._conversation = link.conversation
        self._loop = asyncio.get_running_loop()
        self._listeners: list[StateListener] = []
        self._streams: weakref.WeakSet[WatchStream] = weakref.WeakSet()
        self._state_queues: set[asyncio.Queue[State | None]] = set()
        self._closed = False

    # The session.

    @property
    def state(self) -> State:
        """How far the session can be relied on."""
        return self._conversation.state

    @property
    def session(self) -> int:
        """The number of the session; 0 while there is none, -1 for a client that only reads."""
        return self._conversation.session

    @property
    def revision(self) -> int:
        """The newest revision this client has seen."""
        return self._conversation.revision

    @property
    def servers(self) -> tuple[str, ...]:
        """Where the members of the cluster are, as the server last said (`host:port` each)."""
        return self._conversation.servers

    @property
    def address(self) -> Address | None:
        """The server this client is connected to."""
        return self.link.address

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def lease_left(self) -> float:
        """Return for how many seconds the session is certainly alive from now on."""
        left = self._conversation.lease.end() - self.link.clock()
        return max(left, 0) / 1000

    def on_state(self, listener: StateListener) -> StateListener:
        """Call `listener` with each new state; usable as a decorator."""
        self._listeners.append(listener)
        return listener

    def forget_state(self, listener: StateListener) -> None:
        """Call `listener` no more."""
        with contextlib.suppress(ValueError):
            self._listeners.remove(listener)

    async def states(self) -> AsyncIterator[State]:
        """Yield the present state and each one that follows, until the client is closed."""
        queue: asyncio.Queue[State | None] = asyncio.Queue()
        queue.put_nowait(self.state)
        self.on_state(queue.put_nowait)
        self._state_queues.add(queue)
        try:
            while not self._closed and (state := await queue.get()) is not None:
                yield state
        finally:
            self._state_queues.discard(queue)
            self.forget_state(queue.put_nowait)

    def state_changed(self, state: State) -> None:
        """Pass a new state on to the listeners."""
        for listener in list(self._listeners):
            call(listener, state)

    async def ready(self, *, timeout: Seconds | None = None) -> None:
        """Wait until there is a server and, if wanted, a session.

        Raises:
            Unavailable: not within the timeout.

        """
        arrived = asyncio.Event()

        def look(state: State) -> None:
            if state is State.CONNECTED:
                arrived.set()

        self.on_state(look)
        try:
            look(self.state)
            async with asyncio.timeout(self._timeout_ms(timeout) / 1000):
                await arrived.wait()
        except TimeoutError:
            raise Unavailable("no server has let this client in") from None
        finally:
            self.forget_state(look)

    async def close(self) -> None:
        """End the session, so that its locks and ephemerals go at once, and the connection."""
        if self._closed:
            return
        self._closed = True
        for stream in list(self._streams):
            stream.client_closed()
        for queue in self._state_queues:
            queue.put_nowait(None)
        try:
            if self.session > 0:
                with contextlib.suppress(CoordError):
                    limit = min(self.timeout_ms, ms_of(self.lease_left()), 2_000)
                    await self._exchange(ops.CLOSE, (), None, None, limit / 1000)
        finally:
            await self.link.close()
            self._conversation.claims.lose_session()
            self._conversation.requests.fail_all(codes.STOPPING, "the client has been closed")

    # Requests.

    def submit(
        self,
        op: int,
        args: tuple[object, ...],
        done: Done,
        *,
        consistency: int | None = None,
        timeout_ms: int | None = None,
    ) -> None:
        """Ask without a future: `done(code, revision, value)` is called once, from the loop.

        Paths are the cluster's own, without regard to a chroot. For load generators.
        """
        deadline = self.link.clock() + (self.timeout_ms if timeout_ms is None else timeout_ms)
        if op in ops.MUTATIONS:
            consistency = MUTATION
        elif consistency is None:
            consistency = ops.LINEARIZABLE
        self._conversation.requests.ask(op, args, done, consistency, deadline)
        self.link.poke()

    async def request(
        self,
        op: int,
        args: tuple[object, ...],
        *,
        path: str | None = None,
        consistency: Consistency | None = None,
        timeout: Seconds | None = None,
    ) -> tuple[int, object]:
        """Ask; return revision and value. Paths in `args` are the cluster's own.

        Raises:
            CoordError: the answer is not OK; `path` is what the error is said to be about.

        """
        if self._closed:
            raise Closed("the client has been closed", path=path)
        return await self._exchange(op, args, path, consistency, timeout)

    async def _exchange(
        self,
        op: int,
        args: tuple[object, ...],
        path: str | None,
        consistency: Consistency | None,
        timeout: Seconds | None,
    ) -> tuple[int, object]:
        requests = self._conversation.requests
        if requests.is_full:
            raise Unavailable("too many requests are waiting", code=codes.OVERLOADED, path=path)
        answer: asyncio.Future[tuple[int, int, object]] = self._loop.create_future()

        def done(code: int, revision: int, value: object) -> None:
            if not answer.done():
                answer.set_result((code, revision, value))

        deadline = self.link.clock() + self._timeout_ms(timeout)
        if op in ops.MUTATIONS:
            if self.session == ops.NO_SESSION:
                raise BadRequest("a client without a session only reads", path=path)
            request = requests.mutate(op, args, done, deadline=deadline)
        else:
            level = CONSISTENCIES[consistency or "linearizable"]
            request = requests.read(op, args, done, consistency=level, deadline=deadline)
        self.link.poke()
        try:
            code, revision, value = await answer
        except asyncio.CancelledError:
            requests.withdraw(request)
            raise
        if code == codes.STOPPING and self._closed:
            raise Closed("the client has been closed", path=path)
        if code != codes.OK:
            raise error_for(code, value, path=path)
        return revision, value

    def _timeout_ms(self, timeout: Seconds | None) -> int:
        return self.timeout_ms if timeout is None else ms_of(timeout)

    def _guards(self, guard: Guard) -> list[object]:
        if guard is None:
            return []
        fences = guard if isinstance(guard, Sequence) else [guard]
        return [[self.chroot.inner(fence.path), fence.token] for fence in fences]
