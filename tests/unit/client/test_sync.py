import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from coordsvc_client import Closed, LockLost, NoNode, State, sync
from coordsvc_client.wire import codes, ops
from tests.unit.fakeserver import STAT


def test_the_blocking_client_has_the_same_names(server):
    server.answers |= {
        ops.GET: (codes.OK, [b"data", STAT]),
        ops.STAT: (codes.NO_NODE, None),
        ops.CHILDREN: (codes.OK, [["a", "b"], 0]),
        ops.CREATE: (codes.OK, ["/a", STAT]),
        ops.PUT: (codes.OK, [True, STAT]),
        ops.SET: (codes.OK, STAT),
        ops.DELETE: (codes.OK, 3),
        ops.TXN: (codes.OK, [True, [[0, 1]]]),
        ops.LOCK_GET: (codes.OK, ["/l", [], [], 0]),
    }
    with sync.connect(server.endpoint, name="script") as c:
        assert c.state is State.CONNECTED
        assert c.session > 0
        assert c.get("/a").text == "data"
        assert c.exists("/a") is None
        assert c.children("/") == ["a", "b"]
        assert c.create("/a", "x").path == "/a"
        assert c.put("/a", "x").version == 2
        assert c.set("/a", "x").version == 2
        assert c.delete("/a", recursive=True) == 3
        assert c.lock_info("/l").holders == ()
        txn = c.txn()
        txn.ops.delete("/a")
        assert txn.commit().results == (1,)
        server.answers[ops.GET] = (codes.NO_NODE, None)
        with pytest.raises(NoNode):
            c.get("/a")
        server.answers[ops.CHILDREN] = (codes.OK, [[["a", b"1", STAT]], 0])
        assert [node.data for node in c.nodes("/")] == [b"1"]
        with c.join("/web", b"me") as me:
            assert me.name == "a"
            me.set(b"other")
        assert next(c.members("/web"))[0].data == b"1"
    assert server.hellos[0][7] == "script"
    assert len(server.asked(ops.CLOSE)) == 1


def test_a_watch_is_an_iterator_that_blocks(server):
    server.answers[ops.WATCH] = (codes.OK, 7)
    server.events = [[ops.EVENT, None, ops.CHANGED, "/a", 9, STAT, b"new"]]
    with sync.connect(server.endpoint) as c:
        events = c.watch("/a")
        event = next(events)
        assert (event.kind, event.data, event.revision) == ("changed", b"new", 9)
        events.close()


def test_a_lock_is_held_and_its_loss_is_told_but_does_not_stop_the_body(server):
    server.answers[ops.ACQUIRE] = (codes.OK, [ops.HELD, 9, 9, 0])
    server.answers[ops.RELEASE] = (codes.OK, True)
    server.answers[ops.LOCK_GET] = (codes.OK, ["/l", [], [], 0])
    lost = []
    with sync.connect(server.endpoint) as c:
        with c.lock("/l", wait=5, on_lost=lambda: lost.append(1)) as held:
            held.check()
            assert (held.token, held.path) == (9, "/l")
        assert len(server.asked(ops.RELEASE)) == 1
        with pytest.raises(LockLost), c.lock("/l", on_lost=lambda: lost.append(2)) as held:
            server.push([ops.LOCK_EVENT, "/l", 9, ops.GONE, 0, 10])
            while not lost:
                c.lock_info("/l")
            with pytest.raises(LockLost):
                held.check()
    assert lost == [2]


def test_connecting_in_vain_ends_the_thread():
    with pytest.raises(ConnectionError):
        sync.connect("127.0.0.1:1", timeout=0.05)


def test_closing_ends_what_other_threads_wait_for():
    thread = sync.LoopThread()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(thread.call, asyncio.sleep(1_000))
        thread.call(asyncio.sleep(0.01))
        thread.stop()
        with pytest.raises(Closed):
            waiting.result(timeout=10)
    with pytest.raises(Closed):
        thread.call(asyncio.sleep(0))


def test_an_interruption_just_when_the_lock_was_had_gives_it_back(server):
    server.answers[ops.ACQUIRE] = (codes.OK, [ops.HELD, 11, 12, 0])
    server.answers |= {ops.RELEASE: (codes.OK, True), ops.STAT: (codes.NO_NODE, None)}
    with sync.connect(server.endpoint) as c:
        call = c._thread.call

        def interrupted(coroutine):
            call(coroutine)
            raise KeyboardInterrupt

        c._thread.call = interrupted
        with pytest.raises(KeyboardInterrupt), c.lock("/l"):
            pytest.fail("it was interrupted before")
        c._thread.call = call
        assert c.exists("/") is None
        assert server.asked(ops.RELEASE) == [["/l", 11]]


def test_a_callback_that_would_wait_for_its_own_thread_is_told_so(server):
    server.answers[ops.ACQUIRE] = (codes.OK, [ops.HELD, 9, 9, 0])
    server.answers |= {ops.RELEASE: (codes.OK, True), ops.STAT: (codes.NO_NODE, None)}
    refused = []

    def stubborn():
        for call in (c.close, lambda: c.exists("/")):
            with pytest.raises(RuntimeError) as error:
                call()
            refused.append(error)

    with sync.connect(server.endpoint) as c:
        with pytest.raises(LockLost), c.lock("/l", on_lost=stubborn):
            server.push([ops.LOCK_EVENT, "/l", 9, ops.GONE, 0, 10])
            while len(refused) < 2:
                assert c.exists("/") is None
        assert c.exists("/") is None, "it goes on as before"
