"""The tree: read, write, list, watch, transact. Locks and their kin stand on this."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeAlias, cast

from coordsvc_client.chroot import Chroot, join
from coordsvc_client.conversation import State
from coordsvc_client.endpoints import Address
from coordsvc_client.errors import (
    BadRequest,
    Closed,
    CoordError,
    NoNode,
    Unavailable,
    error_for,
)
from coordsvc_client.link import Link
from coordsvc_client.model import (
    CONSISTENCIES,
    Consistency,
    Data,
    Guard,
    LockInfo,
    Node,
    Seconds,
    Stat,
    bytes_of,
    lock_of,
    ms_of,
    stat_of,
)
from coordsvc_client.requests import Done
from coordsvc_client.stream import WatchStream
from coordsvc_client.transaction import Txn, kind_of
from coordsvc_client.wire import codes, ops

PAGE: int = 1_000
"""Children asked for at a time."""


StateListener: TypeAlias = Callable[[State], None]


class TreeClient:
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
        """Yield the present state and each one that follows."""
        queue: asyncio.Queue[State] = asyncio.Queue()
        queue.put_nowait(self.state)
        self.on_state(queue.put_nowait)
        try:
            while not self._closed:
                yield await queue.get()
        finally:
            self.forget_state(queue.put_nowait)

    def state_changed(self, state: State) -> None:
        """Pass a new state on to the listeners."""
        for listener in list(self._listeners):
            listener(state)

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
        try:
            if self.session > 0:
                with contextlib.suppress(CoordError):
                    limit = min(self.timeout_ms, ms_of(self.lease_left()), 2_000)
                    await self._exchange(ops.CLOSE, (), None, None, limit / 1000)
        finally:
            await self.link.close()
            self._conversation.requests.fail_all(codes.STOPPING, "the client has been closed")
            self._conversation.claims.lose_session()

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
        requests = self._conversation.requests
        if op in ops.MUTATIONS:
            requests.mutate(op, args, done, deadline=deadline)
        else:
            level = ops.LINEARIZABLE if consistency is None else consistency
            requests.read(op, args, done, consistency=level, deadline=deadline)
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

    # Reading.

    async def get(
        self,
        path: str,
        *,
        consistency: Consistency = "linearizable",
        timeout: Seconds | None = None,
    ) -> Node:
        """Return the node at `path`.

        Raises:
            NoNode: there is none.

        """
        args = (self.chroot.inner(path),)
        _, value = await self.request(
            ops.GET, args, path=path, consistency=consistency, timeout=timeout
        )
        data, stat = cast("tuple[bytes | None, object]", value)
        return Node(path, data or b"", stat_of(stat))

    async def exists(
        self,
        path: str,
        *,
        consistency: Consistency = "linearizable",
        timeout: Seconds | None = None,
    ) -> Stat | None:
        """Return the stat of the node at `path`, or None if there is none."""
        args = (self.chroot.inner(path),)
        try:
            _, value = await self.request(
                ops.STAT, args, path=path, consistency=consistency, timeout=timeout
            )
        except NoNode:
            return None
        return stat_of(value)

    async def children(
        self,
        path: str,
        *,
        consistency: Consistency = "linearizable",
        timeout: Seconds | None = None,
    ) -> list[str]:
        """Return the names of all children in order, as they were at one revision.

        Raises:
            NoNode: there is no node at `path`.

        """
        names: list[str] = []
        async for page, _ in self.pages(path, consistency=consistency, timeout=timeout):
            names.extend(cast("list[str]", page))
        return names

    async def nodes(
        self,
        path: str,
        *,
        consistency: Consistency = "linearizable",
        timeout: Seconds | None = None,
    ) -> AsyncIterator[Node]:
        """Yield the children of `path` with their data, in order of name.

        Raises:
            NoNode: there is no node at `path`.

        """
        pages = self.pages(path, data=True, consistency=consistency, timeout=timeout)
        async for page, _ in pages:
            for item in page:
                name, data, stat = cast("tuple[str, bytes | None, object]", item)
                yield Node(join(path, name), data or b"", stat_of(stat))

    async def pages(
        self,
        path: str,
        *,
        data: bool = False,
        limit: int = PAGE,
        consistency: Consistency = "linearizable",
        timeout: Seconds | None = None,
    ) -> AsyncIterator[tuple[list[object], int]]:
        """Yield pages of children, raw, each with the revision it was read at."""
        inner, after, cursor = self.chroot.inner(path), None, 0
        while True:
            revision, value = await self.request(
                ops.CHILDREN,
                (inner, limit, after, cursor, data),
                path=path,
                consistency=consistency,
                timeout=timeout,
            )
            items, cursor = cast("tuple[list[object], int]", value)
            yield items, revision
            if cursor == 0 or not items:
                return
            last = items[-1]
            after = cast("str", last[0] if isinstance(last, list) else last)

    # Writing.

    async def create(
        self,
        path: str,
        data: Data | None = b"",
        *,
        ephemeral: bool = False,
        sequence: bool = False,
        container: bool = False,
        ttl: Seconds | None = None,
        parents: bool = False,
        guard: Guard = None,
        timeout: Seconds | None = None,
    ) -> Node:
        """Create a node and return it; with `sequence`, its name has the number.

        Raises:
            NodeExists: there is one already (never this very call's own).
            NoNode: there is no parent, and `parents` was not asked for.

        """
        kind = kind_of(ephemeral=ephemeral, container=container, ttl=ttl)
        ttl_ms = 0 if ttl is None else ms_of(ttl)
        content = bytes_of(data)
        inner = self.chroot.inner(path)
        args = (inner, content, kind, sequence, parents, ttl_ms, self._guards(guard))
        _, value = await self.request(ops.CREATE, args, path=path, timeout=timeout)
        created, stat = cast("tuple[str, object]", value)
        return Node(self.chroot.outer(created), content or b"", stat_of(stat))

    async def put(
        self,
        path: str,
        data: Data | None,
        *,
        parents: bool = False,
        guard: Guard = None,
        timeout: Seconds | None = None,
    ) -> Stat:
        """Set the data of a node; create it if it is not there."""
        args = (self.chroot.inner(path), bytes_of(data), parents, self._guards(guard))
        _, value = await self.request(ops.PUT, args, path=path, timeout=timeout)
        _, stat = cast("tuple[bool, object]", value)
        return stat_of(stat)

    async def set(
        self,
        path: str,
        data: Data | None,
        *,
        version: int = -1,
        guard: Guard = None,
        timeout: Seconds | None = None,
    ) -> Stat:
        """Set the data of an existing node.

        Raises:
            NoNode: there is none.
            BadVersion: it has another version than asked for (-1: any will do).

        """
        args = (self.chroot.inner(path), bytes_of(data), version, self._guards(guard))
        _, value = await self.request(ops.SET, args, path=path, timeout=timeout)
        return stat_of(value)

    async def delete(
        self,
        path: str,
        *,
        version: int = -1,
        recursive: bool = False,
        guard: Guard = None,
        timeout: Seconds | None = None,
    ) -> int:
        """Delete a node, or with `recursive` all of its subtree; return how many nodes went.

        Raises:
            NoNode: there is none.
            NotEmpty: it has children.

        """
        args = (self.chroot.inner(path), version, recursive, self._guards(guard))
        _, value = await self.request(ops.DELETE, args, path=path, timeout=timeout)
        return cast("int", value)

    def txn(self) -> Txn:
        """Start a transaction: gather operations, then `await ... .commit()`."""

        async def send(args: tuple[object, ...], timeout: Seconds | None) -> tuple[int, object]:
            return await self.request(ops.TXN, args, timeout=timeout)

        return Txn(send, self.chroot)

    # Watching.

    def watch(
        self,
        path: str,
        *,
        recursive: bool = False,
        children: bool = False,
        since: int = 0,
        data: bool = True,
    ) -> WatchStream:
        """Return the changes at `path` from now on, or after the revision `since`.

        `children` adds those of direct children coming and going, `recursive` everything below.
        """
        if recursive and children:
            raise BadRequest("a watch is recursive or on children, not both", path=path)
        if self._closed:
            raise Closed("the client has been closed", path=path)
        mode = ops.WATCH_CHILDREN if children else ops.WATCH_NODE
        if recursive:
            mode = ops.WATCH_SUBTREE
        stream = WatchStream(self.link, self.chroot, path, mode=mode, since=since, data=data)
        self._streams.add(stream)
        return stream

    # Looking at locks.

    async def lock_info(
        self,
        path: str,
        *,
        consistency: Consistency = "linearizable",
        timeout: Seconds | None = None,
    ) -> LockInfo:
        """Return who holds the lock at `path` and who waits for it."""
        args = (self.chroot.inner(path),)
        _, value = await self.request(
            ops.LOCK_GET, args, path=path, consistency=consistency, timeout=timeout
        )
        return lock_of(value, path)

    async def check_token(self, path: str, token: int, *, timeout: Seconds | None = None) -> bool:
        """Tell whether the token holds the lock at `path` now."""
        args = (self.chroot.inner(path), token)
        try:
            await self.request(ops.TOKEN_GET, args, path=path, timeout=timeout)
        except CoordError as error:
            if error.code == codes.STALE_TOKEN:
                return False
            raise
        return True

    async def break_lock(self, path: str, *, note: str, timeout: Seconds | None = None) -> int:
        """Take a lock from its holders; return how many lost it. The service keeps the note."""
        args = (self.chroot.inner(path), note)
        _, value = await self.request(ops.BREAK, args, path=path, timeout=timeout)
        return cast("int", value)
