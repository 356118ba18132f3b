"""Faults, each injected and mended again; which of them a cluster can be given."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from coordsvc.cli.localcluster import STOPPED
from tests.chaos.cluster import ChaosCluster
from tests.chaos.load import Load
from tests.sim.verdicts import NoProgress, RunFailed

EXIT_FATAL = 70
NOTICE_S = 5.0
"""A node whose disk fails must have ended within this time of the next write."""
HANDED_OVER_S = 45.0
"""A leader with a slow disk must have handed over by then: half a minute after the last time."""
REPLACED_S = 30.0
"""A member that lost its folder must vote again by then."""
WITHOUT_LEADER_S = 15.0
"""A majority that can talk must have a leader by then."""
SWELL_MIB = 20
"""More than one segment of the log."""
LITTLE_MIB = 48
"""Less than a node keeps in reserve, enough for the next segments."""


class NodeDied(RunFailed):
    """A node ended by itself although nothing was done to it that it may end for."""

    exit_code = 1


@dataclass(slots=True)
class Injured:
    """One fault that was injected."""

    kind: str
    victims: str
    outage_s: float = 0.0


class Faults:
    """Injects faults into a cluster under a load, one after another."""

    def __init__(self, cluster: ChaosCluster, load: Load, chance: random.Random) -> None:
        self._cluster = cluster
        self._load = load
        self._chance = chance
        self._names = list(cluster.nodes)
        self.done: list[Injured] = []
        self._kinds: list[Callable[[], Awaitable[str]]] = [
            self.kill_leader,
            self.kill_leader,
            self.kill_some,
            self.kill_all,
            self.pause_leader,
            self.pause_some,
            self.stop_leader_in_order,
            self.rolling_restart,
            self.hand_over,
            self.lose_folder,
            self.damage_log,
        ]
        if cluster.network is not None:
            self._kinds += [self.isolate_leader, self.isolate_one, self.cut_pair, self.cut_one_way]
            self._kinds += [self.flapping_pair, self.bridge]
        if cluster.small_disks is not None:
            self._kinds += [self.fill_disk, self.leave_little_room, self.fill_all_disks]
        if cluster.bad_disks is not None:
            self._kinds += [self.slow_disk, self.slow_leader, self.fail_disk]
        if cluster.clocks is not None:
            self._kinds += [self.set_clock, self.set_clock_of_leader]

    async def inject(self, kind: str = "") -> Injured:
        """Inject one fault, by name or by chance; return when it is mended and somebody leads."""
        if kind:
            fault = next(fault for fault in self._kinds if fault.__name__ == kind)
        else:
            fault = self._chance.choice(self._kinds)
        began = asyncio.get_running_loop().time()
        injured = Injured(fault.__name__, "")
        self.done.append(injured)
        injured.victims = await fault()
        await self._leader()
        await self._live(0.5, 1.5)
        injured.outage_s = self._load.prober.longest_since(began)
        return injured

    def look(self) -> None:
        """Raise if a node has ended by itself."""
        for name, node in self._cluster.nodes.items():
            code = node.death()
            if code is not None:
                raise NodeDied(f"{name} ended with exit code {code}: {node.last_words()}")

    async def _leader(self) -> str:
        try:
            return await self._cluster.wait_leader()
        except AssertionError as error:
            self.look()
            raise NoProgress(str(error)) from None

    async def _live(self, least_s: float, most_s: float) -> None:
        await self._load.run(self._chance.uniform(least_s, most_s))
        self.look()

    def _some(self, count: int) -> list[str]:
        return self._chance.sample(self._names, count)

    def _minority(self) -> list[str]:
        return self._some(self._chance.randint(1, (len(self._names) - 1) // 2))

    async def _kill(self, names: list[str]) -> str:
        for name in names:
            self._cluster.nodes[name]._process.kill()
        for name in names:
            await asyncio.to_thread(self._cluster.kill, name)
        await self._live(0.2, 3)
        for name in names:
            self._cluster.restart(name)
        return ",".join(names)

    # Processes.

    async def kill_leader(self) -> str:
        return await self._kill([await self._leader()])

    async def kill_some(self) -> str:
        return await self._kill(self._minority())

    async def kill_all(self) -> str:
        return await self._kill(self._names)

    async def _pause(self, names: list[str]) -> str:
        for name in names:
            self._cluster.pause(name)
        await self._live(0.5, 5)
        for name in names:
            self._cluster.resume(name)
        return ",".join(names)

    async def pause_leader(self) -> str:
        return await self._pause([await self._leader()])

    async def pause_some(self) -> str:
        return await self._pause(self._some(self._chance.randint(1, len(self._names))))

    async def _stop_in_order(self, name: str) -> None:
        code = await asyncio.to_thread(self._cluster.terminate, name)
        if code != 0:
            raise NodeDied(f"{name} ended with {code} when asked to stop")
        await self._live(0.1, 0.5)
        self._cluster.restart(name)
        await self._leader()

    async def stop_leader_in_order(self) -> str:
        leader = await self._leader()
        await self._stop_in_order(leader)
        return leader

    async def rolling_restart(self) -> str:
        for name in self._some(len(self._names)):
            await self._stop_in_order(name)
            await self._live(0.2, 0.5)
        return "all"

    async def hand_over(self) -> str:
        leader = await self._leader()
        target = self._chance.choice([name for name in self._names if name != leader])
        place = "/v1/cluster/leader"
        await self._ask(leader, place, method="POST", body={"to": target})
        return f"{leader}>{target}"

    # Folders.

    async def _replace(self, name: str) -> None:
        """Start a node that lost its folder, and have it taken in afresh until it votes again."""
        self._cluster.restart(name)
        others = [other for other in self._names if other != name]
        until = asyncio.get_running_loop().time() + REPLACED_S
        place, asked = f"/v1/cluster/members/{name}/replace", False
        while True:
            at = self._chance.choice(others)
            if not asked:
                answer = await self._ask(at, place, method="POST", body={})
                asked = isinstance(answer, dict) and "made_at" in answer
            seen = await self._ask(at, "/v1/cluster/members")
            if asked and isinstance(seen, dict) and seen["committed"]:
                votes = {member["id"]: member["votes"] for member in seen["members"]}
                if votes == dict.fromkeys(self._names, True):
                    return
            if asyncio.get_running_loop().time() > until:
                raise NoProgress(f"{name} was not taken in again: {seen}")
            await self._live(0.1, 0.3)

    async def _ask(self, name: str, place: str, **options: object) -> object:
        return await asyncio.to_thread(self._cluster.http, name, place, **options)

    async def lose_folder(self) -> str:
        """A node loses all it had on disk: it must not vote until it is taken in afresh."""
        (name,) = self._some(1)
        await asyncio.to_thread(self._cluster.kill, name)
        shutil.rmtree(self._cluster.data_of(name))
        await self._live(0.2, 1)
        await self._replace(name)
        return name

    async def damage_log(self) -> str:
        """A byte in a log flips while its node is down: it stops at the start, or never sees it."""
        (name,) = self._some(1)
        await asyncio.to_thread(self._cluster.kill, name)
        log = max(
            (self._cluster.data_of(name) / "log").glob("*.log"), key=lambda f: f.stat().st_mtime
        )
        content = bytearray(log.read_bytes())
        used = len(content.rstrip(b"\0"))
        content[self._chance.randrange(used // 2)] ^= 1 << self._chance.randrange(8)
        log.write_bytes(content)
        self._cluster.restart(name)
        node = self._cluster.nodes[name]
        while node._process.poll() is None:
            await self._load.run(0.2)
            if await self._ask(name, "/v1/cluster"):
                return f"{name} unseen"  # what it hit had been replaced by a snapshot
        node.state = STOPPED
        if node._process.returncode != EXIT_FATAL or log.name not in node.last_words():
            raise NodeDied(f"{name}: damage in {log.name}: {node.last_words()}")
        shutil.rmtree(self._cluster.data_of(name))
        await self._replace(name)
        return name

    # The network.

    async def _heal(self, what: str, most_s: float = 5) -> str:
        assert self._cluster.network is not None
        try:
            await self._live(0.5, most_s)
        finally:
            self._cluster.network.heal()
        return what

    async def isolate_leader(self) -> str:
        leader = await self._leader()
        self._cluster.network.isolate(leader)
        return await self._heal(leader)

    async def isolate_one(self) -> str:
        (name,) = self._some(1)
        self._cluster.network.isolate(name)
        return await self._heal(name)

    async def cut_pair(self) -> str:
        one, other = self._some(2)
        self._cluster.network.cut(one, other)
        self._cluster.network.cut(other, one)
        return await self._heal(f"{one}|{other}")

    async def cut_one_way(self) -> str:
        one, other = self._some(2)
        self._cluster.network.cut(one, other)
        return await self._heal(f"{other}>|{one}")

    async def flapping_pair(self) -> str:
        """A link that comes and goes faster than elections."""
        one, other = self._some(2)
        try:
            for _ in range(self._chance.randint(4, 12)):
                self._cluster.network.cut(one, other)
                self._cluster.network.cut(other, one)
                await self._live(0.05, 0.4)
                self._cluster.network.heal()
                await self._live(0.05, 0.4)
        finally:
            self._cluster.network.heal()
        return f"{one}~{other}"

    async def bridge(self) -> str:
        """Two halves that only one node still joins: somebody must be able to lead."""
        middle, *rest = self._some(len(self._names))
        half = len(rest) // 2
        for one in rest[:half]:
            for other in rest[half:]:
                self._cluster.network.cut(one, other)
                self._cluster.network.cut(other, one)
        try:
            await self._writes_go_on()
            return await self._heal(f"{middle} joins")
        finally:
            self._cluster.network.heal()

    async def _writes_go_on(self) -> None:
        """Wait until something is written that was not under way before."""
        clock = asyncio.get_running_loop().time
        began = clock()
        while self._load.prober.answered[-1] < began + 1:
            if clock() > began + WITHOUT_LEADER_S:
                raise NoProgress("nothing is written although a majority is joined")
            await self._live(0.1, 0.2)

    # Clocks.

    async def _set_clock(self, name: str) -> str:
        """Set it, let it be, and set it right: a leap each time."""
        offset = self._chance.choice(("+3", "-3", "+3600", "-3600", "+864000", "-864000"))
        self._cluster.clocks.set(name, offset)
        try:
            await self._live(1.5, 4)
        finally:
            self._cluster.clocks.set(name, self._cluster.clocks.RIGHT)
        await self._live(1.5, 2)
        return f"{name} {offset}"

    async def set_clock(self) -> str:
        (name,) = self._some(1)
        return await self._set_clock(name)

    async def set_clock_of_leader(self) -> str:
        return await self._set_clock(await self._leader())

    # Disks.

    async def _fill(self, names: list[str], *, leave_mib: int) -> str:
        disks = self._cluster.small_disks
        for name in names:
            await asyncio.to_thread(lambda name=name: disks.fill(name, leave_mib=leave_mib))
        swelling = asyncio.create_task(self._load.swell(SWELL_MIB))
        try:
            await self._live(2, 5)
            if leave_mib or len(names) < len(self._names) / 2:
                await self._load.delete_on_full_disks()
        finally:
            for name in names:
                disks.free(name)
        await self._load.until_room()
        await swelling
        return ",".join(names)

    async def fill_disk(self) -> str:
        """To the brim: the others go on."""
        return await self._fill(self._minority(), leave_mib=0)

    async def leave_little_room(self) -> str:
        """Less than the nodes keep in reserve: deletes go through."""
        return await self._fill(self._names, leave_mib=LITTLE_MIB)

    async def fill_all_disks(self) -> str:
        """To the brim: everything may have to wait until there is room."""
        return await self._fill(self._names, leave_mib=0)

    async def slow_disk(self) -> str:
        (name,) = self._some(1)
        delay_ms = self._chance.choice((20, 100, 400))
        self._cluster.bad_disks.tell(name, str(delay_ms))
        try:
            await self._live(1, 5)
        finally:
            self._cluster.bad_disks.tell(name, self._cluster.bad_disks.OK)
        return f"{name} {delay_ms} ms"

    async def slow_leader(self) -> str:
        """The leader's disk becomes slow, and it must hand leadership over by itself."""
        clock = asyncio.get_running_loop().time
        slow = await self._leader()
        self._cluster.bad_disks.tell(slow, "400")
        until = clock() + HANDED_OVER_S
        try:
            while await self._leader() == slow:
                if clock() > until:
                    raise NoProgress(f"{slow} goes on leading although its disk is slow")
                await self._live(0.2, 0.3)
        finally:
            self._cluster.bad_disks.tell(slow, self._cluster.bad_disks.OK)
        return slow

    async def fail_disk(self) -> str:
        """The node must end by itself, with its own exit code; nothing is acknowledged by it."""
        (name,) = self._some(1)
        node = self._cluster.nodes[name]
        self._cluster.bad_disks.tell(name, self._cluster.bad_disks.FAILING)
        until = asyncio.get_running_loop().time() + NOTICE_S
        while node._process.poll() is None:
            if asyncio.get_running_loop().time() > until:
                raise NoProgress(f"{name} goes on although its disk fails")
            await self._load.run(0.05)
        node.state = STOPPED
        if node._process.returncode != EXIT_FATAL:
            raise NodeDied(f"{name}: exit code {node._process.returncode} upon a failed sync")
        await self._live(0.2, 2)
        self._cluster.bad_disks.tell(name, self._cluster.bad_disks.OK)
        self._cluster.restart(name)
        return name
