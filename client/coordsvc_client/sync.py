"""The blocking twin: the same names, for scripts and threads.

    with coordsvc_client.sync.connect() as c:
        with c.lock("/locks/deploy", wait=30) as held:
            for batch in work:
                held.check()
                write(batch, fence=held.token)

An event loop runs in a thread of its own, so heartbeats go on while the caller computes or
sleeps. One thing is different: a thread cannot be cancelled from outside. A lock that is lost
does not interrupt the body. Ask `held.lost`, call `held.check()` before each step, or pass
`on_lost=`, which is called in the loop's thread and so cannot call this client. Leaving the body
of a lost lock raises `LockLost`. The fencing token protects what checks it, here as there.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from types import TracebackType
from typing import Self, TypeVar

from coordsvc_client import api
from coordsvc_client.conversation import State
from coordsvc_client.errors import Closed, LockLost
from coordsvc_client.model import (
    Consistency,
    Data,
    Event,
    Guard,
    LockInfo,
    Node,
    Seconds,
    Stat,
)
from coordsvc_client.recipes import lock as locks
from coordsvc_client.recipes.membership import Member, MemberData
from coordsvc_client.silence import SILENCE_MS
from coordsvc_client.transaction import Txn, TxnResult

T = TypeVar("T")


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.new_event_loop()
        self._submitting = threading.Lock()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="coordsvc-client", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        left = asyncio.all_tasks(self.loop)  # other threads wait for them
        for task in left:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))

    def refuse_callbacks(self) -> None:
        """Raise RuntimeError over there: whoever is called back must not wait for that thread."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("a callback runs in the client's own thread: it cannot wait for it")

    def call(self, coroutine: Coroutine[object, object, T]) -> T:
        """Run a coroutine over there; wait for it. An interruption here cancels it there.

        Raises:
            Closed: `stop` was called, before or meanwhile.
            RuntimeError: it is called over there, by a callback.

        """
        try:
            self.refuse_callbacks()
        except RuntimeError:
            coroutine.close()
            raise
        with self._submitting:
            if self._stopped:
                coroutine.close()
                raise Closed("the client has been closed")
            future: Future[T] = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return future.result()
        except CancelledError:
            raise Closed("the client has been closed") from None
        except BaseException:
            future.cancel()
            raise

    def post(self, coroutine: Coroutine[object, object, object]) -> None:
        """Run a coroutine over there, behind all that was asked before; do not wait for it."""
        with self._submitting:
            if self._stopped:
                coroutine.close()
            else:
                asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def stop(self) -> None:
        """End the loop and the thread, and whatever is still under way there."""
        with self._submitting:
            self._stopped = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class Held:
    """A lock that is held, until it is released or lost."""

    def __init__(self, thread: LoopThread, held: locks.Held) -> None:
        self.path: str = held.path
        self.token: int = held.token
        """The fencing token: grows with every grant. Hand it to what the lock protects."""
        self._thread = thread
        self._held = held

    @property
    def lost(self) -> bool:
        """Whether the lock may be somebody else's: asks the clock, not the network."""
        return self._held.lost

    def check(self) -> None:
        """Raise `LockLost` unless the lock is certainly still held."""
        self._held.check()

    def release(self) -> None:
        """Give the lock back."""
        self._thread.call(self._held.release())


