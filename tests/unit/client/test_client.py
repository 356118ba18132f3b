import asyncio
from pathlib import PurePosixPath

import pytest

from coordsvc_client import (
    BadVersion,
    Closed,
    NodeExists,
    NoNode,
    OutcomeUnknown,
    SessionExpired,
    State,
    Timeout,
    TransactionFailed,
    Unavailable,
)
from coordsvc_client.client import TreeClient
from coordsvc_client.errors import BadRequest, CoordError
from coordsvc_client.wire import codes, ops
from tests.unit.client.fakecluster import FakeCluster
from tests.unit.client.virtual_loop import virtual


@virtual
async def test_what_is_created_can_be_read_listed_changed_and_deleted():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        node = await c.create("/a/b", "text", parents=True)
        assert (node.path, node.text) == ("/a/b", "text")
        assert (await c.get("/a/b")).data == b"text"
        assert await c.children("/a") == ["b"]
        stat = await c.set("/a/b", b"two", version=0)
        assert stat.version == 1
        assert [n.text async for n in c.nodes("/a")] == ["two"]
        with pytest.raises(BadVersion):
            await c.set("/a/b", b"three", version=0)
        assert await c.delete("/a/b") == 1
        assert await c.exists("/a/b") is None
        with pytest.raises(NoNode) as caught:
            await c.get("/a/b")
        assert isinstance(caught.value, LookupError)
        assert (caught.value.path, caught.value.retryable) == ("/a/b", False)


@virtual
async def test_a_long_listing_is_read_page_by_page():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        for number in range(25):
            cluster.tree[f"/n{number:02}"] = [b"", cluster.stat(b"")]
        pages = [page async for page, _ in c.pages("/", limit=10)]
        assert [len(page) for page in pages] == [10, 10, 5]
        names = [name for page in pages for name in page]
        assert names == [f"n{number:02}" for number in range(25)]


@virtual
async def test_a_chroot_is_put_before_and_taken_off_every_path():
    cluster = FakeCluster()
    cluster.tree["/shop"] = [b"", cluster.stat(b"")]
    async with await cluster.connect(chroot="/shop") as c:
        events = c.watch("/", recursive=True)
        node = await c.create("/x", b"", sequence=True)
        assert node.path.startswith("/x")
        assert f"/shop{node.path}" in cluster.tree
        assert (await anext(events)).path == node.path
        await c.txn().check("/").create("/y", b"1").commit()
        assert "/shop/y" in cluster.tree


@virtual
async def test_a_mutation_whose_answer_was_lost_is_sent_again_under_its_serial_and_done_once():
    cluster = FakeCluster(("n1", "n2"))
    async with await cluster.connect() as c:

        def lose_the_answer(pipe, request):
            if request[0] == ops.CREATE:
                cluster.mutate(pipe.session, request)
                cluster.intercept = None
                pipe.close()
                return True
            return False

        cluster.intercept = lose_the_answer
        node = await c.create("/once", b"x")
        assert node.path == "/once"
        creates = [request for request in cluster.requests if request[0] == ops.CREATE]
        assert len(creates) == 2
        assert creates[0][1] == creates[1][1]
        assert len([r for r in cluster.applied if r[0] == ops.CREATE]) == 1
        assert cluster.hellos[1][3] == c.session, "it re-attached"


@virtual
async def test_without_an_answer_a_write_has_an_unknown_outcome_and_a_read_a_timeout():
    cluster = FakeCluster()
    c = await cluster.connect(timeout=2.0)
    cluster.intercept = lambda pipe, request: request[0] in (ops.CREATE, ops.GET)
    with pytest.raises(OutcomeUnknown):
        await c.create("/a")
    with pytest.raises(Timeout) as caught:
        await c.get("/a", timeout=0.5)
    assert isinstance(caught.value, TimeoutError)
    await c.close()


@virtual
async def test_a_write_that_no_server_ever_got_times_out_and_has_not_happened():
    cluster = FakeCluster()
    c = await cluster.connect(timeout=1.0, timeout_ms=60_000)
    cluster.down.add("n1")
    cluster.drop()
    await asyncio.sleep(0.01)
    with pytest.raises(Timeout):
        await c.create("/a")
    await c.close()


@virtual
async def test_a_refusal_that_passes_is_tried_again_within_the_deadline():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        refusals = iter([codes.NO_QUORUM, codes.OVERLOADED, codes.OUTCOME_UNKNOWN])

        def refuse(pipe, request):
            code = next(refusals, None) if request[0] == ops.CREATE else None
            if code is not None:
                pipe.send([request[1], code, 0, None])
            return code is not None

        cluster.intercept = refuse
        await c.create("/a")
        creates = [request for request in cluster.requests if request[0] == ops.CREATE]
        assert len(creates) == 4
        assert len({request[1] for request in creates}) == 1


@virtual
async def test_an_expired_session_is_replaced_and_later_requests_go_on():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        states = []
        c.on_state(states.append)
        first = c.session
        cluster.expire(first)
        with pytest.raises(SessionExpired):
            await c.create("/a")
        await c.create("/b")
        assert c.session != first
        assert states == [State.LOST, State.CONNECTED]


