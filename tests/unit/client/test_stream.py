import asyncio

import pytest

from coordsvc_client import (
    EventKind,
    stream,
)
from coordsvc_client.wire import codes, ops
from tests.unit.client.fakecluster import FakeCluster
from tests.unit.client.virtual_loop import virtual


@virtual
async def test_a_watch_goes_on_after_a_lost_connection_without_gap_or_repetition():
    cluster = FakeCluster(("n1", "n2"))
    async with await cluster.connect() as c, await cluster.connect(first=1) as writer:
        async with c.watch("/", recursive=True) as events:
            await writer.create("/a", b"1")
            assert (await anext(events)).path == "/a"
            for pipe in list(cluster.pipes):
                if pipe.session == c.session:
                    pipe.close()
            for name in ("/b", "/c"):
                await writer.create(name, b"")
            seen = [await anext(events) for _ in range(2)]
            assert [event.path for event in seen] == ["/b", "/c"]
            await writer.set("/a", b"2")
            event = await anext(events)
            assert (event.kind, event.data) == (EventKind.CHANGED, b"2")
            assert events.pending() == 0


@virtual
async def test_a_history_that_was_cut_gives_a_resync_and_later_events_follow():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        await c.create("/a")
        cluster.compacted = cluster.revision + 1
        events = c.watch("/", recursive=True, since=50)
        event = await anext(events)
        assert (event.kind, event.path) == (EventKind.RESYNC, "/")
        assert event.revision == cluster.revision
        await c.create("/b")
        assert (await anext(events)).path == "/b"


@virtual
async def test_a_consumer_that_is_too_slow_gets_what_fitted_and_then_a_resync():
    cluster = FakeCluster()
    async with await cluster.connect() as c, c.watch("/", recursive=True) as events:
        for number in range(stream.QUEUE_MAX + 5):
            cluster.revision += 1
            cluster.do_create(c.session, f"/n{number}", b"", 0, False, False, 0, [])
        await asyncio.sleep(0.1)
        assert events.pending() == stream.QUEUE_MAX
        for _ in range(stream.QUEUE_MAX):
            assert (await anext(events)).kind is EventKind.CREATED
        assert (await anext(events)).kind is EventKind.RESYNC
        await c.create("/later")
        assert (await anext(events)).path == "/later"


@virtual
async def test_a_watch_on_a_path_the_server_refuses_fails():
    cluster = FakeCluster()
    async with await cluster.connect() as c:

        def deny(pipe, request):
            if request[0] == ops.WATCH:
                pipe.send([request[1], codes.DENIED, cluster.revision, "no"])
            return request[0] == ops.WATCH

        cluster.intercept = deny
        with pytest.raises(PermissionError):
            async with c.watch("/secret"):
                pass
