"""Locks: the body runs only while the lock is held, and is cancelled before it can be lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType

from coordsvc_client.claims import TRY_AGAIN, Claim, ClaimState
from coordsvc_client.client import TreeClient
from coordsvc_client.errors import (
    BadRequest,
    Closed,
    CoordError,
    LockLost,
    LockNotAcquired,
    NodeExists,
    error_for,
)
from coordsvc_client.listeners import call
from coordsvc_client.model import Seconds, ms_of
from coordsvc_client.wire import codes, ops

LostListener = Callable[[], None]


class Held:
    """A lock that is held, until it is released or lost."""

    def __init__(self, client: TreeClient, path: str, claim: Claim) -> None:
        assert claim.state is ClaimState.HELD
        assert claim.token > 0
        self.path = path
        self.token: int = claim.token
        """The fencing token: grows with every grant. Hand it to what the lock protects."""
        self._client = client
        self._claim = claim
        self._listeners: list[LostListener] = []
        self._lost = False
        claim.changed = self._changed

    def __repr__(self) -> str:
        """Return path and token."""
        return f"<Held {self.path} token={self.token}{' lost' if self.lost else ''}>"

    @property
    def lost(self) -> bool:
        """Whether the lock may be somebody else's: asks the clock, not the network."""
        if self._lost or self._claim.state is not ClaimState.HELD:
            return True
        link = self._client.link
        return not link.conversation.lease.holds(link.clock())

    def check(self) -> None:
        """Raise `LockLost` unless the lock is certainly still held."""
        if self.lost:
            raise LockLost("it is no longer certain to be held", path=self.path, token=self.token)

    def on_lost(self, listener: LostListener) -> None:
        """Call `listener` once, as soon as the lock is lost."""
        if self._lost:
            listener()
        else:
            self._listeners.append(listener)

    async def release(self) -> None:
        """Give the lock back. Cancelled or not, the server will hear of it."""
        self._listeners.clear()
        if self._claim.state is not ClaimState.HELD:
            return
        released = asyncio.get_running_loop().create_future()

        def done(code: int, _revision: int, _value: object) -> None:
            if not released.done():
                released.set_result(code)

        self._client.link.conversation.claims.release(self._claim, done)
        self._client.link.poke()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._client.timeout_ms / 1000):
                await released

    def _changed(self, claim: Claim) -> None:
        assert claim.state is ClaimState.GONE, "a held claim can only end"
        self._lost = True
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            call(listener)


async def acquire(
    client: TreeClient,
    path: str,
    *,
    shared: bool = False,
    wait: Seconds | None = None,
    note: str = "",
    delay: Seconds = 0.0,
) -> Held:
    """Acquire the lock at `path`; the node is created if it is not there.

    Raises:
        LockNotAcquired: not within `wait` (0: at once; None: as long as it takes).

    """
    if client.is_closed:
        raise Closed("the client has been closed", path=path)
    if client.session == ops.NO_SESSION:
        raise BadRequest("a client without a session has no locks", path=path)
    attempt = _Attempt(client, path, shared=shared, wait=wait, note=note, delay=delay)
    # Also whether it is free at once somebody has to say.
    limit = None if wait is None else (ms_of(wait) or client.timeout_ms) / 1000
    try:
        async with asyncio.timeout(limit):
            return await attempt.run()
    except TimeoutError as error:
        if isinstance(error, CoordError):
            raise
        raise LockNotAcquired(f"waited {limit} s", path=path, code=codes.TIMED_OUT) from None


