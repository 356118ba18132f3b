import asyncio

from coordsvc_client.recipes.following import follow_children
from tests.unit.client.fakecluster import FakeCluster
from tests.unit.client.virtual_loop import virtual


@virtual
async def test_after_a_cut_in_the_history_everything_is_read_again():
    cluster = FakeCluster()
    async with await cluster.connect() as c, await cluster.connect() as writer:
        await writer.create("/g")
        groups = follow_children(c, "/g")
        assert await anext(groups) == {}
        following = asyncio.create_task(anext(groups))
        await asyncio.sleep(0.01)
        for pipe in list(cluster.pipes):
            if pipe.session == c.session:
                pipe.close()
        await writer.create("/g/a", b"1")
        cluster.compacted = cluster.revision + 1
        nodes = await following
        assert [node.data for node in nodes.values()] == [b"1"]
        await groups.aclose()


@virtual
async def test_grandchildren_are_not_children():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        await c.create("/g/a", parents=True)
        groups = follow_children(c, "/g")
        assert list(await anext(groups)) == ["/g/a"]
        await c.create("/g/a/deep")
        await c.delete("/g/a")
        assert await anext(groups) == {}
        await groups.aclose()
