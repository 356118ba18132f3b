"""The whole client, and how to get one."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import AsyncIterator, Generator, Sequence
from types import TracebackType
from typing import Self

from coordsvc_client.client import TreeClient
from coordsvc_client.conversation import Conversation, State
from coordsvc_client.dialing import DEFAULT_ENDPOINTS, ENDPOINTS_VARIABLE
from coordsvc_client.endpoints import Endpoints, parse_target
from coordsvc_client.link import Link
from coordsvc_client.model import Data, Seconds, ms_of
from coordsvc_client.recipes.election import Election
from coordsvc_client.recipes.lock import Lock
from coordsvc_client.recipes.membership import Member, MemberData, Membership, members
from coordsvc_client.silence import SILENCE_MS

PASSWORD_BYTES = 16


class Client(TreeClient):
    """Everything a client can do. Made by `connect`; all methods belong to one event loop."""

    def lock(
        self,
        path: str,
        *,
        shared: bool = False,
        wait: Seconds | None = None,
        note: str = "",
        delay: Seconds = 0.0,
    ) -> Lock:
        """Return `async with` for the lock at `path`: the body runs only while it is held.

        `wait` is how long to queue (None: as long as it takes, 0: not at all); `delay` keeps the
        lock closed for so long if this client's session should expire with it.
        """
        return Lock(self, path, shared=shared, wait=wait, note=note, delay=delay)

    def election(self, path: str, *, value: Data = b"") -> Election:
        """Return the election at `path`, to campaign in or to observe."""
        return Election(self, path, value=value)

    def join(self, path: str, data: MemberData = b"", *, name: str | None = None) -> Membership:
        """Return `async with` for being a member of the group at `path`."""
        return Membership(self, path, data, name=name)

    def members(self, path: str) -> AsyncIterator[tuple[Member, ...]]:
        """Return all members of the group at `path`: as they are, and after each change."""
        return members(self, path)

    async def __aenter__(self) -> Self:
        """Return the client itself."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client."""
        await self.close()


class Connecting:
    """A client on its way: `await` it, or enter it."""

    def __init__(
        self,
        where: str | Sequence[str] | None,
        *,
        name: str,
        session: bool,
        session_timeout: Seconds,
        timeout: Seconds,
        prefer_leader: bool,
        silence: Seconds,
    ) -> None:
        text = where or os.environ.get(ENDPOINTS_VARIABLE) or DEFAULT_ENDPOINTS
        self._target = parse_target(text)
        options = self._target.options
        self._name = options.get("name", name)
        self._session = session
        self._session_timeout_ms = ms_of(
            float(options.get("session_timeout", ms_of(session_timeout) / 1000))
        )
        self._timeout: Seconds = float(options["timeout"]) if "timeout" in options else timeout
        self._prefer_leader = prefer_leader
        self._silence_ms = max(2, ms_of(silence))
        self._client: Client | None = None

    def __await__(self) -> Generator[object, None, Client]:
        """Connect; return the client once a server has let it in."""
        return self._connect().__await__()

    async def __aenter__(self) -> Client:
        """Connect; return the client once a server has let it in."""
        self._client = await self._connect()
        return self._client

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client."""
        assert self._client is not None
        await self._client.close()

    async def _connect(self) -> Client:
        conversation = Conversation(
            make_password=lambda: secrets.token_bytes(PASSWORD_BYTES),
            timeout_ms=self._session_timeout_ms,
            client_name=self._name,
            with_session=self._session,
            silence_ms=self._silence_ms,
        )
        endpoints = Endpoints(self._target.addresses, random.SystemRandom().randrange)
        link = Link(conversation, endpoints, prefer_leader=self._prefer_leader)
        return await start(Client(link, chroot=self._target.chroot, timeout=self._timeout))


async def start(client: Client) -> Client:
    """Return `client` once a server has let it in; close it if none does in time."""
    client.link.conversation.on_state = client.state_changed
    try:
        if client.state is not State.CONNECTED:
            await client.ready()
    except BaseException:
        await client.close()
        raise
    return client


def connect(
    where: str | Sequence[str] | None = None,
    *,
    name: str = "",
    session: bool = True,
    session_timeout: Seconds = 10.0,
    timeout: Seconds = 10.0,
    prefer_leader: bool = True,
    silence: Seconds = SILENCE_MS / 1000,
) -> Connecting:
    """Return a client on its way: await it, or enter it with `async with`.

    `where` is `coord://h1:2181,h2:2181/chroot?session_timeout=10&timeout=5&name=worker-7`, a list
    of addresses, or by default what COORDSVC_ENDPOINTS says, or else the cluster that
    `coordsvc dev` runs: 127.0.0.1:2181, 2182 and 2183. Options in a URL win.
    `session=False` makes a client that only reads. `session_timeout` is after how many seconds
    of silence the cluster takes this client for dead; `timeout` bounds each call. A server from
    which nothing comes for `silence` seconds while something is due (at most a quarter of the
    session timeout) is left for another, as soon as one answers.

    Raises:
        Unavailable: no server let the client in within `timeout`.
        ValueError: `where` cannot be understood.

    """
    return Connecting(
        where,
        name=name,
        session=session,
        session_timeout=session_timeout,
        timeout=timeout,
        prefer_leader=prefer_leader,
        silence=silence,
    )
