"""The load generator: a process of its own that drives nodes through the client library.

It takes jobs as lines of JSON on its input and answers each with a line on its output. The
CPU of the processes named in a job is read at the edges of the measured time, so that neither
warming up nor winding down is counted.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine

import uvloop

from coordsvc_client import connect
from coordsvc_client.client import TreeClient
from coordsvc_client.watching import Watch
from coordsvc_client.wire import codes, ops
from tests.bench import proc
from tests.bench.bare import Bare, connect_bare
from tests.bench.figures import quantile
from tests.bench.flows import FLOWS, ROOT, Json, Run, key

SESSION_S = 30.0
REQUEST_S = 20.0
FILL_WINDOW = 512
ATTEMPT_S = 2.0
ATTEMPT_PAUSE_S = 0.01
STEADY_PAUSE_S = 0.005
"""Between the writes of one steady writer, as the load generators of the peers have it."""
FANOUT_PAUSE_S = 0.02
FANOUT_WARM_UP = 5
PINGS_PER_TIMEOUT = 3
WATCHES_PER_CONNECTION = 1_000
WATCHES_AT_ONCE = 100


class Snap:
    """Clocks of all processes at one moment."""

    def __init__(self, pids: dict[str, int]) -> None:
        self.cpu = {name: proc.cpu_s(pid) for name, pid in pids.items()}
        self.cpu["client"] = proc.cpu_s(os.getpid())
        self.machine = proc.machine_cpu_s()
        self.at = time.perf_counter()

    def until(self, later: Snap, operations: int) -> Json:
        """Return what happened between this moment and a later one."""
        spent = {name: later.cpu[name] - self.cpu[name] for name in self.cpu}
        seconds = later.at - self.at
        return {
            "seconds": seconds,
            "per_s": operations / seconds,
            "cpu_us": {n: s * 1e6 / max(operations, 1) for n, s in spent.items()},
            "foreign_cores": max(
                0.0, (later.machine - self.machine - sum(spent.values())) / seconds
            ),
        }


def spread_of(times: list[float]) -> Json:
    """Return the quantiles of `times`, in microseconds."""
    ordered = sorted(times)
    return {
        "p50_us": quantile(ordered, 0.5) * 1e6,
        "p99_us": quantile(ordered, 0.99) * 1e6,
        "max_us": quantile(ordered, 1.0) * 1e6,
    }


class Generator:
    """Carries out jobs, keeping connections from one to the next where it can."""

    def __init__(self) -> None:
        self._clients: list[TreeClient] = []
        self._shape: tuple[object, ...] = ()
        self._sessions: list[Bare] = []
        self._watching: list[Bare] = []
        self._pinging: asyncio.Task[None] | None = None

    async def clients(self, addresses: list[str], count: int) -> list[TreeClient]:
        """Return `count` connected clients, one address each."""
        shape = (*addresses, count)
        if shape != self._shape:
            await self.drop_clients({})
            gate = asyncio.Semaphore(64)

            async def one(number: int) -> TreeClient:
                async with gate:
                    return await connect(
                        addresses[number % len(addresses)],
                        name=f"bench{number}",
                        session_timeout=SESSION_S,
                        timeout=REQUEST_S,
                        prefer_leader=False,
                    )

            self._clients = list(await asyncio.gather(*map(one, range(count))))
            self._shape = shape
        return self._clients

    async def drop_clients(self, _job: Json) -> Json:
        """Close what is connected: the nodes will change their roles, or go away."""
        await asyncio.gather(*(client.close() for client in self._clients))
        self._clients, self._shape = [], ()
        return {}

    async def loop(self, job: Json) -> Json:
        """Drive one closed loop."""
        outstanding = int(str(job["outstanding"]))
        clients = await self.clients(_addresses(job), int(str(job["connections"])))
        run = Run(job)
        flow = FLOWS[str(job["workload"])]
        for number in range(outstanding):
            flow(run, clients[number % len(clients)], number).start()
        await asyncio.sleep(float(str(job["warm_s"])))
        before = Snap(_pids(job))
        run.measuring = True
        await asyncio.sleep(float(str(job["measure_s"])))
        run.measuring = False
        after = Snap(_pids(job))
        run.going = False
        await run.quiet.wait()
        return {
            **before.until(after, len(run.times)),
            **spread_of(run.times),
            "operations": len(run.times),
            "total": run.total,
            "errors": dict(run.errors),
        }

    async def fill(self, job: Json) -> Json:
        """Create `first` to `last` children of `parent`, with parents as needed."""
        (client,) = await self.clients(_addresses(job)[:1], 1)
        value = b"v" * int(str(job["value_bytes"]))
        numbers = iter(range(int(str(job["first"])), int(str(job["last"]))))
        template, fan = str(job["template"]), int(str(job["fan"]))
        started = time.perf_counter()
        quiet = asyncio.Event()
        errors: Counter[str] = Counter()
        open_ = 0

        def ask() -> None:
            nonlocal open_
            number = next(numbers, None)
            if number is not None:
                open_ += 1
                path = template.format(number=number, branch=number // fan)
                client.submit(ops.PUT, (path, value, True, ()), answered)
            elif not open_:
                quiet.set()

        def answered(code: int, _revision: int, _value: object) -> None:
            nonlocal open_
            open_ -= 1
            if code:
                errors[codes.NAMES.get(code, str(code))] += 1
            ask()

        for _ in range(FILL_WINDOW):
            ask()
        await quiet.wait()
        return {"seconds": time.perf_counter() - started, "errors": dict(errors)}

    async def fanout(self, job: Json) -> Json:
        """Write to a node that many watch, again and again; time the last delivery."""
        count, addresses = int(str(job["watchers"])), _addresses(job)
        (writer,) = await self.clients(_addresses(job, "writer_at"), 1)
        path = f"{ROOT}/watched"
        value = b"v" * int(str(job["value_bytes"]))
        await writer.put(path, value, parents=True)
        got = Deliveries()
        close = await got.watch(addresses, path, count, library=bool(job["library"]), writer=writer)
        last: list[float] = []
        first: list[float] = []
        wrote: list[float] = []
        before = Snap(_pids(job))
        until = time.perf_counter() + float(str(job["measure_s"]))
        rounds = -FANOUT_WARM_UP
        while time.perf_counter() < until or rounds <= 0:
            if rounds == 0:
                last, first, wrote = [], [], []
                before = Snap(_pids(job))
            seen = await got.round(writer, path, value, count)
            first.append(seen[0])
            last.append(seen[1])
            wrote.append(seen[2])
            rounds += 1
            await asyncio.sleep(FANOUT_PAUSE_S)
        after = Snap(_pids(job))
        await close()
        return {
            **before.until(after, rounds * count),
            **spread_of(last),
            "first_p50_us": spread_of(first)["p50_us"],
            "write_p50_us": spread_of(wrote)["p50_us"],
            "rounds": rounds,
            "errors": {},
        }

    async def steady(self, job: Json) -> Json:
        """Write one after another for some seconds with all addresses known; say when each came.

        The moments are seconds since 1970, to be compared with that of a signal sent meanwhile.
        """
        await self.drop_clients({})
        moments: list[float] = []
        errors = 0
        async with connect(",".join(_addresses(job)), timeout=REQUEST_S) as client:
            value = b"v" * int(str(job["value_bytes"]))
            until = time.time() + float(str(job["measure_s"]))
            number = 0
            while time.time() < until:
                number += 1
                try:
                    await client.put(key(number % 1000), value)
                except OSError:
                    errors += 1
                else:
                    moments.append(time.time())
                await asyncio.sleep(STEADY_PAUSE_S)
        return {"moments": moments, "errors": errors}

    async def once(self, job: Json) -> Json:
        """Write one key and read another through whoever lets us in; say when it was done.

        Without the library, whose pauses grow with each refusal: those who wait for the peers ask
        every ten milliseconds too.
        """
        await self.drop_clients({})
        expect = str(job["expect"])
        async with asyncio.timeout(float(str(job["within_s"]))):
            for address in itertools.cycle(_addresses(job)):
                try:
                    async with asyncio.timeout(ATTEMPT_S):
                        await _write_and_read(address, expect)
                    break
                except (OSError, TimeoutError):
                    await asyncio.sleep(ATTEMPT_PAUSE_S)
        return {"at": time.time()}

    async def hold_sessions(self, job: Json) -> Json:
        """Have so many idle sessions in all, kept alive by pings, until the next call."""
        wanted = int(str(job["sessions"]))
        if self._pinging is not None:
            self._pinging.cancel()
            self._pinging = None
        started = time.perf_counter()
        more = wanted - len(self._sessions)
        session_ms = int(SESSION_S * 1000)
        if more > 0:
            self._sessions += await connect_bare(_addresses(job), more, session_ms=session_ms)
        for bare in self._sessions[wanted:]:
            bare.close()
        del self._sessions[wanted:]
        if self._sessions:
            self._pinging = asyncio.create_task(self._ping_evenly())
        lost = sum(bare.lost for bare in self._sessions)
        return {"seconds": time.perf_counter() - started, "lost": lost}

    async def _ping_evenly(self) -> None:
        pause = SESSION_S / PINGS_PER_TIMEOUT
        serial = 1
        while True:
            serial += 1
            began = time.perf_counter()
            for number, bare in enumerate(self._sessions):
                if not bare.lost:
                    bare.send(ops.PING, serial, ops.LINEARIZABLE, 0)
                ahead = pause * number / len(self._sessions) - (time.perf_counter() - began)
                if ahead > 0.002:
                    await asyncio.sleep(ahead)
            await asyncio.sleep(max(0.0, pause - (time.perf_counter() - began)))

    async def hold_watches(self, job: Json) -> Json:
        """Have so many watches in all, on nodes that nobody writes, over a few connections."""
        wanted, per = int(str(job["watches"])), WATCHES_PER_CONNECTION
        for bare in self._watching:
            bare.close()
        self._watching = await connect_bare(_addresses(job), -(-wanted // per))
        for number in range(wanted):
            bare = self._watching[number // per]
            serial = number % per + 1
            path = f"{ROOT}/quiet{number}"
            request = (ops.WATCH, serial, ops.STALE, 0, path, ops.WATCH_NODE, 0, False)
            if serial % WATCHES_AT_ONCE == 0 or number == wanted - 1:
                await bare.ask(*request)
            else:
                bare.send(*request)
        return {}


class Deliveries:
    """Counts what reaches the watchers of one write."""

    def __init__(self) -> None:
        self._count = 0
        self._wanted = -1
        self._first = 0.0
        self._all: asyncio.Event = asyncio.Event()

    def one(self) -> None:
        """Count one."""
        self._count += 1
        if self._count == 1:
            self._first = time.perf_counter()
        if self._count == self._wanted:
            self._all.set()

    async def watch(
        self, addresses: list[str], path: str, count: int, *, library: bool, writer: TreeClient
    ) -> Callable[[], Coroutine[None, None, None]]:
        """Have `count` connections watch `path`; return what ends them."""
        if not library:
            bares = await connect_bare(addresses, count, delivered=self.one)
            for bare in bares:
                await bare.ask(
                    ops.WATCH, 1, ops.SEQUENTIAL, writer.revision, path, ops.WATCH_NODE, 0, False
                )

            async def close() -> None:
                for bare in bares:
                    bare.close()

            return close
        others = Generator()
        clients = await others.clients(addresses, count)
        started = [asyncio.Event() for _ in clients]
        for client, event in zip(clients, started, strict=True):
            watch = Watch(
                path,
                mode=ops.WATCH_NODE,
                since=0,
                with_data=False,
                deliver=lambda *_: self.one(),
                fail=lambda code, text: sys.exit(f"a watch failed: {code} {text}"),
            )
            watch.on_start = event.set
            client.link.conversation.watches.add(watch)
            client.link.poke()
        for event in started:
            await event.wait()

        async def close_clients() -> None:
            await others.drop_clients({})

        return close_clients

    async def round(
        self, writer: TreeClient, path: str, value: bytes, count: int
    ) -> tuple[float, float, float]:
        """Write once; return seconds to the first and the last delivery, and to the answer."""
        self._count, self._wanted = 0, count
        self._all.clear()
        answered = asyncio.Event()
        wrote = 0.0

        def done(code: int, _revision: int, _value: object) -> None:
            nonlocal wrote
            assert code == codes.OK, codes.NAMES[code]
            wrote = time.perf_counter()
            answered.set()

        began = time.perf_counter()
        writer.submit(ops.SET, (path, value, -1, ()), done)
        async with asyncio.timeout(REQUEST_S):
            await self._all.wait()
            last = time.perf_counter()
            await answered.wait()
        return self._first - began, last - began, wrote - began


async def _write_and_read(address: str, expect: str) -> None:
    """Do it with a session of its own.

    Raises:
        OSError: the server is not there, or refuses.

    """
    (bare,) = await connect_bare([address], 1, session_ms=int(SESSION_S * 1000))
    try:
        await bare.ask(ops.PUT, 1, 1, key(7), b"x" * 100, True, [])
        await bare.ask(ops.GET, 2, ops.LINEARIZABLE, 0, expect)
    finally:
        bare.close()


def _addresses(job: Json, name: str = "addresses") -> list[str]:
    found = job[name]
    assert isinstance(found, list)
    return found


def _pids(job: Json) -> dict[str, int]:
    found = job.get("pids", {})
    assert isinstance(found, dict)
    return found


async def serve() -> None:
    """Carry out jobs until the input ends."""
    proc.raise_file_limit()
    generator = Generator()
    jobs: dict[str, Callable[[Json], Coroutine[None, None, Json]]] = {
        "loop": generator.loop,
        "fill": generator.fill,
        "fanout": generator.fanout,
        "steady": generator.steady,
        "once": generator.once,
        "hold_sessions": generator.hold_sessions,
        "hold_watches": generator.hold_watches,
        "drop_clients": generator.drop_clients,
    }
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        job = json.loads(line)
        answer = await jobs[job["do"]](job)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(serve())