class _Attempt:
    """One caller's way to a lock, with as many claims as it takes."""

    def __init__(
        self,
        client: TreeClient,
        path: str,
        *,
        shared: bool,
        wait: Seconds | None,
        note: str,
        delay: Seconds,
    ) -> None:
        self._client = client
        self._path = path
        self._shared = shared
        self._queue = wait is None or ms_of(wait) > 0
        self._note = note
        self._delay_ms = ms_of(delay)

    async def run(self) -> Held:
        """Return with the lock held, or raise."""
        while True:
            claim = await self._claim()
            link = self._client.link
            if claim.state is ClaimState.HELD:
                held = Held(self._client, self._path, claim)
                if link.conversation.lease.holds(link.clock()):
                    return held
                link.conversation.claims.abandon(claim)
            elif self._client.is_closed:
                raise Closed("the client has been closed", path=self._path)
            elif claim.code == codes.NO_NODE:
                with contextlib.suppress(NodeExists):
                    await self._client.create(self._path, parents=True)
            elif claim.code not in TRY_AGAIN:
                raise error_for(claim.code, path=self._path)

    async def _claim(self) -> Claim:
        """Return a claim that is held or gone. Whatever ends the wait leaves no claim behind."""
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def changed(claim: Claim) -> None:
            if claim.state is not ClaimState.WAITING and not settled.done():
                settled.set_result(None)

        link = self._client.link
        claim = link.conversation.claims.acquire(
            self._client.chroot.inner(self._path),
            changed,
            shared=self._shared,
            wait=self._queue,
            delay_ms=self._delay_ms,
            note=self._note,
        )
        link.poke()
        try:
            await settled
        except asyncio.CancelledError:
            link.conversation.claims.abandon(claim)
            link.poke()
            raise
        return claim


class Lock:
    """`async with client.lock(path) as held:`; once per object.

    The body never starts without the lock. If the lock is lost the body is cancelled, strictly
    before the session's lease can end at the servers, and the statement raises `LockLost`. A
    cancellation from outside stays a `CancelledError`.
    """

    def __init__(
        self,
        client: TreeClient,
        path: str,
        *,
        shared: bool = False,
        wait: Seconds | None = None,
        note: str = "",
        delay: Seconds = 0.0,
    ) -> None:
        self.path = path
        self._client = client
        self._shared = shared
        self._wait = wait
        self._note = note
        self._delay = delay
        self.held: Held | None = None
        """The lock, once it was acquired."""
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._interrupted = False

    async def __aenter__(self) -> Held:
        """Wait for the lock."""
        if self._task is not None:
            raise RuntimeError("this lock object has been used; make another one")
        self._task = asyncio.current_task()
        assert self._task is not None, "a coroutine runs in a task"
        self.held = await acquire(
            self._client,
            self.path,
            shared=self._shared,
            wait=self._wait,
            note=self._note,
            delay=self._delay,
        )
        self._cancelling = self._task.cancelling()
        self.held.on_lost(self._interrupt)
        return self.held

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the lock back, or tell that it was lost."""
        held, task = self.held, self._task
        assert held is not None
        assert task is not None
        if not self._interrupted:
            await self._leave(held, exc)
            return
        pending = None
        if not isinstance(exc, asyncio.CancelledError):
            pending = await self._pending_cancellation()
        others = task.uncancel() > self._cancelling
        if others and pending is not None:
            task.cancel()  # what was taken stood for theirs too, which has yet to come
            task.uncancel()
        exc = exc or pending
        if others and exc is not None:
            return  # somebody outside cancels as well, and comes first
        lost = LockLost("the body was cancelled", path=self.path, token=held.token)
        if exc is None or isinstance(exc, asyncio.CancelledError):
            raise lost from exc
        exc.add_note(str(lost))

    async def _leave(self, held: Held, exc: BaseException | None) -> None:
        lost = held.lost
        await held.release()
        if lost and exc is None:
            raise LockLost("it was lost at the end of the body", path=self.path, token=held.token)

    def _interrupt(self) -> None:
        assert self._task is not None
        self._interrupted = True
        self._task.cancel()

    async def _pending_cancellation(self) -> BaseException | None:
        """Take the cancellation that has not reached the body any more."""
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError as error:
            return error
        return None
