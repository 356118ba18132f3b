import asyncio

import pytest

from coordsvc_client import NodeExists
from coordsvc_client.wire import ops
from tests.unit.client.fakecluster import FakeCluster
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


@virtual
async def test_who_gives_up_joining_is_no_member_afterwards():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        cluster.intercept = lambda pipe, request: (
            request[0] == ops.CREATE
            and bool(asyncio.get_running_loop().call_later(3, cluster.answer, pipe, request))
        )
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1), c.join("/web"):
                pytest.fail("it was not answered yet")
        await asyncio.sleep(10)
        assert [path for path in cluster.tree if path.startswith("/web/")] == []


@virtual
async def test_who_leaves_while_coming_back_is_no_member_afterwards():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        async with c.join("/web"):
            cluster.intercept = lambda pipe, request: (
                request[0] == ops.CREATE
                and bool(asyncio.get_running_loop().call_later(3, cluster.answer, pipe, request))
            )
            cluster.expire(c.session)
            cluster.drop()
            await asyncio.sleep(1)
        await asyncio.sleep(10)
        assert [path for path in cluster.tree if path.startswith("/web/")] == []


@virtual
async def test_what_is_announced_while_coming_back_is_the_latest():
    cluster = FakeCluster()
    async with await cluster.connect() as c, c.join("/web", b"old", name="me") as me:
        cluster.intercept = lambda pipe, request: (
            request[0] == ops.CREATE
            and bool(asyncio.get_running_loop().call_later(2, cluster.answer, pipe, request))
        )
        cluster.expire(c.session)
        cluster.drop()
        await asyncio.sleep(1)
        await me.set(b"new")
        await asyncio.sleep(10)
        assert cluster.tree["/web/me"][0] == b"new"
