"""Who is here: a node per member, gone when the member is gone."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias

from coordsvc_client.chroot import join
from coordsvc_client.client import TreeClient
from coordsvc_client.conversation import State
from coordsvc_client.errors import CoordError, NodeExists, NoNode
from coordsvc_client.model import Data, Node, bytes_of
from coordsvc_client.recipes.following import follow_children

PAUSE_S = 0.5
"""Before another attempt to come back, when one has failed."""
PREFIX = "member-"

MemberData: TypeAlias = Data | Mapping[str, object]
"""What a member tells of itself; a mapping is written as JSON."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member, as it announced itself."""

    name: str
    data: bytes
    session: int

    @property
    def text(self) -> str:
        """The data as UTF-8 text."""
        return self.data.decode()

    def json(self) -> object:
        """Return the data read as JSON."""
        return json.loads(self.data)


def encode_member(data: MemberData) -> bytes:
    """Return the bytes to announce."""
    if isinstance(data, Mapping):
        return json.dumps(dict(data), separators=(",", ":"), sort_keys=True).encode()
    return bytes_of(data) or b""


class Membership:
    """`async with client.join(path, data) as me:`; comes back by itself after a lost session."""

    def __init__(
        self, client: TreeClient, path: str, data: MemberData = b"", *, name: str | None = None
    ) -> None:
        self.path = path
        self._client = client
        self._data = encode_member(data)
        self._name = name
        self._node: Node | None = None
        self._session_changed = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._taking_back: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        """The name of the member's node; another one after the session was replaced."""
        assert self._node is not None, "a membership has a name once it is entered"
        return self._node.name

    async def set(self, data: MemberData) -> None:
        """Announce something else."""
        self._data = encode_member(data)
        node = self._node
        if node is not None and node.owner == self._client.session:
            with contextlib.suppress(NoNode):  # the session was lost; coming back announces it
                await self._client.set(node.path, self._data)

    async def __aenter__(self) -> Self:
        """Announce the member."""
        self._client.on_state(self._state_changed)
        try:
            await self._announce()
        except BaseException:
            self._client.forget_state(self._state_changed)
            raise
        self._keeper = asyncio.get_running_loop().create_task(self._keep(), name="coordsvc-member")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the announcement back."""
        self._client.forget_state(self._state_changed)
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        if self._node is not None and self._node.owner == self._client.session:
            with contextlib.suppress(CoordError):
                await self._client.delete(self._node.path)

    def _state_changed(self, state: State) -> None:
        node = self._node
        if state is State.CONNECTED and node is not None and node.owner != self._client.session:
            self._session_changed.set()

    async def _announce(self) -> None:
        """Create the node; one of the same name from an earlier session gives way."""
        while True:
            path, data = join(self.path, self._name or PREFIX), self._data
            try:
                self._node = await self._create(path, data)
            except NodeExists:
                if not await self._remove_own(path):
                    raise
            else:
                if self._data is not data:  # `set` was called meanwhile
                    await self.set(self._data)
                return

    async def _create(self, path: str, data: bytes) -> Node:
        """Create the node. Whoever is cancelled meanwhile is to leave none behind."""
        creating = asyncio.ensure_future(
            self._client.create(
                path, data, ephemeral=True, sequence=self._name is None, parents=True
            )
        )
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:
            task = asyncio.ensure_future(self._take_back(creating))
            self._taking_back.add(task)
            task.add_done_callback(self._taking_back.discard)
            raise

    async def _take_back(self, creating: asyncio.Future[Node]) -> None:
        with contextlib.suppress(CoordError):
            await self._client.delete((await creating).path)

    async def _remove_own(self, path: str) -> bool:
        """Delete the node if it is this member's of before; tell whether the name is free."""
        before = self._node
        try:
            present = await self._client.get(path)
            if before is None or present.czxid != before.czxid:
                return False
            await self._client.delete(path)
        except NoNode:
            return True
        return True

    async def _keep(self) -> None:
        while True:
            await self._session_changed.wait()
            self._session_changed.clear()
            try:
                await self._announce()
            except CoordError:
                await asyncio.sleep(PAUSE_S)
                self._session_changed.set()


async def members(client: TreeClient, path: str) -> AsyncIterator[tuple[Member, ...]]:
    """Yield all members in order of name: as they are, and again after each change."""
    async for nodes in follow_children(client, path):
        ordered = sorted(nodes.values(), key=lambda node: node.name)
        yield tuple(Member(node.name, node.data, node.owner) for node in ordered)
