"""One leader among many, and a way for everybody to see who it is.

The candidates queue for the lock at `path`. Who holds it puts its value into the ephemeral node
`path/leader`, guarded by the lock's token, so that a former leader can never overwrite it.
`coordctl elect` does the same: either sees the other's leaders.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType

from coordsvc_client.chroot import join
from coordsvc_client.client import TreeClient
from coordsvc_client.errors import CoordError, NodeExists, NoNode
from coordsvc_client.model import Data, Node, Seconds, bytes_of
from coordsvc_client.recipes.following import follow_children
from coordsvc_client.recipes.lock import Held, Lock

LEADER = "leader"
NOTE_MAX = 200


@dataclass(frozen=True, slots=True)
class Leader:
    """Who leads: the value it announced and the fencing token of its term."""

    value: bytes
    token: int

    @property
    def text(self) -> str:
        """The value as UTF-8 text."""
        return self.value.decode()


class Campaign:
    """`async with election.campaign() as term:`; the body runs only while this client leads."""

    def __init__(self, client: TreeClient, path: str, value: bytes, wait: Seconds | None) -> None:
        self._client = client
        self._node = join(path, LEADER)
        self._value = value
        self._lock = Lock(client, path, wait=wait, note=value.decode(errors="replace")[:NOTE_MAX])

    async def __aenter__(self) -> Held:
        """Wait to be elected, then announce the value."""
        held = await self._lock.__aenter__()
        try:
            await self._announce(held)
        except BaseException as error:
            await self._lock.__aexit__(type(error), error, error.__traceback__)
            raise
        return held

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the announcement back and resign."""
        held = self._lock.held
        try:
            if held is not None and not held.lost:
                with contextlib.suppress(CoordError):
                    await self._client.delete(self._node, guard=held)
        finally:
            await self._lock.__aexit__(exc_type, exc, traceback)

    async def _announce(self, held: Held) -> None:
        while True:
            try:
                await self._client.create(self._node, self._value, ephemeral=True, guard=held)
            except NodeExists:  # of a leader whose lock was broken; the token permits to go on
                with contextlib.suppress(NoNode):
                    await self._client.delete(self._node, guard=held)
            else:
                return


class Election:
    """Leadership of whatever `path` stands for."""

    def __init__(self, client: TreeClient, path: str, *, value: Data = b"") -> None:
        self.path = path
        self._client = client
        self._value = bytes_of(value) or b""

    def campaign(self, *, wait: Seconds | None = None) -> Campaign:
        """Return the context in which this client leads; entering waits for the election.

        Raises:
            LockNotAcquired: on entering, if not elected within `wait`.
            LockLost: on leaving, if the leadership was lost; the body was cancelled.

        """
        return Campaign(self._client, self.path, self._value, wait)

    async def leader(self) -> Leader | None:
        """Return who leads now, or None if nobody does or it has not yet announced itself."""
        try:
            node = await self._client.get(join(self.path, LEADER))
        except NoNode:
            return None
        return await self._leader_of(node)

    async def observe(self) -> AsyncIterator[Leader]:
        """Yield the present leader and each one that follows."""
        last: Leader | None = None
        node_path = join(self.path, LEADER)
        async for nodes in follow_children(self._client, self.path):
            node = nodes.get(node_path)
            leader = None if node is None else await self._leader_of(node)
            if leader is not None and leader != last:
                last = leader
                yield leader

    async def _leader_of(self, node: Node) -> Leader | None:
        """Return the leader that wrote the node, if its session still holds the lock."""
        lock = await self._client.lock_info(self.path)
        for claim in lock.holders:
            if claim.session == node.owner:
                return Leader(node.data, claim.token)
        return None
