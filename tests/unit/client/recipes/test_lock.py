"""The contract of a lock: no body without it, and none after it."""

import asyncio
import contextlib

import pytest

from coordsvc_client import Closed, LockLost, LockNotAcquired, State
from coordsvc_client.wire import codes, ops
from tests.unit.client.fakecluster import FakeCluster
from tests.unit.client.virtual_loop import virtual


def queue_of(cluster, path="/l"):
    return cluster.locks.get(path, [])


@virtual
async def test_the_lock_is_held_in_the_body_and_free_after_it():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        async with c.lock("/l") as held:
            held.check()
            assert not held.lost
            assert queue_of(cluster)[0][3] == held.token
            assert await c.check_token("/l", held.token)
            await c.put("/guarded", b"x", guard=held)
        assert queue_of(cluster) == []
        assert held.lost
        with pytest.raises(LockLost):
            held.check()


@virtual
async def test_two_bodies_never_overlap_and_tokens_grow():
    cluster = FakeCluster()
    async with await cluster.connect() as a, await cluster.connect() as b:
        inside, tokens = [], []

        async def work(client):
            async with client.lock("/l") as held:
                assert inside == []
                inside.append(client)
                tokens.append(held.token)
                await asyncio.sleep(1)
                inside.clear()

        await asyncio.gather(*(work(client) for client in (a, b) * 5))
        assert tokens == sorted(set(tokens))
        assert len(tokens) == 10


@virtual
async def test_the_body_is_cancelled_strictly_before_the_servers_may_end_the_lease():
    cluster = FakeCluster()
    c = await cluster.connect(timeout_ms=10_000)
    loop = asyncio.get_running_loop()
    cancelled_at = None
    with pytest.raises(LockLost) as caught:
        async with c.lock("/l") as held:
            cluster.down.add("n1")
            cluster.drop()
            proved = loop.time()
            try:
                await asyncio.sleep(1_000)
            except asyncio.CancelledError:
                cancelled_at = loop.time()
                assert held.lost
                raise
    assert caught.value.token == held.token
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)
    assert cancelled_at - proved <= 9.0 + 0.01 < 10.0
    assert asyncio.current_task().cancelling() == 0
    await asyncio.sleep(0)  # no cancellation is left over
    await c.close()


@virtual
async def test_a_lock_lost_to_the_clock_is_released_if_the_session_turns_out_to_be_alive():
    cluster = FakeCluster()
    c = await cluster.connect(timeout_ms=2_000)
    with pytest.raises(LockLost):
        async with c.lock("/l"):
            cluster.down.add("n1")
            cluster.drop()
            await asyncio.sleep(1_000)
    cluster.down.clear()
    await asyncio.sleep(10)
    assert c.session in cluster.sessions
    assert queue_of(cluster) == []
    await c.close()


@virtual
async def test_a_short_break_of_the_connection_does_not_cost_the_lock():
    cluster = FakeCluster(("n1", "n2"))
    async with await cluster.connect() as c, c.lock("/l") as held:
        cluster.drop()
        await asyncio.sleep(30)
        held.check()


@virtual
async def test_an_expired_session_takes_the_lock_with_it():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        with pytest.raises(LockLost):
            async with c.lock("/l"):
                cluster.expire(c.session)
                await asyncio.sleep(1_000)


@virtual
async def test_a_broken_lock_is_lost_also_when_the_news_got_lost():
    cluster = FakeCluster()
    async with await cluster.connect() as a, await cluster.connect() as b:
        with pytest.raises(LockLost):
            async with a.lock("/l"):
                await b.break_lock("/l", note="stuck")
                await asyncio.sleep(1_000)
        with pytest.raises(LockLost):
            async with a.lock("/l"):
                for pipe in cluster.pipes:
                    pipe.muted = pipe.session == a.session
                await b.break_lock("/l", note="stuck")
                cluster.drop()
                await asyncio.sleep(1_000)


@virtual
async def test_a_cancellation_from_outside_stays_a_cancellation_and_frees_the_lock():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        entered = asyncio.Event()

        async def work():
            async with c.lock("/l"):
                entered.set()
                await asyncio.sleep(1_000)

        task = asyncio.create_task(work())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert queue_of(cluster) == []


