"""Workers that share out shards: membership, a leader, configuration by watch.

    ./dev up                                           # in one terminal: a cluster
    .venv/bin/python examples/worker_pool.py anna      # in others: as many workers as you like
    .venv/bin/python examples/worker_pool.py ben
    coordctl put /pool/shards 12                       # configuration: all workers follow

Every worker announces itself under /pool/workers and stands for election. The leader writes into
/pool/assignment who works on which shard, again whenever a worker comes or goes or the number of
shards changes. Kill a worker, the leader, or a node of the cluster: the others go on.

The leader's writes are guarded by its fencing token, so a leader that was replaced without
noticing cannot overwrite its successor. The assignment is advice, not a lock: where two workers
on one shard would do harm for a moment, let each also take a lock per shard (see fenced_job.py).
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import suppress

from coordsvc_client import Client, Held, LockLost, NodeExists, NoNode, StaleToken, connect

POOL = "/pool"
WORKERS = f"{POOL}/workers"
SHARDS = f"{POOL}/shards"
ASSIGNMENT = f"{POOL}/assignment"
ELECTION = f"{POOL}/election"
SHARDS_AT_FIRST = "6"
SESSION_S = 3.0
"""How long the others wait for a worker that has fallen silent."""


def share_out(shards: int, workers: list[str]) -> dict[str, list[int]]:
    """Return which shards each worker has: as even as can be."""
    return {worker: list(range(shards))[i :: len(workers)] for i, worker in enumerate(workers)}


async def assign(client: Client, term: Held) -> None:
    """Write who does what, as things are now."""
    workers = await client.children(WORKERS)
    shards = int((await client.get(SHARDS)).text)
    await client.put(ASSIGNMENT, json.dumps(share_out(shards, workers)), guard=term)


async def assign_for_ever(client: Client, term: Held) -> None:
    """Write it, and again after each change. What changes meanwhile is put together."""
    async with client.watch(POOL, recursive=True) as events:
        await assign(client, term)
        async for event in events:
            concerns_us = event.path != ASSIGNMENT and not event.path.startswith(ELECTION)
            if concerns_us and not events.pending():
                await assign(client, term)


async def lead(client: Client, name: str) -> None:
    """Stand for election, for ever; lead when elected."""
    while True:
        try:
            async with client.election(ELECTION, value=name).campaign() as term:
                print(f"{name} leads with token {term.token}", flush=True)
                await assign_for_ever(client, term)
        except (LockLost, StaleToken):
            print(f"{name} leads no more", flush=True)


async def follow(client: Client, path: str) -> AsyncIterator[str]:
    """Yield what is at `path`: as it is, and again after changes."""
    async with client.watch(path) as events:
        while True:
            with suppress(NoNode):
                yield (await client.get(path)).text
            await anext(events)


async def work(client: Client, name: str) -> None:
    """Work on the shards that are ours."""
    async for text in follow(client, ASSIGNMENT):
        shards = json.loads(text).get(name, [])
        print(f"{name} works on {shards}", flush=True)


async def main(name: str) -> None:
    """Be one worker until interrupted."""
    async with connect(name=name, session_timeout=SESSION_S, timeout=30) as client:
        with suppress(NodeExists):
            await client.create(SHARDS, SHARDS_AT_FIRST, parents=True)
        async with client.join(WORKERS, name=name), asyncio.TaskGroup() as tasks:
            tasks.create_task(lead(client, name))
            tasks.create_task(work(client, name))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} NAME   (COORDSVC_ENDPOINTS says where the cluster is)")
    try:
        asyncio.run(main(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(130)
