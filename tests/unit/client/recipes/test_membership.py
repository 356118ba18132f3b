import asyncio

import pytest

from coordsvc_client import NodeExists
from tests.unit.client.fake_server import FakeCluster
from tests.unit.client.virtual_loop import virtual


@virtual
async def test_members_come_and_go_and_everybody_sees_them():
    cluster = FakeCluster()
    async with await cluster.connect() as a, await cluster.connect() as b:
        groups = b.members("/web")
        assert await anext(groups) == ()
        async with a.join("/web", {"addr": "h:1"}) as me:
            (member,) = await anext(groups)
            assert (member.name, member.json()) == (me.name, {"addr": "h:1"})
            assert member.session == a.session
            await me.set("two")
            assert [m.text for m in await anext(groups)] == ["two"]
            async with b.join("/web", b"", name="fixed"):
                assert [m.name for m in await anext(groups)] == ["fixed", me.name]
            assert [m.name for m in await anext(groups)] == [me.name]
        assert await anext(groups) == ()
        await groups.aclose()


@virtual
async def test_a_member_comes_back_with_a_new_session():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        async with c.join("/web", b"x", name="me"):
            first = c.session
            cluster.expire(first)
            cluster.drop()
            await asyncio.sleep(5)
            assert c.session != first
            assert cluster.tree["/web/me"][1][8] == c.session
        assert "/web/me" not in cluster.tree


@virtual
async def test_a_name_that_is_taken_is_refused():
    cluster = FakeCluster()
    async with await cluster.connect() as a, await cluster.connect() as b:
        async with a.join("/web", name="me"):
            with pytest.raises(NodeExists):
                async with b.join("/web", name="me"):
                    pytest.fail("two of one name")