@virtual
async def test_a_cancellation_from_outside_wins_over_the_loss_of_the_lock():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        entered = asyncio.Event()

        async def work():
            async with c.lock("/l"):
                entered.set()
                try:
                    await asyncio.sleep(1_000)
                except asyncio.CancelledError:
                    asyncio.current_task().cancel()
                    raise

        task = asyncio.create_task(work())
        await entered.wait()
        cluster.expire(c.session)
        cluster.drop()
        with pytest.raises(asyncio.CancelledError):
            await task


@virtual
async def test_timeouts_inside_and_outside_of_the_body_stay_timeouts():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        async with c.lock("/l") as held:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await asyncio.sleep(1_000)
            held.check()
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(1):
                async with c.lock("/l"):
                    await asyncio.sleep(1_000)
        assert not isinstance(caught.value, LockNotAcquired)
        assert queue_of(cluster) == []


@virtual
async def test_a_lost_lock_goes_through_a_timeout_inside_the_body():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        with pytest.raises(LockLost):
            async with c.lock("/l"):
                async with asyncio.timeout(100):
                    cluster.expire(c.session)
                    cluster.drop()
                    await asyncio.sleep(1_000)


@virtual
async def test_task_groups_inside_and_around_the_body_see_the_loss():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        stopped = []

        async def child():
            try:
                await asyncio.sleep(1_000)
            finally:
                stopped.append(True)

        async def work():
            async with c.lock("/l"), asyncio.TaskGroup() as inner:
                inner.create_task(child())
                cluster.expire(c.session)
                cluster.drop()

        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as outer:
                outer.create_task(work())
                outer.create_task(child())
        assert caught.group_contains(LockLost)
        assert stopped == [True, True]


@virtual
async def test_nested_locks_that_are_lost_together_end_in_one_loss_of_the_outer():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        with pytest.raises(LockLost) as caught:
            async with c.lock("/outer"), c.lock("/inner"):
                cluster.expire(c.session)
                cluster.drop()
                await asyncio.sleep(1_000)
        assert caught.value.path == "/outer"
        assert asyncio.current_task().cancelling() == 0


@virtual
async def test_a_body_that_ignores_the_cancellation_still_ends_in_the_loss():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        with pytest.raises(LockLost):
            async with c.lock("/l"):
                cluster.expire(c.session)
                cluster.drop()
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(1_000)
        await asyncio.sleep(0)


@virtual
async def test_an_error_of_the_body_is_kept_when_the_lock_was_lost_as_well():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        with pytest.raises(ZeroDivisionError) as caught:
            async with c.lock("/l"):
                cluster.expire(c.session)
                cluster.drop()
                try:
                    await asyncio.sleep(1_000)
                finally:
                    raise ZeroDivisionError
        assert "cancelled" in caught.value.__notes__[0]


@virtual
async def test_a_lock_that_is_not_had_in_time_never_runs_the_body():
    cluster = FakeCluster()
    async with await cluster.connect() as a, await cluster.connect() as b, a.lock("/l"):
        for wait in (0, 5):
            with pytest.raises(LockNotAcquired) as caught:
                async with b.lock("/l", wait=wait):
                    pytest.fail("the body ran")
            assert isinstance(caught.value, TimeoutError)
        await asyncio.sleep(0.1)
        assert len(queue_of(cluster)) == 1, "no ghost waits"


@virtual
async def test_a_waiter_that_is_cancelled_leaves_no_claim():
    cluster = FakeCluster()
    async with await cluster.connect() as a, await cluster.connect() as b, a.lock("/l"):
        task = asyncio.create_task(b.lock("/l").__aenter__())
        await asyncio.sleep(1)
        assert len(queue_of(cluster)) == 2
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.1)
        assert len(queue_of(cluster)) == 1


@virtual
async def test_a_cancelled_acquire_whose_answer_is_lost_is_cleared_up_in_the_background():
    cluster = FakeCluster(("n1", "n2"))
    async with await cluster.connect() as c:

        def swallow(pipe, request):
            if request[0] == ops.ACQUIRE:
                cluster.mutate(pipe.session, request)
                return True
            return False

        await c.create("/l")
        cluster.intercept = swallow
        task = asyncio.create_task(c.lock("/l").__aenter__())
        await asyncio.sleep(1)
        assert len(queue_of(cluster)) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        cluster.intercept = None
        cluster.drop()
        await asyncio.sleep(1)
        assert queue_of(cluster) == []


