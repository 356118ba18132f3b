"""kazoo and the native client at one cluster: one tree, one order, each other's events."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from types import SimpleNamespace

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError, NotEmptyError
from kazoo.protocol.states import EventType
from kazoo.security import make_digest_acl

from coordsvc_client import Denied, StaleToken, connect

pytestmark = pytest.mark.integration


@contextlib.asynccontextmanager
async def both(cluster):
    """A native client and a kazoo, which begin at different servers."""
    hosts = deque(plan.client_address for plan in cluster.plans)
    hosts.rotate(1)
    kazoo = KazooClient(",".join(hosts), randomize_hosts=False, timeout=6)
    await asyncio.to_thread(kazoo.start, 15)
    try:
        async with connect(cluster.endpoints) as native:
            yield native, kazoo
    finally:
        await asyncio.to_thread(kazoo.stop)
        await asyncio.to_thread(kazoo.close)


async def soon(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_what_one_writes_the_other_sees_field_by_field(shared_cluster):
    async with both(shared_cluster) as (native, kazoo):
        await asyncio.to_thread(kazoo.create, "/two/a", b"1", makepath=True)
        await native.set("/two/a", b"22")
        await native.create("/two/a/child", b"")
        node = await native.get("/two/a")
        await asyncio.to_thread(kazoo.sync, "/two/a")
        data, stat = await asyncio.to_thread(kazoo.get, "/two/a")
        theirs = node.stat
        assert (data, stat.version, stat.cversion) == (b"22", 1, 1)
        assert (stat.czxid, stat.mzxid, stat.pzxid) == (theirs.czxid, theirs.mzxid, theirs.pzxid)
        assert (stat.ctime, stat.mtime) == (theirs.ctime, theirs.mtime)
        assert (stat.dataLength, stat.numChildren) == (theirs.data_length, theirs.num_children)
        names = [
            await asyncio.to_thread(kazoo.create, "/two/s-", b"", sequence=True),
            (await native.create("/two/s-", b"", sequence=True)).path,
            await asyncio.to_thread(kazoo.create, "/two/s-", b"", sequence=True),
        ]
        assert names == [f"/two/s-000000000{number}" for number in (1, 2, 3)]


async def test_each_hears_of_the_other_s_changes(shared_cluster):
    async with both(shared_cluster) as (native, kazoo):
        heard = []
        await asyncio.to_thread(kazoo.exists, "/heard", heard.append)
        async with native.watch("/heard") as events:
            await asyncio.to_thread(kazoo.create, "/heard", b"1")
            await asyncio.to_thread(kazoo.set, "/heard", b"2")
            told = [await anext(events) for _ in range(2)]
        assert [(event.kind, event.data) for event in told] == [
            ("created", b"1"),
            ("changed", b"2"),
        ]
        await soon(lambda: heard)
        assert heard[0].type == EventType.CREATED
        await asyncio.to_thread(kazoo.get, "/heard", heard.append)
        await native.set("/heard", b"3")
        await soon(lambda: len(heard) == 2)
        assert heard[1].type == EventType.CHANGED


async def test_ephemerals_of_both_are_seen_and_go_with_their_sessions(shared_cluster):
    async with both(shared_cluster) as (native, kazoo):
        await asyncio.to_thread(kazoo.create, "/mine", b"", ephemeral=True)
        node = await native.get("/mine")
        assert node.owner == kazoo.client_id[0]
        async with native.watch("/mine") as gone:
            await asyncio.to_thread(kazoo.stop)
            assert (await anext(gone)).kind == "deleted"
        await asyncio.to_thread(kazoo.start, 15)
        async with connect(shared_cluster.endpoints) as other:
            await other.create("/theirs", b"", ephemeral=True)
            await asyncio.to_thread(kazoo.sync, "/theirs")
            stat = await asyncio.to_thread(kazoo.exists, "/theirs")
            assert stat.ephemeralOwner == (await other.get("/theirs")).owner
        await asyncio.to_thread(kazoo.sync, "/theirs")
        assert await asyncio.to_thread(kazoo.exists, "/theirs") is None


async def test_a_native_lock_keeps_its_node_and_its_token_guards_a_write_beside(shared_cluster):
    async with both(shared_cluster) as (native, kazoo):
        await asyncio.to_thread(kazoo.create, "/job", b"0")
        async with native.lock("/job") as held:
            with pytest.raises(NotEmptyError):
                await asyncio.to_thread(kazoo.delete, "/job")
            await asyncio.to_thread(kazoo.set, "/job", b"from kazoo")
            await native.set("/job", b"guarded", guard=held)
            token = held.token
        with pytest.raises(StaleToken):
            await native.set("/job", b"too late", guard=SimpleNamespace(path="/job", token=token))
        await asyncio.to_thread(kazoo.sync, "/job")
        assert (await asyncio.to_thread(kazoo.get, "/job"))[0] == b"guarded"
        await asyncio.to_thread(kazoo.delete, "/job")


async def test_an_acl_holds_for_both(shared_cluster):
    async with both(shared_cluster) as (native, kazoo):
        mine = [make_digest_acl("u", "p", all=True)]
        await asyncio.to_thread(kazoo.create, "/secret", b"s", acl=mine)
        for call in (
            native.get("/secret"),
            native.set("/secret", b"x"),
            native.create("/secret/c", b""),
            native.children("/secret"),
        ):
            with pytest.raises(Denied):
                await call
        with pytest.raises(NoAuthError):
            await asyncio.to_thread(kazoo.get, "/secret")
        await asyncio.to_thread(kazoo.add_auth, "digest", "u:p")
        assert (await asyncio.to_thread(kazoo.get, "/secret"))[0] == b"s"
        await asyncio.to_thread(kazoo.delete, "/secret")
