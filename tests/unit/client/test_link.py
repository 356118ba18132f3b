import asyncio
import contextlib
from unittest.mock import patch

import pytest

from coordsvc_client import (
    Closed,
    State,
    Timeout,
)
from coordsvc_client.conversation import Conversation
from coordsvc_client.wire import codes, ops
from coordsvc_client.wire.framing import FrameSplitter, decode, encode_frame
from tests.unit.client.fakecluster import FakeCluster
from tests.unit.client.virtual_loop import virtual


@virtual
async def test_without_a_server_the_state_is_suspended_and_lost_when_the_lease_is_over():
    cluster = FakeCluster()
    c = await cluster.connect(timeout_ms=10_000)
    loop = asyncio.get_running_loop()
    states = []
    c.on_state(lambda state: states.append((state, round(loop.time() - began, 1))))
    began = loop.time()
    cluster.down.add("n1")
    cluster.drop()
    await asyncio.sleep(20)
    assert [state for state, _ in states] == [State.SUSPENDED, State.LOST]
    assert states[1][1] <= 9.0, "a tenth before the servers may expire it"
    cluster.down.clear()
    await asyncio.sleep(5)
    assert c.state is State.CONNECTED
    await c.close()


@virtual
async def test_a_server_that_falls_silent_is_left_for_another_before_the_lease_ends():
    cluster = FakeCluster(("n1", "n2"))
    c = await cluster.connect(timeout_ms=9_000)
    states = []
    c.on_state(states.append)
    assert c.address.host == "n1"
    cluster.frozen.add("n1")
    await asyncio.sleep(8)
    assert c.address.host == "n2"
    assert State.LOST not in states
    await c.close()


@virtual
async def test_an_idle_session_lives_by_its_pings():
    cluster = FakeCluster()
    c = await cluster.connect(timeout_ms=4_000)
    states = []
    c.on_state(states.append)
    await asyncio.sleep(60)
    assert states == []
    pings = [request for request in cluster.requests if request[0] == ops.PING]
    assert 50 <= len(pings) <= 70
    await c.close()


@virtual
async def test_the_client_moves_to_the_leader_and_follows_it():
    cluster = FakeCluster(("n1", "n2", "n3"))
    cluster.leader = "n3"
    async with await cluster.connect(prefer_leader=True) as c:
        await asyncio.sleep(0.1)
        assert c.address.host == "n3"
        session = c.session
        cluster.leader = "n1"
        cluster.pipes[0].send([ops.LEADER, "n1", "n1:2181", 5])
        await asyncio.sleep(0.1)
        assert c.address.host == "n1"
        assert len(cluster.hellos) == 3
        assert c.session == session
        await c.create("/a")
    assert len(cluster.pipes) == 0


@virtual
async def test_a_member_that_was_told_of_is_found_when_those_given_are_gone():
    cluster = FakeCluster(("n1", "n2", "n9"))
    cluster.down |= {"n2", "n9"}
    del cluster.addresses["n9"]
    async with await cluster.connect() as c:
        assert c.servers == ()
        cluster.pipes[0].send([ops.LEADER, "n1", "n1:2181", 5, ["n1:2181", "n9:2181"]])
        await asyncio.sleep(0.1)
        assert c.servers == ("n1:2181", "n9:2181")
        cluster.down = {"n1", "n2"}
        cluster.drop()
        await asyncio.sleep(10)
        assert c.address.host == "n9"


@virtual
async def test_a_leader_out_of_reach_does_not_cost_the_connection():
    cluster = FakeCluster(("n1", "n2"))
    cluster.leader = "n2"
    cluster.down.add("n2")
    async with await cluster.connect(prefer_leader=True) as c:
        await asyncio.sleep(1)
        assert c.address.host == "n1"
        assert len(cluster.hellos) == 1


@virtual
async def test_a_server_of_another_cluster_is_left():
    cluster = FakeCluster(("n1", "n2"))
    async with await cluster.connect() as c:
        cluster.name = "cell-2"
        cluster.drop()
        with pytest.raises(Timeout):
            await c.get("/", timeout=1)


