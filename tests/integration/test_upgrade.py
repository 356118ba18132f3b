"""A cluster of real processes is upgraded node by node, under its users' hands."""

from __future__ import annotations

import asyncio
import time

import pytest

from coordsvc.cli.localcluster import STOPPED
from coordsvc.state import versions
from coordsvc_client import connect
from tests.integration.cluster import Cluster

pytestmark = [pytest.mark.integration, pytest.mark.slow]
OLDER = "tests.integration.older"
WAIT_S = 15.0


def versions_of(cluster):
    views = {name: cluster.http(name, "/v1/raft") for name in cluster.nodes}
    return {name: view and view["state_version"] for name, view in views.items()}


async def soon(cluster, expected):
    """Wait until the nodes run these versions; return what they run."""
    until = time.monotonic() + WAIT_S
    found = {}
    while time.monotonic() < until and set(found.values()) != {expected}:
        await asyncio.sleep(0.1)
        found = await asyncio.to_thread(versions_of, cluster)
    return found


async def replace_program(cluster, name, module):
    assert await asyncio.to_thread(cluster.terminate, name) == 0
    cluster.nodes[name].module = module
    cluster.restart(name)
    await cluster.wait_leader()


async def test_versions_run_side_by_side_and_the_newest_runs_when_all_have_it(tmp_path):
    cluster = Cluster(tmp_path / "nodes", options=("--snapshot-every-entries", "100"))
    for node in cluster.nodes.values():
        node.module = OLDER
    with cluster:
        assert set((await soon(cluster, 1)).values()) == {1}
        async with await connect(cluster.endpoints) as client, client.lock("/lock") as lock:
            await client.create("/count", b"0")
            written = 0
            for name in ("n3", "n2", "n1"):
                assert set((await soon(cluster, 1)).values()) == {1}
                await replace_program(cluster, name, "coordsvc")
                for _ in range(150):  # past a snapshot, so that some are read by the other version
                    written += 1
                    await client.set("/count", b"%d" % written)
                assert (await client.get("/count")).data == b"%d" % written
            assert set((await soon(cluster, versions.NEWEST)).values()) == {versions.NEWEST}
            await client.set("/count", b"done", version=written)
            lock.check()
            view = cluster.http("n1", "/v1/raft")
            assert view["upgrade_waits_for"] == []
        # There is no way back.
        assert await asyncio.to_thread(cluster.terminate, "n2") == 0
        cluster.nodes["n2"].module = OLDER
        cluster.restart("n2")
        process = cluster.nodes["n2"]._process
        assert await asyncio.to_thread(process.wait, 10) == 2
        cluster.nodes["n2"].state = STOPPED
        words = cluster.nodes["n2"].plan.log_path.read_text()
        told = f"the cluster runs version {versions.NEWEST} of the state machine"
        assert f"{told}; this program has 1 to 1" in words
        cluster.nodes["n2"].module = "coordsvc"
        cluster.restart("n2")
        assert set((await soon(cluster, versions.NEWEST)).values()) == {versions.NEWEST}
