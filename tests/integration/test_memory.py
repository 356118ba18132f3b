"""What a burst of load takes of a real node's memory is given back."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from coordsvc.base import limits
from coordsvc_client import connect
from tests.bench.proc import rss_bytes
from tests.integration.cluster import Cluster
from tests.integration.raw import Raw

pytestmark = [pytest.mark.integration, pytest.mark.slow]
LOAD_BYTES = 120 * limits.MIB
CLIENTS = 300
WATCHES = 100
KEPT = limits.HISTORY_BYTES_MAX + limits.LOG_BYTES_KEPT_BEHIND + 24 * limits.MIB
"""What a node may go on holding: history, log entries, and what the allocator does not return."""
SETTLE_S = 60.0
"""A snapshot under way holds what it has yet to write; after it the holes are given back."""


@pytest.mark.parametrize("kib", [512, 200, 60, 20])  # beyond the allocator's threshold, and not
async def test_memory_returns_after_load(tmp_path, kib):
    value = os.urandom(kib * limits.KIB)
    with Cluster(tmp_path, nodes=1, options=("--snapshot-every-bytes", "16777216")) as cluster:
        pid = cluster.nodes["n1"].pid
        async with await connect(cluster.endpoints) as client:
            await client.create("/warm", b"")
            await client.create("/big", b"")
            start = rss_bytes(pid)
            for number in range(LOAD_BYTES // len(value)):
                await client.put(f"/big/{number}", value)
            address = cluster.plans[0].client_address
            crowd = [Raw(address) for _ in range(CLIENTS)]
            for each in crowd:
                each.hello()
                for _ in range(WATCHES // 10):
                    each.ask(35, "/big", 2, 0, False)
            peak = rss_bytes(pid)
            assert peak > start + LOAD_BYTES, "the load was felt"
            for each in crowd:
                each.ask(9)
                each.socket.close()
            await client.delete("/big", recursive=True)
            # Small changes move the history and the log on, as time does.
            for number in range(200):
                await client.put("/warm", b"%d" % number)
            until = time.monotonic() + SETTLE_S
            while rss_bytes(pid) > start + KEPT and time.monotonic() < until:
                await asyncio.sleep(0.5)
                await client.put("/warm", b"")
            took = time.monotonic() - until + SETTLE_S
            end = rss_bytes(pid)
            print(f"start {start >> 20} MiB, peak {peak >> 20} MiB, end {end >> 20} MiB")
            print(f"settled in {took:.1f} s; the node said:", cluster.logs(), sep="\n")
            assert end <= start + KEPT
