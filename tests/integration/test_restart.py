"""Nodes that stop in order, or all at once, and come back."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from coordsvc.cli.localcluster import STOPPED
from coordsvc_client import connect
from tests.chaos.load import Load, equal_nodes, status
from tests.integration.cluster import Cluster

pytestmark = pytest.mark.integration

FEW = ("--snapshot-every-entries", "200", "--log-entries-kept", "100")
HAND_OVER_OUTAGE_S_MAX = 1.0


def addresses_of(cluster):
    return {plan.name: plan.client_address for plan in cluster.plans}


async def test_a_rolling_restart_under_load_loses_no_session_and_no_write(tmp_path):
    with Cluster(tmp_path / "nodes", options=FEW) as cluster:
        async with Load(addresses_of(cluster)) as load:
            await load.run(0.5)
            outages = []
            first = await cluster.wait_leader()
            for name in (first, *(name for name in cluster.nodes if name != first)):
                asked_at = asyncio.get_running_loop().time()
                assert await asyncio.to_thread(cluster.terminate, name) == 0
                await load.run(0.5)
                cluster.restart(name)
                await cluster.wait_leader()
                await load.run(0.5)
                outages.append(load.prober.longest_since(asked_at))
            report = await load.finish()
        log = cluster.nodes[first].plan.log_path.read_text()
        snapshots = list((tmp_path / "nodes").glob("*/snapshots/*.snap"))
    print(*report, f"outages of orderly stops: {outages}", sep="\n")
    assert "leadership handed over" in log
    assert max(outages) < HAND_OVER_OUTAGE_S_MAX
    assert len(snapshots) == 2 * len(cluster.nodes), "snapshots were taken, and two kept"


async def test_what_was_acknowledged_outlives_the_death_of_all_nodes_at_once(cluster):
    acknowledged: dict[str, int] = {}

    async def write(client, name):
        for number in range(10**6):
            await client.put(f"/durable/{name}", b"%d" % number)
            acknowledged[name] = number

    addresses = addresses_of(cluster)
    clients = [await connect(list(addresses.values())) for _ in range(8)]
    await clients[0].create("/durable")
    writers = [asyncio.create_task(write(c, f"w{i}")) for i, c in enumerate(clients)]
    await asyncio.sleep(1.0)
    for node in cluster.nodes.values():
        node._process.kill()
    promised = dict(acknowledged)
    for writer in writers:
        writer.cancel()
    await asyncio.gather(*writers, return_exceptions=True)
    for name in cluster.nodes:
        cluster.kill(name)
        assert cluster.nodes[name].state == STOPPED
        cluster.restart(name)
    await cluster.wait_leader()
    async with connect(list(addresses.values())) as reader:
        for name, number in promised.items():
            found = int((await reader.get(f"/durable/{name}")).data)
            assert found >= number, f"{name}: {number} was acknowledged, {found} is left"
    for client in clients:
        await client.ready()
        assert client.session > 0
        await client.put("/durable/again", b"")
        await client.close()
    await equal_nodes(addresses)
    assert len(promised) == 8
    assert min(promised.values()) > 10


async def test_a_node_that_was_away_for_long_is_given_a_snapshot(tmp_path):
    with Cluster(tmp_path / "nodes", options=FEW) as cluster:
        addresses = addresses_of(cluster)
        async with connect(list(addresses.values())) as client:
            leader = await cluster.wait_leader()
            away = next(name for name in cluster.nodes if name != leader)
            await asyncio.to_thread(cluster.kill, away)
            await client.create("/away")
            for start in range(0, 2000, 200):
                await asyncio.gather(
                    *(client.put(f"/away/{n % 50}", b"x" * n) for n in range(start, start + 200))
                )
            await client.create("/away/alive", ephemeral=True)
            cluster.restart(away)
            await equal_nodes(addresses)
            log = cluster.nodes[away].plan.log_path.read_text()
            # Once more, from its own new snapshot and what little log there is behind it.
            await asyncio.to_thread(cluster.kill, away)
            cluster.restart(away)
            await equal_nodes(addresses)
            view = status(addresses[away])
            assert view["nodes"] == status(addresses[leader])["nodes"]
    assert "snapshot installed" in log


async def test_a_node_whose_folder_lost_its_log_is_not_let_in(cluster):
    leader = await cluster.wait_leader()
    victim = next(name for name in cluster.nodes if name != leader)
    cluster.kill(victim)
    shutil.rmtree(cluster.nodes[victim].plan.folder / "log")
    cluster.restart(victim)
    code = await asyncio.to_thread(cluster.nodes[victim]._process.wait, 10)
    cluster.nodes[victim].state = STOPPED
    assert code == 2
    said = cluster.nodes[victim].last_words()
    assert "log" in said
    assert "start with an empty one" in said
    assert await cluster.wait_leader() == leader