@virtual
async def test_a_write_in_flight_when_the_session_is_lost_has_an_unknown_outcome():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        cluster.intercept = lambda pipe, request: request[0] == ops.CREATE
        writing = asyncio.create_task(c.create("/a"))
        await asyncio.sleep(0.01)
        cluster.expire(c.session)
        cluster.drop()
        with pytest.raises(OutcomeUnknown):
            await writing


@virtual
async def test_connecting_fails_in_time_where_nobody_answers():
    cluster = FakeCluster()
    cluster.down.add("n1")
    with pytest.raises(Unavailable) as caught:
        await cluster.connect(timeout=3)
    assert isinstance(caught.value, ConnectionError)


@virtual
async def test_closing_ends_the_session_and_every_wait():
    cluster = FakeCluster()
    c = await cluster.connect()
    session = c.session
    cluster.intercept = lambda pipe, request: request[0] == ops.GET
    reading = asyncio.create_task(c.get("/"))
    watching = asyncio.create_task(anext(c.watch("/")))
    await asyncio.sleep(0.01)
    await c.close()
    assert session not in cluster.sessions
    with pytest.raises(Closed):
        await reading
    with pytest.raises(Closed):
        await watching
    with pytest.raises(Closed):
        await c.get("/")
    await c.close()


@virtual
async def test_a_client_without_a_session_reads_and_cannot_write():
    cluster = FakeCluster()
    async with await cluster.connect(session=False) as c:
        assert (await c.get("/")).path == "/"
        with pytest.raises(BadRequest):
            await c.create("/a")
        assert cluster.sessions == {}


@virtual
async def test_a_cancelled_call_that_never_left_is_not_sent():
    cluster = FakeCluster()
    c = await cluster.connect(timeout_ms=60_000)
    cluster.down.add("n1")
    cluster.drop()
    await asyncio.sleep(0.01)
    writing = asyncio.create_task(c.create("/a"))
    await asyncio.sleep(0.01)
    writing.cancel()
    await asyncio.sleep(0.01)
    cluster.down.clear()
    await asyncio.sleep(5)
    assert "/a" not in cluster.tree
    await c.close()


@virtual
async def test_a_transaction_that_is_rolled_back_names_the_operation_and_why():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        with pytest.raises(TransactionFailed) as caught:
            await c.txn().create("/a").create("/a").commit()
        assert (caught.value.index, caught.value.code) == (1, codes.NODE_EXISTS)
        result = await c.txn().put("/p", b"1").set("/p", b"2").delete("/p").commit()
        assert result.succeeded
        assert [type(item).__name__ for item in result.results] == ["Stat", "Stat", "int"]
        with pytest.raises(NodeExists):
            await c.create("/a")


@virtual
async def test_a_load_generator_can_do_without_futures():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        answers = []
        for number in range(2_000):
            c.submit(
                ops.CREATE,
                (f"/n{number}", b"", 0, False, False, 0, []),
                lambda code, revision, value: answers.append(code),
            )
        c.submit(ops.PING, (), lambda code, revision, value: answers.append("ping"))
        await asyncio.sleep(0.1)
        assert sorted(map(str, answers)) == ["0"] * 2_000 + ["ping"]
        floors = [request[2] for request in cluster.requests if request[0] == ops.CREATE]
        assert floors == sorted(floors)


def losing_cursors(cluster, times):
    """Have the cluster lose the cursor of each listing's second page, so many times."""
    left = [times]

    def intercept(pipe, request):
        if request[0] == ops.CHILDREN and request[7] and left[0]:
            left[0] -= 1
            pipe.send([request[1], codes.CURSOR_LOST, cluster.revision, None])
            return True
        return False

    cluster.intercept = intercept


@pytest.fixture
def _short_pages(monkeypatch):
    monkeypatch.setitem(TreeClient.pages.__kwdefaults__, "limit", 2)


@pytest.mark.usefixtures("_short_pages")
@virtual
async def test_a_listing_whose_cursor_is_lost_is_begun_again():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        for name in "abcde":
            await c.create(f"/{name}")
        losing_cursors(cluster, 2)
        assert await c.children("/") == list("abcde"), "each name once"
        losing_cursors(cluster, 100)
        with pytest.raises(CoordError) as caught:
            await c.children("/")
        assert caught.value.code == codes.CURSOR_LOST


@virtual
async def test_arguments_of_the_wrong_kind_are_told_at_once():
    cluster = FakeCluster()
    async with await cluster.connect() as c, asyncio.timeout(1):
        with pytest.raises(BadRequest):
            await c.get(PurePosixPath("/a"))
        with pytest.raises(BadRequest):
            await c.set("/a", b"", version=2**70)
        for data in (5, ["x"], 1.5):
            with pytest.raises(TypeError):
                await c.put("/a", data)
        await c.put("/a", memoryview(b"x"))
