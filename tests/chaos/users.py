"""Users of a real cluster, each with a habit, and the promises they can see broken.

A user acts until `Scene.stopping`. It raises WrongResult where it sees a broken promise at once;
`check` finds what can only be seen at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Sequence
from typing import Protocol

from coordsvc.base.vocabulary import codes, ops
from coordsvc_client import (
    Client,
    CoordError,
    Event,
    EventKind,
    Held,
    LockLost,
    NoNode,
    StaleToken,
)
from tests.chaos.recorder import Recorder
from tests.sim.checkers.exactly_once import check_count, check_unique
from tests.sim.checkers.linearizability import check_parts
from tests.sim.checkers.locks import GuardedStorage, HoldingChecker
from tests.sim.checkers.models import VERSION_FIELD, RegisterModel, keys_of
from tests.sim.checkers.revisions import check_real_time
from tests.sim.history import Operation
from tests.sim.verdicts import NoProgress, WrongResult

ROOT = "/load"
CATCH_UP_S = 20.0


class Scene:
    """What all users share."""

    def __init__(self, seed: int, *, root: str = ROOT, pace_s: float = 0.02) -> None:
        self.root = root
        self.chance = random.Random(seed)
        self.recorder = Recorder()
        self.stopping = asyncio.Event()
        self.pace_s = pace_s

    async def pause(self, most_s: float | None = None) -> None:
        """Let some time pass, less if the scene ends."""
        await self.sleep(self.chance.uniform(0, self.pace_s if most_s is None else most_s))

    async def sleep(self, seconds: float) -> None:
        """Let time pass, less if the scene ends."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()


class Habit(Protocol):
    """One kind of user; several clients can share one."""

    async def prepare(self, client: Client) -> None:
        """Make what the users need."""

    async def live(self, client: Client, name: str) -> None:
        """Act until the scene ends."""

    async def check(self, reader: Client) -> str:
        """Judge; return a line about what was seen."""


class Registers:
    """Reads and writes of all kinds on a few nodes: linearizable."""

    def __init__(self, scene: Scene, *, keys: int = 4) -> None:
        self._scene = scene
        self._paths = [f"{scene.root}/register-{number}" for number in range(keys)]
        self.operations: list[Operation] = []

    async def prepare(self, client: Client) -> None:
        pass

    async def live(self, client: Client, name: str) -> None:
        scene, versions, written = self._scene, dict[str, int](), 0
        while not scene.stopping.is_set():
            path = scene.chance.choice(self._paths)
            written += 1
            data = f"{name}-{written}".encode()
            version = versions.get(path, -1) if scene.chance.randrange(2) else -1
            op, args = scene.chance.choice(
                (
                    (ops.GET, (path,)),
                    (ops.GET, (path,)),
                    (ops.SET, (path, data, version, [])),
                    (ops.SET, (path, data, version, [])),
                    (ops.PUT, (path, data, False, [])),
                    (ops.CREATE, (path, data, ops.PERSISTENT, False, False, 0, [])),
                    (ops.DELETE, (path, version, False, [])),
                )
            )
            operation = await self._ask(client, name, op, args)
            if op == ops.GET and operation.is_ok:
                versions[path] = operation.value[1][VERSION_FIELD]
            await scene.pause()

    async def read(self, client: Client, name: str) -> None:
        """Only read: writers would be stuck where nobody leads, and see no past there."""
        while not self._scene.stopping.is_set():
            path = self._scene.chance.choice(self._paths)
            await self._ask(client, name, ops.GET, (path,))
            await self._scene.pause()

    async def _ask(self, client: Client, name: str, op: int, args: tuple) -> Operation:
        operation = await self._scene.recorder.ask(client, name, op, args)
        self.operations.append(operation)
        return operation

    async def check(self, reader: Client) -> str:
        for path in self._paths:
            await self._ask(reader, "reader", ops.GET, (path,))
        check_real_time(self.operations)
        finding = check_parts(self.operations, keys_of=keys_of, model_of=RegisterModel)
        finding.demand()
        return f"registers: {len(self.operations)} operations {finding.verdict.value}"


class Counters:
    """Numbers counted up by conditional sets: nothing acknowledged is lost, nothing done twice."""

    def __init__(self, scene: Scene, *, keys: int = 2) -> None:
        self._scene = scene
        self._operations: dict[str, list[Operation]] = {
            f"{scene.root}/counter-{number}": [] for number in range(keys)
        }

    async def prepare(self, client: Client) -> None:
        for path in self._operations:
            await client.create(path, b"0")

    async def live(self, client: Client, name: str) -> None:
        scene = self._scene
        while not scene.stopping.is_set():
            path = scene.chance.choice(list(self._operations))
            with contextlib.suppress(CoordError):
                node = await client.get(path)
                args = (path, b"%d" % (int(node.data) + 1), node.version, [])
                operation = await scene.recorder.ask(client, name, ops.SET, args)
                self._operations[path].append(operation)
            await scene.pause()

    async def check(self, reader: Client) -> str:
        acknowledged = 0
        for path, operations in self._operations.items():
            node = await reader.get(path)
            check_count(operations, int(node.data), path)
            check_count(operations, node.version, f"version of {path}")
            acknowledged += sum(operation.is_ok for operation in operations)
        return f"counters: {acknowledged} acknowledged increments, each counted once"