@virtual
async def test_a_silent_server_is_left_for_one_that_answers_within_the_limit():
    cluster = FakeCluster(("n1", "n2", "n3"))
    async with await cluster.connect() as c:
        await c.create("/a")
        cluster.frozen.add("n1")
        began = asyncio.get_running_loop().time()
        await c.put("/a", b"x")
        assert asyncio.get_running_loop().time() - began == pytest.approx(1.0, abs=0.02)
        assert c.address.host == "n2"
        assert [request[0] for request in cluster.applied].count(ops.PUT) == 1
        assert len(cluster.pipes) == 1, "the silent one was dropped"


@virtual
async def test_the_way_out_leads_past_servers_that_are_silent_or_down_as_well():
    cluster = FakeCluster(("n1", "n2", "n3", "n4"))
    async with await cluster.connect() as c:
        cluster.frozen |= {"n1", "n2"}
        cluster.down.add("n3")
        began = asyncio.get_running_loop().time()
        await c.create("/a")
        assert asyncio.get_running_loop().time() - began < 2.5
        assert c.address.host == "n4"


@virtual
async def test_a_silent_server_that_speaks_again_first_is_stayed_with():
    cluster = FakeCluster(("n1", "n2"))
    async with await cluster.connect() as c:
        cluster.frozen |= {"n1", "n2"}
        writing = asyncio.create_task(c.create("/a"))
        await asyncio.sleep(1.5)
        assert len(cluster.pipes) == 2, "another one is being greeted"
        cluster.frozen.clear()
        cluster.pipes[0].send([ops.LEADER, "n1", "n1:2181", 5])
        await asyncio.sleep(0.01)
        cluster.answer(cluster.pipes[0], [ops.CREATE, 1, 1, "/a", b"", 0, False, False, 0, []])
        await writing
        await asyncio.sleep(2)
        assert c.address.host == "n1"
        assert len(cluster.pipes) == 1


@virtual
async def test_with_one_address_there_is_nowhere_to_go():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        cluster.frozen.add("n1")
        writing = asyncio.create_task(c.create("/a"))
        await asyncio.sleep(2)
        assert len(cluster.hellos) == 1
        cluster.frozen.clear()
        cluster.drop()
        await writing


@virtual
async def test_a_slow_cluster_is_no_silent_server():
    cluster = FakeCluster(("n1", "n2"))
    async with await cluster.connect(timeout_ms=30_000) as c:
        cluster.intercept = lambda _pipe, request: request[0] in ops.MUTATIONS
        writing = asyncio.create_task(c.create("/a"))
        await asyncio.sleep(4)
        assert len(cluster.hellos) == 1
        cluster.intercept = None
        cluster.drop()
        await writing


@virtual
async def test_the_leader_that_was_left_is_not_followed_back_at_once():
    cluster = FakeCluster(("n1", "n2"))
    async with await cluster.connect(prefer_leader=True) as c:
        cluster.frozen.add("n1")
        await c.create("/a")
        await asyncio.sleep(3)
        assert c.address.host == "n2"
        cluster.frozen.clear()
        await asyncio.sleep(3)
        assert c.address.host == "n1", "later it is"


@virtual
async def test_a_new_client_does_not_wait_long_for_a_silent_server():
    cluster = FakeCluster(("n1", "n2"))
    cluster.frozen.add("n1")
    began = asyncio.get_running_loop().time()
    async with await cluster.connect(timeout=2.0) as c:
        assert asyncio.get_running_loop().time() - began < 1.1
        assert c.address.host == "n2"


@virtual
async def test_closing_while_looking_for_another_server_leaves_nothing_open():
    cluster = FakeCluster(("n1", "n2"))
    c = await cluster.connect()
    cluster.frozen |= {"n1", "n2"}
    with pytest.raises(Timeout):
        await c.get("/", timeout=1.5)
    await c.close()
    assert cluster.pipes == []


@virtual
async def test_an_address_that_cannot_even_be_asked_for_is_passed_over():
    cluster = FakeCluster(("n1", "n2"))
    dial = cluster.dial

    async def choosy(factory, host, port):
        if host == "n1":
            raise UnicodeError("encoding with 'idna' codec failed (label empty or too long)")
        return await dial(factory, host, port)

    cluster.dial = choosy
    c = await cluster.connect()
    assert c.address.host == "n2"
    await c.close()


