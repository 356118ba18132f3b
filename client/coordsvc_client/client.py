"""The tree: read, write, list, watch, transact. Locks and their kin stand on this."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

from coordsvc_client.chroot import join
from coordsvc_client.errors import (
    BadRequest,
    Closed,
    CoordError,
    NoNode,
)
from coordsvc_client.model import (
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
from coordsvc_client.session import SessionClient
from coordsvc_client.stream import WatchStream
from coordsvc_client.transaction import Txn, kind_of
from coordsvc_client.wire import codes, ops

PAGE: int = 1_000
"""Children asked for at a time."""
LISTINGS_MAX: int = 5
"""How often a listing is begun; its cursor is lost with the server it was begun at."""


class TreeClient(SessionClient):
    """A connected client. All methods belong to the event loop it was made in.

    `timeout` bounds each call, in seconds; within it everything is tried again that may be.
    """

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
        listings = 1
        while True:
            try:
                async for page, _ in self.pages(path, consistency=consistency, timeout=timeout):
                    names.extend(cast("list[str]", page))
            except CoordError as error:
                if error.code != codes.CURSOR_LOST or listings == LISTINGS_MAX:
                    raise
            else:
                return names
            names.clear()
            listings += 1

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
