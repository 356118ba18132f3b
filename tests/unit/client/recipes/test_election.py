import asyncio

import pytest

from coordsvc_client import Leader, LockLost, LockNotAcquired
from tests.unit.client.fakecluster import FakeCluster
from tests.unit.client.virtual_loop import virtual


@virtual
async def test_one_leads_at_a_time_and_everybody_sees_who():
    cluster = FakeCluster()
    async with (
        await cluster.connect() as a,
        await cluster.connect() as b,
        await cluster.connect() as watcher,
    ):
        seen = []

        async def observe():
            async for leader in watcher.election("/e").observe():
                seen.append(leader)

        observing = asyncio.create_task(observe())
        terms = []
        async with a.election("/e", value=b"A").campaign() as term:
            terms.append(Leader(b"A", term.token))
            with pytest.raises(LockNotAcquired):
                async with b.election("/e", value=b"B").campaign(wait=1):
                    pytest.fail("two leaders")
            assert await b.election("/e").leader() == terms[0]
        assert await b.election("/e").leader() is None
        async with b.election("/e", value=b"B").campaign() as term:
            terms.append(Leader(b"B", term.token))
            await asyncio.sleep(1)
        assert seen == terms
        assert terms[0].token < terms[1].token
        observing.cancel()


@virtual
async def test_a_leader_that_lost_its_session_is_stopped_and_another_one_announces_itself():
    cluster = FakeCluster()
    async with await cluster.connect() as a, await cluster.connect() as b:
        with pytest.raises(LockLost):
            async with a.election("/e", value=b"A").campaign():
                cluster.expire(a.session)
                await asyncio.sleep(1_000)
        async with b.election("/e", value=b"B").campaign():
            assert (await b.election("/e").leader()).text == "B"


@virtual
async def test_the_announcement_of_a_leader_whose_lock_was_broken_gives_way():
    cluster = FakeCluster()
    async with await cluster.connect() as a, await cluster.connect() as b:
        with pytest.raises(LockLost):
            async with a.election("/e", value=b"A").campaign():
                await b.break_lock("/e", note="")
                async with b.election("/e", value=b"B").campaign():
                    assert (await b.election("/e").leader()).value == b"B"
                await asyncio.sleep(1_000)
