"""Members that come, go and are replaced while the cluster is at work."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coordsvc_client import connect
from tests.chaos.load import equal_nodes
from tests.integration.cluster import Cluster

pytestmark = pytest.mark.integration

FEW = ("--snapshot-every-entries", "200", "--log-entries-kept", "100", "--election-ms", "400")


def addresses_of(cluster):
    return {plan.name: plan.client_address for plan in cluster.plans}


async def coordctl(cluster, *words, fails=False):
    """Run `coordctl members ...` against any node; return what it printed."""
    http = ",".join(plan.http_address for plan in cluster.plans if cluster.nodes[plan.name].pid)
    result = await asyncio.to_thread(
        subprocess.run,
        [Path(sys.executable).with_name("coordctl"), "members", *words],
        env={**os.environ, "COORDSVC_HTTP_ENDPOINTS": http},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert bool(result.returncode) == fails, result.stderr
    return result.stdout + result.stderr


async def until_voters(cluster, *names, at):
    """Wait until exactly these vote, as the node `at` has it."""
    until = time.monotonic() + 20
    view = None
    while time.monotonic() < until:
        view = await asyncio.to_thread(cluster.http, at, "/v1/cluster/members")
        if view and view["committed"]:
            members = view["members"]
            if (
                [m["id"] for m in members if m["votes"]]
                == sorted(names)
                == [m["id"] for m in members]
            ):
                return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{names} are not the voters: {json.dumps(view)}\n{cluster.logs()}")


class Writers:
    """Clients that write all the time, and know what was acknowledged."""

    def __init__(self, cluster, count=4):
        self.cluster = cluster
        self.count = count
        self.acknowledged = {}

    async def __aenter__(self):
        self.clients = [
            await connect(list(addresses_of(self.cluster).values())) for _ in range(self.count)
        ]
        self.tasks = [
            asyncio.create_task(self._write(client, f"w{i}"))
            for i, client in enumerate(self.clients)
        ]
        await asyncio.sleep(0.3)
        return self

    async def _write(self, client, name):
        for number in range(10**6):
            await client.put(f"/written/{name}", b"%d" % number, parents=True)
            self.acknowledged[name] = number
            await asyncio.sleep(0)

    def total(self):
        return sum(self.acknowledged.values())

    async def goes_on(self):
        """Wait until each of them has written once more."""
        before = dict(self.acknowledged)
        async with asyncio.timeout(10):
            while any(self.acknowledged[name] <= number for name, number in before.items()):
                await asyncio.sleep(0.01)

    async def __aexit__(self, *_error):
        promised = dict(self.acknowledged)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for client in self.clients:
            with contextlib.suppress(Exception):
                await client.close()
        async with connect(list(addresses_of(self.cluster).values())) as reader:
            for name, number in promised.items():
                found = int((await reader.get(f"/written/{name}")).data)
                assert found >= number, f"{name}: {number} was acknowledged, {found} is left"


@pytest.mark.slow
async def test_a_cluster_grows_from_one_to_three_to_five_under_load(tmp_path):
    with Cluster(tmp_path / "nodes", nodes=1, options=FEW) as cluster:
        async with Writers(cluster) as writers:
            for size in (3, 5):
                for number in range(len(cluster.nodes) + 1, size + 1):
                    await coordctl(cluster, "add", cluster.join(f"n{number}"))
                await until_voters(cluster, *(f"n{n}" for n in range(1, size + 1)), at=f"n{size}")
                await writers.goes_on()
            # Clients that were told of n1 alone know all of them, and do without it.
            assert set(writers.clients[0].servers) == {*addresses_of(cluster).values()}
            await asyncio.to_thread(cluster.kill, "n1")
            await writers.goes_on()
            cluster.restart("n1")
        await equal_nodes(addresses_of(cluster))
        for name in cluster.nodes:
            await asyncio.to_thread(cluster.kill, name)
        for name in cluster.nodes:
            cluster.restart(name)
        await until_voters(cluster, *(f"n{n}" for n in range(1, 6)), at="n1")
        assert await cluster.wait_leader()


async def test_a_dead_member_is_replaced_by_another(tmp_path):
    with Cluster(tmp_path / "nodes", options=FEW) as cluster:
        leader = await cluster.wait_leader()
        dead = next(name for name in cluster.nodes if name != leader)
        async with Writers(cluster) as writers:
            await asyncio.to_thread(cluster.kill, dead)
            alive = next(name for name in cluster.nodes if name not in (dead, leader))
            said = await coordctl(cluster, "remove", alive, fails=True)
            assert "no majority" in said
            await coordctl(cluster, "replace", dead, cluster.join("n4"))
            cluster.drop(dead)
            await until_voters(cluster, leader, alive, "n4", at="n4")
            await writers.goes_on()
        await equal_nodes(addresses_of(cluster))


async def test_the_leader_is_removed_under_load(cluster):
    async with Writers(cluster) as writers:
        for _ in range(2):
            leader = await cluster.wait_leader()
            said = await coordctl(cluster, "remove", leader)
            assert f"{leader} is no member any more" in said
            rest = [name for name in cluster.nodes if name != leader]
            await until_voters(cluster, *rest, at=rest[0])
            view = cluster.http(leader, "/v1/cluster/members")
            assert leader not in {member["id"] for member in view["members"]}
            log = cluster.nodes[leader].plan.log_path.read_text()
            await asyncio.to_thread(cluster.drop, leader)
            assert await cluster.wait_leader() in rest
            await writers.goes_on()
        assert "raft.retired" in log
    await equal_nodes(addresses_of(cluster))


async def test_a_node_that_comes_back_empty_is_refused_until_it_is_taken_in_afresh(tmp_path):
    with Cluster(tmp_path / "nodes", options=FEW) as cluster:
        leader = await cluster.wait_leader()
        lost = next(name for name in cluster.nodes if name != leader)
        async with Writers(cluster) as writers:
            await asyncio.to_thread(cluster.kill, lost)
            shutil.rmtree(cluster.nodes[lost].plan.folder)
            cluster.restart(lost)
            until = time.monotonic() + 15
            while not (said := cluster.http(lost, "/v1/cluster")) and time.monotonic() < until:
                await asyncio.sleep(0.05)
            way_out = f"coordctl members replace {lost}"
            while way_out not in cluster.nodes[lost].plan.log_path.read_text():
                assert time.monotonic() < until, cluster.logs()
                await asyncio.sleep(0.05)
            await asyncio.sleep(1.5)
            said = cluster.http(lost, "/v1/raft")
            assert (said["term"], said["vote"], said["applied_index"]) == (0, None, 0)
            await coordctl(cluster, "replace", lost)
            await until_voters(cluster, "n1", "n2", "n3", at=lost)
            await writers.goes_on()
        await equal_nodes(addresses_of(cluster))