@virtual
async def test_closing_while_moving_to_the_leader_leaves_nothing_open():
    cluster = FakeCluster(("n1", "n2"))
    cluster.intercept = lambda _pipe, request: request[0] == ops.GET
    c = await cluster.connect(prefer_leader=True)
    asking = asyncio.ensure_future(c.get("/"))
    await asyncio.sleep(0.1)
    cluster.pipes[0].send([ops.LEADER, "n2", "n2:2181", 2])
    await asyncio.sleep(0.1)
    assert len(cluster.pipes) == 2, "it waits for the answer before it moves"
    await c.close()
    assert cluster.pipes == []
    assert isinstance(await asyncio.gather(asking, return_exceptions=True), list)


@virtual
async def test_the_error_of_a_callback_does_not_stop_the_clock():
    cluster = FakeCluster()
    c = await cluster.connect(timeout_ms=4_000)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    states = []
    c.on_state(states.append)

    def wrong(*_):
        raise KeyError("the user's own")

    cluster.frozen.add("n1")
    c.submit(ops.GET, ("/",), wrong, timeout_ms=100)
    await asyncio.sleep(60)
    assert State.LOST in states
    await c.close()


@virtual
async def test_what_a_callback_asks_leaves_before_the_loop_turns():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        (pipe,) = cluster.pipes
        answers = []

        def answered(code, _revision, _value):
            answers.append(code)
            if len(answers) == 1:
                c.submit(ops.GET, ("/",), answered)

        c.submit(ops.GET, ("/",), answered)
        written = []
        pipe.write = written.append
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        (request,) = written
        (serial,) = [decode(body)[1] for body in FrameSplitter().split(request)]
        pipe.protocol.data_received(encode_frame([[serial, 0, 200, None]]))
        assert (answers, len(written)) == ([0], 2)
        pipe.protocol.data_received(encode_frame([[serial + 1, 0, 200, None]]))
        del pipe.write


@virtual
async def test_a_timer_is_not_looked_at_for_each_answer():
    cluster = FakeCluster()
    async with await cluster.connect() as c:
        await c.get("/")
        asked = patch.object(
            Conversation, "deadline", autospec=True, side_effect=Conversation.deadline
        )
        with asked as deadline:
            for _ in range(100):
                await c.get("/")
        assert deadline.call_count <= 2


@virtual
async def test_a_callback_that_takes_its_time_does_not_put_the_end_of_the_lease_off():
    cluster = FakeCluster()
    c = await cluster.connect(timeout_ms=2_000)
    loop = asyncio.get_running_loop()
    lost_at = []

    def slow(*_):
        loop.jumping.now += 0.4

    cluster.frozen.add("n1")
    cluster.down.add("n1")
    await asyncio.sleep(0.1)
    over_at = loop.time() + c.lease_left()
    c.on_state(lambda state: state is State.LOST and lost_at.append(loop.time()))
    c.submit(ops.GET, ("/",), slow, timeout_ms=round(1000 * (c.lease_left() - 0.5)))
    await asyncio.sleep(10)
    assert lost_at == [pytest.approx(over_at, abs=0.01)]
    await c.close()


@virtual
async def test_a_closed_client_sets_no_timer_any_more():
    cluster = FakeCluster()
    c = await cluster.connect()
    await c.close()
    await asyncio.sleep(1)
    c.link.poke()  # as a recipe does that gives something up late
    with patch.object(Conversation, "wake", autospec=True) as wake:
        await asyncio.sleep(60)
    assert wake.call_count == 0
    answers = []
    c.submit(ops.GET, ("/",), lambda *answer: answers.append(answer), timeout_ms=700)
    await asyncio.sleep(1)
    assert [code for code, *_ in answers] == [codes.TIMED_OUT]


@virtual
async def test_the_error_of_a_callback_does_not_keep_others_from_hearing_that_all_is_over():
    cluster = FakeCluster()
    c = await cluster.connect()
    held = await c.lock("/l").__aenter__()
    lost = []
    held.on_lost(lambda: lost.append(1))

    def wrong(*_):
        raise KeyError("the user's own")

    cluster.intercept = lambda _pipe, request: request[0] == ops.GET
    c.submit(ops.GET, ("/",), wrong)
    asking = asyncio.ensure_future(c.get("/"))
    await asyncio.sleep(0.1)
    with pytest.raises(KeyError):
        await c.close()
    assert lost == [1]
    with pytest.raises(Closed):
        await asyncio.wait_for(asking, 1)
    with contextlib.suppress(asyncio.CancelledError):  # that of the body of the lock
        await asyncio.sleep(1)