class Sequences:
    """Unique names: a copy of a request that took effect twice would leave a name nobody has."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._folder = f"{scene.root}/sequence"
        self._operations: list[Operation] = []

    async def prepare(self, client: Client) -> None:
        await client.create(self._folder)

    async def live(self, client: Client, name: str) -> None:
        scene = self._scene
        args = (f"{self._folder}/{name}-", b"", ops.PERSISTENT, True, False, 0, [])
        while not scene.stopping.is_set():
            operation = await scene.recorder.ask(client, name, ops.CREATE, args)
            self._operations.append(operation)
            await scene.pause()

    async def check(self, reader: Client) -> str:
        present = {f"{self._folder}/{name}" for name in await reader.children(self._folder)}
        claimed = [str(o.value[0]) for o in self._operations if o.is_ok]
        check_unique(claimed, present, self._folder)
        check_count(self._operations, len(present), self._folder)
        return f"sequences: {len(claimed)} acknowledged creates, each there once"


class Locks:
    """One lock for all: never two holders, growing tokens, no late write of a former holder."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._lock = f"{scene.root}/lock"
        self._guarded = f"{scene.root}/guarded"
        self.holding = HoldingChecker()
        self.storage = GuardedStorage()
        self.lost = 0
        self._writes: list[tuple[int, int]] = []

    async def prepare(self, client: Client) -> None:
        await client.create(self._lock)
        await client.create(self._guarded)

    async def live(self, client: Client, name: str) -> None:
        while not self._scene.stopping.is_set():
            try:
                await self._hold_once(client, name)
            except LockLost:
                self.lost += 1
            except CoordError:
                await self._scene.sleep(0.1)
            await self._scene.pause()

    async def _hold_once(self, client: Client, name: str) -> None:
        async with client.lock(self._lock, wait=5) as held:
            self.holding.holds(self._lock, name, now=self._scene.recorder.clock.now)
            try:
                accepted = self.storage.write(self._lock, name, held.token)
                if not accepted and not held.lost:
                    raise WrongResult(f"{name} holds {held} and its token is refused")
                await self._scene.pause(0.03)
                stat = await self._write(client, name, held)
                self._writes.append((stat, held.token))
            finally:
                self.holding.stops(self._lock, name)

    async def _write(self, client: Client, name: str, held: Held) -> int:
        try:
            stat = await client.put(self._guarded, name, guard=held)
        except StaleToken:
            if not held.lost:
                # The news of the loss is on its way at the latest with this refusal.
                await asyncio.sleep(0.5)
                if not held.lost:
                    raise WrongResult(f"{name} holds {held}, its write is refused") from None
            raise
        return stat.mzxid

    async def check(self, reader: Client) -> str:
        newest = 0
        for revision, token in sorted(self._writes):
            if token < newest:
                raise WrongResult(f"token {token} let pass after {newest} at {revision}")
            newest = token
        tokens = [token for token, _ in self.storage.writes]
        if tokens != sorted(set(tokens)):
            raise WrongResult("tokens of grants did not grow")
        return f"lock: {len(tokens)} times held, {self.lost} times lost, never by two"


class Tree:
    """A subtree that writers change and watchers mirror."""

    def __init__(self, scene: Scene, *, names: int = 6) -> None:
        self._scene = scene
        self.folder = f"{scene.root}/tree"
        self._names = names
        self._writes: list[Operation] = []
        self.watchers: list[Watcher] = []

    async def prepare(self, client: Client) -> None:
        await client.create(self.folder)

    async def live(self, client: Client, name: str) -> None:
        """Write."""
        scene, written = self._scene, 0
        while not scene.stopping.is_set():
            top = f"{self.folder}/{scene.chance.randrange(self._names)}"
            path = scene.chance.choice((top, f"{top}/leaf"))
            written += 1
            data = f"{name}-{written}".encode()
            op, args = scene.chance.choice(
                (
                    (ops.PUT, (path, data, False, [])),
                    (ops.PUT, (path, data, False, [])),
                    (ops.DELETE, (path, -1, False, [])),
                )
            )
            self._writes.append(await scene.recorder.ask(client, name, op, args))
            await scene.pause()

    async def check(self, reader: Client) -> str:
        """Compare what the watchers saw with one another, with the writes, and with the tree."""
        last = f"{self.folder}/last"
        _, value = await reader.request(ops.PUT, (last, b"", False, []))
        end = int(value[1][1])
        actual = await _read_tree(reader, self.folder)
        everything: dict[int, list[Event]] = {}
        for watcher in self.watchers:
            await watcher.caught_up(end)
            watcher.check(actual)
            for event in watcher.events:
                everything.setdefault(event.revision, []).append(event)
        acknowledged = {operation.revision for operation in self._writes if operation.is_ok}
        for watcher in self.watchers:
            seen = {event.revision for event in watcher.events}
            wanted = {revision for revision in everything if revision > watcher.since}
            wanted |= {revision for revision in acknowledged if revision > watcher.since}
            if wanted != seen:
                raise WrongResult(f"{watcher.name} missed {sorted(wanted - seen)[:10]}")
        resyncs = sum(watcher.resyncs for watcher in self.watchers)
        return (
            f"watches: {len(everything)} changes seen once and in order by {len(self.watchers)} "
            f"watchers, {resyncs} resyncs"
        )


