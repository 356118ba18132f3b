"""A crowd of users on a real cluster, and the verdict on what they were promised."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from coordsvc.base.vocabulary import ops
from coordsvc_client import Client, CoordError, NoNode, connect
from coordsvc_client.blocking import BlockingError, Connection
from tests.chaos.users import (
    Counters,
    Habit,
    Locks,
    Prober,
    Registers,
    Scene,
    Sequences,
    Sessions,
    Tree,
    Watcher,
)
from tests.sim.verdicts import NoProgress, WrongResult

SETTLE_S = 30.0
"""After the last fault the nodes must be equal within this time."""
STATUS_S = 1.0
DELETE_S = 5.0
ROOM_S = 10.0


class Load:
    """Use as `async with`; then `finish`. Faults happen in between."""

    def __init__(
        self,
        addresses: dict[str, str],
        *,
        seed: int = 1,
        session_timeout_s: float = 10.0,
        pace_s: float = 0.02,
    ) -> None:
        self.addresses = addresses
        self.scene = Scene(seed, pace_s=pace_s)
        self.registers = Registers(self.scene)
        self.counters = Counters(self.scene)
        self.sequences = Sequences(self.scene)
        self.locks = Locks(self.scene)
        self.tree = Tree(self.scene)
        self.sessions = Sessions(self.scene)
        self.prober = Prober(self.scene)
        self._session_timeout_s = session_timeout_s
        self._clients: list[Client] = []
        self._users: list[asyncio.Task[None]] = []
        self._watching: list[asyncio.Task[None]] = []
        self._reader: Client | None = None

    @property
    def habits(self) -> list[tuple[Habit, int]]:
        """Every kind of user, and how many there are."""
        return [
            (self.registers, 3),
            (self.counters, 2),
            (self.sequences, 2),
            (self.locks, 3),
            (self.tree, 2),
            (self.sessions, 2),
            (self.prober, 1),
        ]

    async def __aenter__(self) -> Self:
        """Begin."""
        try:
            reader = self._reader = await self._connect("reader")
            await reader.create(self.scene.root)
            for habit, _ in self.habits:
                await habit.prepare(reader)
            await self._start_watchers()
            await self._start_readers()
            for habit, count in self.habits:
                for number in range(count):
                    name = f"{type(habit).__name__.lower()}-{number}"
                    client = await self._connect(name, spread=number % 2 == 1)
                    self._users.append(asyncio.create_task(habit.live(client, name), name=name))
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End every user."""
        await self._close()

    async def _start_watchers(self) -> None:
        for node in self.addresses:
            watcher = Watcher(self.scene, self.tree)
            name = f"watcher-{node}"
            client = await self._connect(name, spread=True, first=node)
            self._watching.append(asyncio.create_task(watcher.live(client, name), name=name))
            await asyncio.wait_for(watcher.ready.wait(), 10)
            self.tree.watchers.append(watcher)

    async def _start_readers(self) -> None:
        for node in self.addresses:
            name = f"reader-{node}"
            client = await self._connect(name, spread=True, first=node)
            task = asyncio.create_task(self.registers.read(client, name), name=name)
            self._users.append(task)

    async def _connect(self, name: str, *, spread: bool = False, first: str = "") -> Client:
        where = sorted(self.addresses, key=lambda node: node != first)
        client = await connect(
            [self.addresses[node] for node in where],
            name=name,
            session_timeout=self._session_timeout_s,
            timeout=20,
            prefer_leader=not spread,
        )
        self._clients.append(client)
        return client

    def look(self) -> None:
        """Raise what a user has raised, as soon as it has."""
        for task in (*self._users, *self._watching):
            if task.done() and not task.cancelled():
                task.result()

    async def run(self, seconds: float) -> None:
        """Let the users act for so long."""
        until = asyncio.get_running_loop().time() + seconds
        while (left := until - asyncio.get_running_loop().time()) > 0:
            self.look()
            await asyncio.sleep(min(left, 0.1))
        self.look()

    async def delete_on_full_disks(self) -> None:
        """Make room, as everybody may on full disks.

        Raises:
            NoProgress: it is refused, or does not come about.

        """
        assert self._reader is not None
        path = f"{self.scene.root}/bulk-0"
        try:
            await self._reader.delete(path, timeout=DELETE_S)
        except NoNode:
            return
        except CoordError as error:
            raise NoProgress(f"a delete does not go through on full disks: {error}") from error

    async def until_room(self) -> None:
        """Wait until no node refuses growth any more.

        Raises:
            NoProgress: the alarm does not clear by itself.

        """
        assert self._reader is not None
        try:
            async with asyncio.timeout(ROOM_S):
                while True:
                    with contextlib.suppress(CoordError):
                        await self._reader.put(f"{self.scene.root}/room", b"")
                        return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise NoProgress(f"{ROOM_S} s after there was room again growth is refused") from None

    async def swell(self, mib: int) -> None:
        """Write so much that the logs need new segments; waits as long as that takes."""
        assert self._reader is not None
        for number in range(4 * mib):
            with contextlib.suppress(CoordError):
                await self._reader.put(f"{self.scene.root}/bulk-{number % 8}", bytes(256 * 1024))

    async def finish(self) -> list[str]:
        """End the users and judge; all nodes run. Return lines of a report.

        Raises:
            WrongResult, NoProgress: a promise was broken.

        """
        self.scene.stopping.set()
        _, late = await asyncio.wait(self._users, timeout=SETTLE_S)
        if late:
            raise NoProgress(f"still wait for an answer: {[task.get_name() for task in late]}")
        self.look()
        assert self._reader is not None
        lines = [await habit.check(self._reader) for habit, _ in self.habits]
        self.look()
        lines.append(await equal_nodes(self.addresses))
        return lines

    async def _close(self) -> None:
        self.scene.stopping.set()
        for task in (*self._users, *self._watching):
            task.cancel()
        await asyncio.gather(*self._users, *self._watching, return_exceptions=True)
        async with asyncio.timeout(10):
            closing = (client.close() for client in self._clients)
            await asyncio.gather(*closing, return_exceptions=True)


def status(address: str) -> dict[str, object]:
    """Return what one node says of itself; nothing if it does not answer."""
    with Connection([address], with_session=False) as connection:
        with contextlib.suppress(BlockingError):
            answer = connection.call(ops.STATUS, timeout_s=STATUS_S, consistency=ops.STALE)
            assert isinstance(answer.value, list)
            return {str(name): value for name, value in answer.value}
    return {}


async def equal_nodes(addresses: dict[str, str]) -> str:
    """Wait until all nodes have applied the same; compare their digests wherever they agree.

    Raises:
        WrongResult: two nodes differ after the same entries.
        NoProgress: they do not come together.

    """
    digests: dict[object, object] = {}
    views: dict[str, dict[str, object]] = {}
    until = asyncio.get_running_loop().time() + SETTLE_S
    while asyncio.get_running_loop().time() < until:
        for name, address in addresses.items():
            view = views[name] = await asyncio.to_thread(status, address)
            if view:
                known = digests.setdefault(view["applied_index"], view["digest"])
                if known != view["digest"]:
                    raise WrongResult(f"{name} differs at {view['applied_index']}: {views}")
        applied = {view.get("applied_index") for view in views.values()}
        if len(applied) == 1 and applied != {None}:
            return f"nodes: {len(views)} equal at revision {applied.pop()}"
        await asyncio.sleep(0.05)
    raise NoProgress(f"the nodes do not come together: {views}")
