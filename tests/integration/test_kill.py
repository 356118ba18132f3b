"""kill -9 under load: nothing acknowledged is lost, nothing done twice, nobody is disturbed."""

from __future__ import annotations

import asyncio

import pytest

from tests.chaos.load import Load

pytestmark = pytest.mark.integration

OUTAGE_S_MAX = 3.0
FOLLOWER_OUTAGE_S_MAX = 1.5


def addresses_of(cluster):
    return {plan.name: plan.client_address for plan in cluster.plans}


async def in_thread(call, *args):
    return await asyncio.to_thread(call, *args)


async def test_leaders_and_followers_die_under_load(cluster, record_property):
    async with Load(addresses_of(cluster)) as load:
        await load.run(1.0)
        outages = []
        for round_ in range(5):
            leader = await cluster.wait_leader()
            followers = [name for name in cluster.nodes if name != leader]
            victim = followers[round_ % 2] if round_ in (1, 3) else leader
            killed_at = asyncio.get_running_loop().time()
            await in_thread(cluster.kill, victim)
            await load.run(1.0)
            cluster.restart(victim)
            await load.run(0.7)
            await cluster.wait_leader()
            outages.append((victim == leader, load.prober.longest_since(killed_at)))
        await cluster.wait_leader()
        report = await load.finish()
    print(*report, *(f"leader={leads} outage={s:.2f} s" for leads, s in outages), sep="\n")
    record_property("outages", str(outages))
    assert sum(watcher.resyncs for watcher in load.tree.watchers) == 0
    assert max(outage for _, outage in outages) < OUTAGE_S_MAX
    assert max(outage for leads, outage in outages if not leads) < FOLLOWER_OUTAGE_S_MAX