@virtual
async def test_a_waiter_whose_session_expires_queues_again_in_the_new_one():
    cluster = FakeCluster()
    async with await cluster.connect() as a, await cluster.connect() as b:
        async with a.lock("/l"):
            task = asyncio.create_task(b.lock("/l").__aenter__())
            await asyncio.sleep(1)
            cluster.expire(b.session)
            for pipe in list(cluster.pipes):
                if pipe.session == b.session:
                    pipe.close()
            await asyncio.sleep(1)
            assert not task.done()
        held = await task
        held.check()


@virtual
async def test_a_grant_whose_news_was_lost_with_the_connection_is_found_again():
    cluster = FakeCluster(("n1", "n2"))
    async with await cluster.connect() as a, await cluster.connect() as b:
        async with a.lock("/l"):
            task = asyncio.create_task(b.lock("/l").__aenter__())
            await asyncio.sleep(1)
            for pipe in cluster.pipes:
                pipe.muted = pipe.session == b.session
        await asyncio.sleep(0.1)
        assert not task.done()
        cluster.drop()
        held = await task
        assert held.token == queue_of(cluster)[0][3]


@virtual
async def test_a_lost_lock_tells_its_listeners_once():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        calls = []
        with pytest.raises(LockLost):
            async with c.lock("/l") as held:
                held.on_lost(lambda: calls.append(1))
                cluster.expire(c.session)
                cluster.drop()
                await asyncio.sleep(1_000)
        held.on_lost(lambda: calls.append(2))
        assert calls == [1, 2]


@virtual
async def test_a_guarded_write_with_an_old_token_is_refused():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        async with c.lock("/l") as old:
            pass
        with pytest.raises(Exception) as caught:
            await c.put("/x", b"", guard=old)
        assert caught.value.code == codes.STALE_TOKEN


@virtual
async def test_the_error_of_a_listener_keeps_no_lock_from_being_lost():
    cluster = FakeCluster()
    c = await cluster.connect(timeout_ms=2_000)
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: reported.append(what))

    def wrong(*_):
        raise KeyError("the user's own")

    c.on_state(wrong)
    ended = []

    async def work(path):
        with pytest.raises(LockLost):
            async with c.lock(path) as held:
                held.on_lost(wrong)
                await asyncio.sleep(1_000)
        ended.append(path)

    async with asyncio.timeout(100), asyncio.TaskGroup() as tasks:
        tasks.create_task(work("/a"))
        tasks.create_task(work("/b"))
        await asyncio.sleep(1)
        cluster.down.add("n1")
        cluster.drop()
    assert sorted(ended) == ["/a", "/b"]
    assert reported
    cluster.down.clear()
    await asyncio.sleep(5)
    assert c.state is State.CONNECTED, "the client goes on"
    await c.close()


@virtual
async def test_a_lock_that_is_not_to_be_waited_for_is_refused_when_no_server_answers():
    cluster = FakeCluster()
    c = await cluster.connect(timeout=3.0)
    cluster.down.add("n1")
    cluster.drop()
    with pytest.raises(LockNotAcquired):
        async with asyncio.timeout(60), c.lock("/l", wait=0):
            pytest.fail("there is nobody to grant it")
    await c.close()


@virtual
async def test_a_closed_client_has_no_locks():
    cluster = FakeCluster()
    c = await cluster.connect()
    await c.close()
    with pytest.raises(Closed):
        async with asyncio.timeout(60), c.lock("/l"):
            pytest.fail("there is no session to hold it")


@virtual
async def test_no_cancellation_is_left_over_when_the_body_fails_at_the_moment_of_the_loss():
    cluster = FakeCluster()
    c = await cluster.connect()
    with pytest.raises(ValueError, match="mine"):
        async with c.lock("/l"):
            await c.close()
            raise ValueError("mine")
    await asyncio.sleep(1)
    assert asyncio.current_task().cancelling() == 0


@pytest.mark.parametrize("error", [ValueError("mine"), None])
@virtual
async def test_a_cancellation_from_outside_outlives_the_loss_at_the_end_of_the_body(error):
    cluster = FakeCluster()
    c = await cluster.connect()

    async def work():
        with contextlib.suppress(ValueError):
            async with c.lock("/l"):
                await c.close()
                asyncio.current_task().cancel()
                if error is not None:
                    raise error
        await asyncio.sleep(1_000)

    working = asyncio.ensure_future(work())
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(working, 10)
