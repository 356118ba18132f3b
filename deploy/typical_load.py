"""What a cluster typically does, for the compiler to learn which code is hot and which is not.

`deploy/compile.py` runs this on modules that count how often each branch is taken; each process
leaves its counts when it ends. Three nodes and their clients, on loopback and free ports, a few
seconds: every kind of request alone, many at once over one connection, and over many connections.

Usage: python typical_load.py FOLDER, where the nodes may write.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, TypeAlias

from coordsvc.cli.localcluster import DevError, LocalCluster, plan
from coordsvc.cli.migration.zkclient import Request, ZkClient
from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.jute import pack_string
from coordsvc.protocols.zookeeper.records import (
    AclEntry,
    Create,
    pack_create,
    pack_path_version,
    pack_path_watch,
    pack_set_data,
)
from coordsvc_client import Client, connect

NODES: Final = 3
ATTEMPTS: Final = 20
"""At ports that nobody uses."""
FIRST_PORT, PORTS = 10_000, 16_000
CONNECTIONS: Final = 64
PATIENCE_S: Final = 120.0
"""Some seconds are enough on a machine that has nothing else to do."""
KEYS: Final = 100
CHANGES: Final = 20
VALUE: Final = bytes(100)

Step: TypeAlias = Callable[[Client, int], Awaitable[object]]
"""One thing to do; the number says which node or lock to do it with."""


# What clients ask.


async def put(client: Client, number: int) -> None:
    """Write a node that exists."""
    await client.set(f"/load/{number % KEYS}", VALUE)


async def get(client: Client, number: int) -> None:
    """Read the latest."""
    await client.get(f"/load/{number % KEYS}")


async def get_local(client: Client, number: int) -> None:
    """Read what the node has."""
    await client.get(f"/load/{number % KEYS}", consistency="stale")


async def come_and_go(client: Client, _number: int) -> None:
    """Make a node, and remove it."""
    node = await client.create("/load/n-", VALUE, sequence=True, ephemeral=True)
    await client.delete(node.path)


async def lock(client: Client, number: int) -> None:
    """Hold a lock that nobody else wants."""
    async with client.lock(f"/locks/{number}"):
        pass


async def contend(client: Client, number: int) -> None:
    """Wait for a lock that others hold, and hold it."""
    async with client.lock(f"/locks/wanted-{number % 4}"):
        pass


async def transact(client: Client, number: int) -> None:
    """Change two nodes together, on a condition."""
    first, second = f"/load/{number % KEYS}", f"/load/{(number + 1) % KEYS}"
    await client.txn().when_exists(first).set(first, VALUE).set(second, VALUE).commit()


async def look_around(client: Client, number: int) -> None:
    """List children, ask for a stat."""
    await client.children("/load")
    await client.exists(f"/load/{number % KEYS}")


MUCH: Final[tuple[tuple[Step, int], ...]] = (
    (put, 6_000), (get, 4_000), (get_local, 4_000), (come_and_go, 2_000), (lock, 2_000),
    (transact, 500),
)  # fmt: skip
"""What to do, and how often in all."""
LITTLE: Final[tuple[tuple[Step, int], ...]] = ((contend, 400), (look_around, 200))


async def repeat(step: Step, clients: list[Client], *, times: int, outstanding: int) -> None:
    """Do `step` so often in all, with so many of them under way at a time."""

    async def some(worker: int) -> None:
        client = clients[worker % len(clients)]
        for _ in range(times // outstanding):
            await step(client, worker)

    await asyncio.gather(*map(some, range(outstanding)))


async def watch_together(clients: list[Client]) -> None:
    """Have all see nodes come to a parent that all watch."""
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(client.watch("/load", children=True))
            for client in clients
        ]
        for number in range(CHANGES):
            await clients[0].create(f"/load/seen-{number}", VALUE)
        for stream in streams:
            for _ in range(CHANGES):
                await anext(stream)


async def ask_natively(addresses: list[str]) -> None:
    """Do all that through the native protocol, at the leader and at a node that follows."""
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE_S):
        alone = await stack.enter_async_context(connect(addresses))
        await alone.create("/load")
        for number in range(KEYS):
            await alone.create(f"/load/{number}", VALUE)
        many = [
            await stack.enter_async_context(connect(addresses[:1], prefer_leader=False))
            if number < NODES
            else await stack.enter_async_context(connect(addresses))
            for number in range(CONNECTIONS)
        ]
        for step, times in MUCH:
            await repeat(step, [alone], times=times // 10, outstanding=1)
            await repeat(step, [alone], times=times, outstanding=CONNECTIONS)
            await repeat(step, many, times=times, outstanding=CONNECTIONS)
        for step, times in LITTLE:
            await repeat(step, many, times=times, outstanding=4)
        await watch_together(many)


def ask_as_zookeeper(addresses: list[str]) -> None:
    """Do the like through ZooKeeper's protocol."""
    servers = [(host, int(port)) for host, _, port in (each.partition(":") for each in addresses)]
    client = ZkClient(servers)
    client.connect()
    node = "/load/0"
    create = Create("/load/zk", VALUE, [AclEntry(31, "world", "anyone")], numbers.EPHEMERAL, 0)
    asked = (
        Request(numbers.SET_DATA, pack_set_data(node, VALUE, -1)),
        Request(numbers.GET_DATA, pack_path_watch(node, watch=True)),
        Request(numbers.EXISTS, pack_path_watch(node, watch=False)),
        Request(numbers.SYNC, pack_string(node)),
        Request(numbers.GET_CHILDREN2, pack_path_watch("/load", watch=False)),
        Request(numbers.CREATE, pack_create(create, numbers.CREATE)),
        Request(numbers.DELETE, pack_path_version("/load/zk", -1)),
    )
    for at_once in (1, 20):
        for _ in range(40):
            client.ask(asked * at_once)
    client.close()


# The cluster.


def start(folder: Path) -> LocalCluster:
    """Start the nodes, on ports that nobody uses.

    Raises:
        DevError: there are none, it seems.

    """
    for attempt in range(ATTEMPTS):
        first = FIRST_PORT + secrets.randbelow(PORTS)
        nodes = plan(
            folder, nodes=NODES, client_port=first, peer_port=first + 10, http_port=first + 20
        )
        cluster = LocalCluster(folder, nodes, [])
        try:
            cluster.start(fresh=True)
        except DevError:
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return cluster
    raise AssertionError("unreachable")


def main(folder: Path) -> None:
    """Run a cluster in `folder`, give it work, and stop it."""
    cluster = start(folder)
    try:
        addresses = [node.plan.client_address for node in cluster.nodes]
        asyncio.run(ask_natively(addresses))
        ask_as_zookeeper(addresses)
    finally:
        cluster.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