class Watcher:
    """Mirrors a subtree by a watch. A habit of its own client."""

    def __init__(self, scene: Scene, tree: Tree) -> None:
        self._scene = scene
        self._tree = tree
        self.name = ""
        self.since = 0
        self.events: list[Event] = []
        self.resyncs = 0
        self._mirror: dict[str, bytes] = {}
        self._newest = 0
        self._moved = asyncio.Event()
        self.ready = asyncio.Event()

    async def live(self, client: Client, name: str) -> None:
        """Watch for ever; the scene cancels it."""
        self.name = name
        stream = client.watch(self._tree.folder, recursive=True)
        async with stream:
            self._mirror = await _read_tree(client, self._tree.folder)
            self.ready.set()
            async for event in stream:
                await self._take(client, event)

    async def _take(self, client: Client, event: Event) -> None:
        if event.kind is EventKind.RESYNC:
            self.resyncs += 1
            self.events.clear()
            self.since = self._newest = event.revision
            self._mirror = await _read_tree(client, self._tree.folder)
            return
        if event.revision <= self._newest:
            raise WrongResult(f"{self.name}: {event} comes after revision {self._newest}")
        self._newest = event.revision
        self.events.append(event)
        if event.kind is EventKind.DELETED:
            self._mirror.pop(event.path, None)
        else:
            self._mirror[event.path] = event.data or b""
        self._moved.set()

    async def caught_up(self, revision: int) -> None:
        """Wait until the event of this revision is here.

        Raises:
            NoProgress: it does not come.

        """
        try:
            async with asyncio.timeout(CATCH_UP_S):
                while self._newest < revision:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            raise NoProgress(f"{self.name} is at {self._newest}, not at {revision}") from None

    def check(self, actual: dict[str, bytes]) -> None:
        """Compare the mirror with the tree."""
        if self._mirror != actual:
            wrong = {path for path, _ in set(self._mirror.items()) ^ set(actual.items())}
            raise WrongResult(f"{self.name}: the mirror differs at {sorted(wrong)[:10]}")


class Sessions:
    """Clients that only want to live: neither session nor ephemeral may go while they do."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._born: dict[str, tuple[Client, int]] = {}

    async def prepare(self, client: Client) -> None:
        await client.create(f"{self._scene.root}/live")

    async def live(self, client: Client, name: str) -> None:
        await client.create(f"{self._scene.root}/live/{name}", ephemeral=True)
        self._born[name] = (client, client.session)
        await self._scene.stopping.wait()

    async def check(self, reader: Client) -> str:
        for name, (client, session) in self._born.items():
            stat = await reader.exists(f"{self._scene.root}/live/{name}")
            if client.session != session or stat is None or stat.owner != session:
                raise WrongResult(f"{name}: session {session} became {client.session}, {stat}")
        return f"sessions: {len(self._born)} lived through it all with their ephemerals"


class Prober:
    """Writes without a pause and notes when it was answered."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.answered: list[float] = []
        self.unknown = 0

    async def prepare(self, client: Client) -> None:
        pass

    async def live(self, client: Client, name: str) -> None:
        clock = asyncio.get_running_loop().time
        self.answered.append(clock())
        while not self._scene.stopping.is_set():
            with contextlib.suppress(CoordError):
                await client.put(f"{self._scene.root}/probe", name)
                self.answered.append(clock())
            await self._scene.sleep(0.005)

    async def check(self, reader: Client) -> str:
        worst = max(self.outages(), default=0.0)
        return f"outages of writes: {self.told(self.outages(0.5))}; longest {worst:.2f} s"

    def outages(self, least_s: float = 0.0) -> list[float]:
        """Return the pauses between answers that were at least so long."""
        pairs = itertools.pairwise(self.answered)
        return [later - sooner for sooner, later in pairs if later - sooner >= least_s]

    def longest_since(self, moment: float) -> float:
        """Return the longest pause that ended after `moment`, or has not ended, by the loop's
        clock."""
        ends = [*self.answered, asyncio.get_running_loop().time()]
        pauses = itertools.pairwise(ends)
        return max((later - sooner for sooner, later in pauses if later > moment), default=0.0)

    @staticmethod
    def told(outages: Sequence[float]) -> str:
        """Return outages for people."""
        return " ".join(f"{outage:.2f}" for outage in outages) or "none above 0.5 s"


async def _read_tree(client: Client, folder: str) -> dict[str, bytes]:
    """Return what is below `folder` (two levels), read until it held still meanwhile."""
    found: dict[str, bytes] = {}
    async for node in client.nodes(folder):
        found[node.path] = node.data
        with contextlib.suppress(NoNode):
            async for leaf in client.nodes(node.path):
                found[leaf.path] = leaf.data
    return found


assert codes.OK == 0