class Lock:
    """`with client.lock(path) as held:`; the body starts only with the lock."""

    def __init__(
        self,
        thread: LoopThread,
        acquire: Callable[[], Coroutine[object, object, locks.Held]],
        on_lost: Callable[[], None] | None,
    ) -> None:
        self._thread = thread
        self._acquire = acquire
        self._on_lost = on_lost
        self._held: Held | None = None
        self._entered: locks.Held | None = None

    def __enter__(self) -> Held:
        """Wait for the lock."""
        try:
            self._held = Held(self._thread, self._thread.call(self._enter()))
        except BaseException:
            self._thread.post(self._give_back())  # it may have been had at that very moment
            raise
        return self._held

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the lock back, or tell that it was lost."""
        held = self._held
        assert held is not None
        lost = held.lost
        held.release()
        if lost and exc is None:
            raise LockLost("it was lost during the body", path=held.path, token=held.token)

    async def _enter(self) -> locks.Held:
        self._entered = held = await self._acquire()
        if self._on_lost is not None:
            held.on_lost(self._on_lost)
        return held

    async def _give_back(self) -> None:
        if self._entered is not None:
            await self._entered.release()


class Transaction:
    """Gathers operations with the methods of `ops`; `commit` sends them."""

    def __init__(self, thread: LoopThread, txn: Txn) -> None:
        self.ops = txn
        """The builder: the same as in the asynchronous client, apart from its `commit`."""
        self._thread = thread

    def commit(self, *, timeout: Seconds | None = None) -> TxnResult:
        """Do it: all or nothing."""
        return self._thread.call(self.ops.commit(timeout=timeout))


class Client:
    """A blocking client; its methods may be called from any thread."""

    def __init__(self, thread: LoopThread, client: api.Client) -> None:
        self.aio = client
        """The asynchronous client, which lives in the loop's thread."""
        self._thread = thread
        self._closed = False

    @property
    def servers(self) -> tuple[str, ...]:
        """Where the members of the cluster are, as the server last said (`host:port` each)."""
        return self.aio.servers

    @property
    def state(self) -> State:
        """How far the session can be relied on."""
        return self.aio.state

    @property
    def session(self) -> int:
        """The number of the session."""
        return self.aio.session

    def get(
        self,
        path: str,
        *,
        consistency: Consistency = "linearizable",
        timeout: Seconds | None = None,
    ) -> Node:
        """Return the node at `path`."""
        return self._thread.call(self.aio.get(path, consistency=consistency, timeout=timeout))

    def exists(
        self,
        path: str,
        *,
        consistency: Consistency = "linearizable",
        timeout: Seconds | None = None,
    ) -> Stat | None:
        """Return the stat of the node at `path`, or None if there is none."""
        return self._thread.call(self.aio.exists(path, consistency=consistency, timeout=timeout))

    def children(
        self,
        path: str,
        *,
        consistency: Consistency = "linearizable",
        timeout: Seconds | None = None,
    ) -> list[str]:
        """Return the names of all children in order."""
        return self._thread.call(self.aio.children(path, consistency=consistency, timeout=timeout))

    def nodes(self, path: str, *, consistency: Consistency = "linearizable") -> Iterator[Node]:
        """Yield the children of `path` with their data, in order of name."""
        return self._iterate(self.aio.nodes(path, consistency=consistency))

    def create(
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
        """Create a node and return it; with `sequence`, its name has the number."""
        return self._thread.call(
            self.aio.create(
                path,
                data,
                ephemeral=ephemeral,
                sequence=sequence,
                container=container,
                ttl=ttl,
                parents=parents,
                guard=guard,
                timeout=timeout,
            )
        )

    def put(
        self,
        path: str,
        data: Data | None,
        *,
        parents: bool = False,
        guard: Guard = None,
        timeout: Seconds | None = None,
    ) -> Stat:
        """Set the data of a node; create it if it is not there."""
        return self._thread.call(
            self.aio.put(path, data, parents=parents, guard=guard, timeout=timeout)
        )

    def set(
        self,
        path: str,
        data: Data | None,
        *,
        version: int = -1,
        guard: Guard = None,
        timeout: Seconds | None = None,
    ) -> Stat:
        """Set the data of an existing node."""
        return self._thread.call(
            self.aio.set(path, data, version=version, guard=guard, timeout=timeout)
        )

    def delete(
        self,
        path: str,
        *,
        version: int = -1,
        recursive: bool = False,
        guard: Guard = None,
        timeout: Seconds | None = None,
    ) -> int:
        """Delete a node, or with `recursive` all of its subtree; return how many nodes went."""
        return self._thread.call(
            self.aio.delete(
                path, version=version, recursive=recursive, guard=guard, timeout=timeout
            )
        )

    def txn(self) -> Transaction:
        """Start a transaction."""
        return Transaction(self._thread, self.aio.txn())

    def watch(
        self,
        path: str,
        *,
        recursive: bool = False,
        children: bool = False,
        since: int = 0,
        data: bool = True,
    ) -> Iterator[Event]:
        """Yield the changes at `path`; blocks for the next one. The watch starts at once."""

        async def start() -> AsyncIterator[Event]:
            return self.aio.watch(
                path, recursive=recursive, children=children, since=since, data=data
            )

        return self._iterate(self._thread.call(start()))

    def lock(
        self,
        path: str,
        *,
        shared: bool = False,
        wait: Seconds | None = None,
        note: str = "",
        delay: Seconds = 0.0,
        on_lost: Callable[[], None] | None = None,
    ) -> Lock:
        """Return `with` for the lock at `path`. A lost lock does not stop the body: see above."""
        return Lock(
            self._thread,
            lambda: locks.acquire(self.aio, path, shared=shared, wait=wait, note=note, delay=delay),
            on_lost,
        )

    def lock_info(self, path: str, *, timeout: Seconds | None = None) -> LockInfo:
        """Return who holds the lock at `path` and who waits for it."""
        return self._thread.call(self.aio.lock_info(path, timeout=timeout))

    def join(self, path: str, data: MemberData = b"", *, name: str | None = None) -> Joined:
        """Return `with` for being a member of the group at `path`."""
        return Joined(self._thread, self.aio, path, data, name)

    def members(self, path: str) -> Iterator[tuple[Member, ...]]:
        """Yield all members of the group at `path`: as they are, and after each change."""
        return self._iterate(self.aio.members(path))

    def close(self) -> None:
        """End the session, the connection and the thread."""
        if not self._closed:
            self._thread.refuse_callbacks()
            self._closed = True
            try:
                self._thread.call(self.aio.close())
            finally:
                self._thread.stop()

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client."""
        self.close()

    def _iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        async def step() -> T:
            return await anext(items)

        try:
            while True:
                try:
                    yield self._thread.call(step())
                except StopAsyncIteration:
                    return
        finally:
            close = getattr(items, "aclose", None)
            if close is not None and not self._closed:
                self._thread.call(close())


class Joined:
    """`with client.join(path, data) as me:`; comes back by itself after a lost session."""

    def __init__(
        self,
        thread: LoopThread,
        client: api.Client,
        path: str,
        data: MemberData,
        name: str | None,
    ) -> None:
        self._thread = thread
        self._membership = client.join(path, data, name=name)

    @property
    def name(self) -> str:
        """The name of the member's node."""
        return self._membership.name

    def set(self, data: MemberData) -> None:
        """Announce something else."""
        self._thread.call(self._membership.set(data))

    def __enter__(self) -> Self:
        """Announce the member."""
        self._thread.call(self._membership.__aenter__())
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the announcement back."""
        self._thread.call(self._membership.__aexit__(None, None, None))


def connect(
    where: str | Sequence[str] | None = None,
    *,
    name: str = "",
    session: bool = True,
    session_timeout: Seconds = 10.0,
    timeout: Seconds = 10.0,
    prefer_leader: bool = True,
    silence: Seconds = SILENCE_MS / 1000,
) -> Client:
    """Return a connected client. The options are those of `coordsvc_client.connect`."""

    async def open_client() -> api.Client:
        return await api.connect(
            where,
            name=name,
            session=session,
            session_timeout=session_timeout,
            timeout=timeout,
            prefer_leader=prefer_leader,
            silence=silence,
        )

    thread = LoopThread()
    try:
        return Client(thread, thread.call(open_client()))
    except BaseException:
        thread.stop()
        raise
