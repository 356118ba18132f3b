"""aiozk, unmodified, against three nodes of ours: its client and its recipes."""

from __future__ import annotations

import asyncio
import contextlib
import uuid

import pytest
from aiozk import ACL, ZKClient, exc
from aiozk.exc import TimeoutError as LateError

from tests.zookeeper.services import hosts
from tests.zookeeper.test_kazoo import SERVICES

pytestmark = pytest.mark.integration
WAIT_S = 20


@pytest.fixture(scope="module", params=SERVICES)
def service(request, tmp_path_factory):
    with request.param(tmp_path_factory.mktemp("service")) as service:
        yield service


@contextlib.asynccontextmanager
async def clients(service, count=2, chroot=None, servers=1):
    """Clients of the leader, or as many servers as given.

    One alone by default: aiozk has no `sync` to look past the delay of another.
    """
    made = []
    try:
        for _ in range(count):
            client = ZKClient(hosts(service.addresses()[:servers]), chroot=chroot)
            await asyncio.wait_for(client.start(), WAIT_S)
            made.append(client)
        yield made
    finally:
        for client in made:
            await client.close()


async def persist(call):
    """Call until it works: a request that was under way when its server died is never answered."""
    async with asyncio.timeout(2 * WAIT_S):
        while True:
            with contextlib.suppress(TimeoutError, exc.ConnectError, exc.SessionLost, LateError):
                return await asyncio.wait_for(call(), 1)


@pytest.fixture
def path():
    return f"/aiozk-{uuid.uuid4().hex[:12]}"


async def test_nodes_and_errors(service, path):
    async with clients(service, 1) as (client,):
        assert await client.create(path, b"one") == path
        assert await client.get_data(path) == b"one"
        await client.set(path, b"two", version=0)
        with pytest.raises(exc.BadVersion):
            await client.set(path, b"two", version=0)
        with pytest.raises(exc.NodeExists):
            await client.create(path)
        await client.create(f"{path}/e", ephemeral=True)
        made = await client.create(f"{path}/s-", sequential=True)
        assert made == f"{path}/s-0000000001"
        assert sorted(await client.get_children(path)) == ["e", "s-0000000001"]
        await client.set_acl(path, [ACL.make("world", "anyone", read=True)], force=True)
        with pytest.raises(exc.NoAuth):
            await client.create(f"{path}/x")


async def test_a_transaction(service, path):
    async with clients(service, 1) as (client,):
        request = client.begin_transaction()
        request.create(path, b"1")
        request.set_data(path, b"2", version=0)
        request.check_version(path, version=1)
        outcome = await request.commit()
        assert outcome
        assert await client.get_data(path) == b"2"
        failing = client.begin_transaction()
        failing.delete(path)
        failing.check_version("/", version=99)
        assert not await failing.commit()
        assert await client.exists(path)


async def test_locks_barriers_and_counters(service, path):
    async with clients(service, chroot=path) as (one, two):
        locks = [client.recipes.Lock("/lock") for client in (one, two)]
        async with locks[0]:
            with pytest.raises(LateError):
                await locks[1].acquire(timeout=0.3)
        async with locks[1]:
            assert locks[1].locked()
        barrier = one.recipes.Barrier("/barrier")
        await barrier.create()
        waiting = asyncio.create_task(two.recipes.Barrier("/barrier").wait(WAIT_S))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await barrier.lift()
        await waiting
        both = [client.recipes.DoubleBarrier("/double", 2) for client in (one, two)]
        await asyncio.gather(*(each.enter(WAIT_S) for each in both))
        await asyncio.gather(*(each.leave(WAIT_S) for each in both))
        counter = one.recipes.Counter("/counter")
        await counter.start()
        await counter.incr()
        await counter.incr(4)
        assert await one.get_data("/counter") == b"5"


async def test_elections_and_parties(service, path):
    async with clients(service, chroot=path) as (one, two):
        elections = [client.recipes.LeaderElection("/election") for client in (one, two)]
        await elections[0].volunteer()
        await elections[0].wait_for_leadership(WAIT_S)
        await elections[1].volunteer()
        assert (elections[0].has_leadership, elections[1].has_leadership) == (True, False)
        await elections[0].resign()
        await elections[1].wait_for_leadership(WAIT_S)
        parties = [
            client.recipes.Party("/party", name) for name, client in (("one", one), ("two", two))
        ]
        for party in parties:
            await party.join()
        async with asyncio.timeout(WAIT_S):
            while sorted(parties[0].members) != ["one", "two"]:
                await parties[0].wait_for_change()
        for party in parties:
            await party.leave()


async def test_watchers(service, path):
    async with clients(service, chroot=path) as (one, two):
        await one.create("/n", b"1")
        data, children = asyncio.Queue(), asyncio.Queue()
        watcher = one.recipes.DataWatcher()
        watcher.add_callback("/n", data.put)
        names = one.recipes.ChildrenWatcher()
        names.add_callback("/n", children.put)
        assert await asyncio.wait_for(data.get(), WAIT_S) == b"1"
        assert await asyncio.wait_for(children.get(), WAIT_S) == []
        await two.set_data("/n", b"2")
        await two.create("/n/c")
        assert await asyncio.wait_for(data.get(), WAIT_S) == b"2"
        assert await asyncio.wait_for(children.get(), WAIT_S) == ["c"]
        watcher.remove_callback("/n", data.put)
        names.remove_callback("/n", children.put)


@pytest.mark.slow
async def test_a_session_goes_on_when_the_leader_dies(service, path):
    try:
        async with clients(service, chroot=path, servers=3) as (one, two):
            await one.create("/mine", b"1", ephemeral=True)
            held = one.recipes.Lock("/lock")
            await held.acquire()
            sessions = [client.session.session_id for client in (one, two)]
            await asyncio.to_thread(service.kill_leader)
            await persist(lambda: one.set_data("/mine", b"2"))
            await persist(lambda: two.exists("/mine"))
            assert [client.session.session_id for client in (one, two)] == sessions
            with pytest.raises(LateError):
                await two.recipes.Lock("/lock").acquire(timeout=0.3)
            await held.release()
            async with two.recipes.Lock("/lock") as mine:
                assert mine is None  # held from here on
    finally:
        service.restore()
