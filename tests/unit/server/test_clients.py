"""Client sockets, with a conversation that echoes."""

import asyncio
import contextlib
from collections import deque

import pytest

from coordsvc.server import clients as module
from coordsvc.server.clients import ClientPort, ClientSocket
from coordsvc.server.counters import Counters


class EchoTalk:
    """Sends back what it hears; closes when it hears `bye`."""

    made: list = []  # noqa: RUF012

    def __init__(self, hall, address):
        self.hall, self.address = hall, address
        self.out, self.closed, self.gone, self.stuck = b"", False, False, []
        self.waits_for_greeting = True
        self.made.append(self)

    def receive_data(self, data, now):
        if data == b"wrong":
            raise AssertionError(data)
        self.waits_for_greeting = False
        self.out += data
        self.closed = data.endswith(b"bye")
        self.hall.dirty.append(self)

    def data_to_send(self):
        data, self.out = self.out, b""
        return data

    def lost(self):
        self.gone = True

    def congested(self, is_so):
        self.stuck.append(is_so)


class FakeHall:
    def __init__(self):
        self.dirty = []
        self.told = deque()


class FakeDriver:
    def __init__(self):
        self.counters = Counters()
        self.flush_clients = None

    def fail(self, error):
        self.failed = error

    def schedule(self):
        asyncio.get_running_loop().call_soon(self.flush_clients)


@pytest.fixture
async def port(monkeypatch):
    monkeypatch.setattr(module, "NativeConversation", EchoTalk)
    EchoTalk.made.clear()
    port = ClientPort(FakeHall(), FakeDriver())
    await port.listen("127.0.0.1", 0)
    yield port
    await port.close()
    await asyncio.sleep(0.01)


async def dial(port):
    place = port._server.sockets[0].getsockname()
    return await asyncio.open_connection(*place)


async def test_bytes_go_to_the_conversation_and_its_answer_back(port):
    reader, writer = await dial(port)
    writer.write(b"hello")
    async with asyncio.timeout(5):
        assert await reader.readexactly(5) == b"hello"
    counters = port.driver.counters
    assert (counters.bytes_in, counters.bytes_out, counters.client_connections) == (5, 5, 1)
    assert EchoTalk.made[0].address.startswith("127.0.0.1:")
    writer.close()
    async with asyncio.timeout(5):
        while not EchoTalk.made[0].gone:
            await asyncio.sleep(0.002)
    assert (counters.client_connections, counters.client_connections_total) == (0, 1)
    assert port.connections == {}


async def test_a_conversation_that_is_over_has_its_last_word_and_is_closed(port):
    reader, writer = await dial(port)
    writer.write(b"bye")
    async with asyncio.timeout(5):
        assert await reader.read() == b"bye"
    writer.close()


async def test_one_write_for_a_turn(port):
    reader, writer = await dial(port)
    writer.write(b"x")
    async with asyncio.timeout(5):
        await reader.readexactly(1)
    (talk,) = EchoTalk.made
    socket = port.connections[talk]
    talk.out = b"all of it"
    port.hall.dirty.append(talk)
    port.flush()
    port.flush()
    async with asyncio.timeout(5):
        assert await reader.readexactly(9) == b"all of it"
    socket.pause_writing()
    socket.resume_writing()
    assert talk.stuck == [True, False]
    writer.close()


async def test_who_does_not_greet_is_cut_off(port, monkeypatch):
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    monkeypatch.setattr(module, "PATIENCE_MS", 20)
    port._look_after()
    reader, writer = await dial(port)
    silent, other = await dial(port)
    writer.write(b"x")
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(5):
            assert await silent.read() == b""
    writer.write(b"y")
    async with asyncio.timeout(5):
        assert await reader.readexactly(2) == b"xy"
    writer.close()
    other.close()


async def test_a_broken_invariant_stops_the_server(port):
    _, writer = await dial(port)
    writer.write(b"wrong")
    async with asyncio.timeout(5):
        while not hasattr(port.driver, "failed"):
            await asyncio.sleep(0.002)
    writer.close()


async def test_connections_are_bounded(port, monkeypatch):
    monkeypatch.setattr(module, "CONNECTIONS_MAX", 1)
    _, first = await dial(port)
    first.write(b"x")
    await asyncio.sleep(0.01)
    reader, second = await dial(port)
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(5):
            assert await reader.read() == b""
    assert len(EchoTalk.made) == 1
    first.close()
    second.close()


async def test_a_socket_without_a_conversation_has_nothing_to_do(port):
    socket = ClientSocket(port)
    socket.data_received(b"x")
    socket.flush()
    socket.pause_writing()
    socket.resume_writing()
    socket.connection_lost(None)
    socket.close()
    assert EchoTalk.made == []


async def test_events_leave_in_slices_behind_the_answers(port, monkeypatch):
    monkeypatch.setattr(module, "TOLD_PER_TURN", 2)
    dialled = [await dial(port) for _ in range(5)]
    while len(EchoTalk.made) < len(dialled):
        await asyncio.sleep(0)
    for talk in EchoTalk.made:
        talk.out, talk.told = b"event", True
    port.hall.told.extend(EchoTalk.made)
    sent = []
    for _ in range(3):
        port.flush()
        sent.append([talk.out == b"" for talk in EchoTalk.made].count(True))
    assert sent == [2, 4, 5]
    assert not any(talk.told for talk in EchoTalk.made)
    for reader, writer in dialled:
        async with asyncio.timeout(5):
            assert await reader.readexactly(5) == b"event"
        writer.close()


async def test_nothing_to_send_is_not_sent(port):
    reader, writer = await dial(port)
    while not EchoTalk.made:
        await asyncio.sleep(0)
    before = port.driver.counters.bytes_out
    port.hall.dirty.append(EchoTalk.made[0])
    port.flush()
    assert port.driver.counters.bytes_out == before
    writer.close()
    assert await reader.read() == b""
