"""Client sockets, with a conversation that echoes."""

import asyncio
import contextlib
import ssl
from collections import deque
from socket import IPPROTO_TCP, SO_KEEPALIVE, SOL_SOCKET, TCP_KEEPIDLE

import pytest

from coordsvc.server import clients as module
from coordsvc.server.clients import ClientPort, ClientSocket
from coordsvc.server.counters import Counters
from coordsvc.server.tls import OPTIONAL, server_context
from tests.certificates import authority, signed


class EchoTalk:
    """Sends back what it hears; closes when it hears `bye`."""

    made: list = []  # noqa: RUF012

    def __init__(self, hall, address, known_as=()):
        self.hall, self.address, self.known_as = hall, address, known_as
        self.out, self.closed, self.gone, self.stuck = b"", False, False, []
        self.waits_for_greeting, self.clogged, self.silent = True, False, False
        self.went_on = 0
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

    def go_on(self):
        self.went_on += 1

    def lost(self):
        self.gone = True

    def congested(self, is_so):
        self.stuck.append(is_so)

    def is_silent(self, now):
        return self.silent


class ZooKeeperTalk(EchoTalk):
    pass


class FakeHall:
    def __init__(self):
        self.dirty = []
        self.told = deque()


class FakeDriver:
    def __init__(self):
        self.counters = Counters()
        self.flush_clients = None
        self.heard = 0
        self.stopped = False

    def fail(self, error):
        self.failed = error

    def schedule(self):
        asyncio.get_running_loop().call_soon(self.flush_clients)


@pytest.fixture
async def port(monkeypatch):
    monkeypatch.setattr(module, "NativeConversation", EchoTalk)
    monkeypatch.setattr(module, "ZooKeeperConversation", ZooKeeperTalk)
    EchoTalk.made.clear()
    port = ClientPort(FakeHall(), FakeHall(), FakeDriver())
    await port.listen("127.0.0.1", 0)
    yield port
    await port.close()
    await asyncio.sleep(0.01)


async def dial(port):
    place = port._servers[0].sockets[0].getsockname()
    return await asyncio.open_connection(*place)


async def begin(port):
    """Dial, and say something that is answered."""
    reader, writer = await dial(port)
    writer.write(b"X")
    async with asyncio.timeout(5):
        await reader.readexactly(1)
    return reader, writer


async def test_bytes_go_to_the_conversation_and_its_answer_back(port):
    reader, writer = await dial(port)
    writer.write(b"hello")
    async with asyncio.timeout(5):
        assert await reader.readexactly(5) == b"hello"
    counters = port.driver.counters
    assert (counters.bytes_in, counters.bytes_out, counters.client_connections) == (5, 5, 1)
    assert port.driver.heard == 1
    assert EchoTalk.made[0].address.startswith("127.0.0.1:")
    writer.close()
    async with asyncio.timeout(5):
        while not EchoTalk.made[0].gone:
            await asyncio.sleep(0.002)
    assert (counters.client_connections, counters.client_connections_total) == (0, 1)
    assert port.connections == {}


async def test_the_kernel_finds_out_about_clients_that_are_silently_gone(port):
    _, writer = await begin(port)
    (socket,) = port.sockets
    kernels = socket._transport.get_extra_info("socket")
    assert kernels.getsockopt(SOL_SOCKET, SO_KEEPALIVE) == 1
    assert kernels.getsockopt(IPPROTO_TCP, TCP_KEEPIDLE) <= 60
    writer.close()


async def test_a_conversation_that_is_over_has_its_last_word_and_is_closed(port):
    reader, writer = await dial(port)
    writer.write(b"goodbye")
    async with asyncio.timeout(5):
        assert await reader.read() == b"goodbye"
    writer.close()


async def test_one_write_for_a_turn(port):
    reader, writer = await dial(port)
    writer.write(b"X")
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
    reader, writer = await begin(port)  # before the others' patience is measured
    silent, other = await dial(port)
    port._look_after()
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(5):
            assert await silent.read() == b""
    writer.write(b"y")
    async with asyncio.timeout(5):
        assert await reader.readexactly(1) == b"y"
    writer.close()
    other.close()


async def test_a_broken_invariant_stops_the_server(port):
    _, writer = await dial(port)
    writer.write(b"wrong")
    async with asyncio.timeout(5):
        while not hasattr(port.driver, "failed"):
            await asyncio.sleep(0.002)
    writer.close()


async def test_connections_are_bounded(port):
    port.connections_max = 1
    _, first = await dial(port)
    first.write(b"X")
    await asyncio.sleep(0.01)
    reader, second = await dial(port)
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(5):
            assert await reader.read() == b""
    assert len(EchoTalk.made) == 1
    first.close()
    second.close()


async def test_connections_of_one_address_are_bounded(port):
    port.per_host_max = 1
    _, first = await begin(port)
    reader, second = await dial(port)
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(5):
            assert await reader.read() == b""
    second.close()
    assert port.per_host == {"127.0.0.1": 1}
    first.close()
    async with asyncio.timeout(5):
        while port.per_host:
            await asyncio.sleep(0.002)
    _, third = await begin(port)
    third.close()


async def test_a_second_port_speaks_tls_and_knows_whom_a_certificate_names(port, tmp_path):
    ca = authority(tmp_path)
    server = signed(tmp_path, ca, "server", "/CN=localhost")
    bob = signed(tmp_path, ca, "bob", "/O=Example/CN=bob")
    context = server_context(
        certificate=server.certificate,
        key=server.key,
        authorities=ca.certificate,
        clients=OPTIONAL,
    )
    await port.listen("127.0.0.1", 0, context)
    place = port._servers[1].sockets[0].getsockname()
    for pair, known in ((bob, (("x509", "CN=bob,O=Example"),)), (None, ())):
        own = ssl.create_default_context(cafile=ca.certificate)
        if pair is not None:
            own.load_cert_chain(pair.certificate, pair.key)
        reader, writer = await asyncio.open_connection(*place, ssl=own)
        writer.write(bytes(5))
        async with asyncio.timeout(5):
            await reader.readexactly(5)
        assert EchoTalk.made[-1].known_as == known
        (socket,) = port.sockets
        assert socket.secure
        writer.close()
        async with asyncio.timeout(5):
            while port.sockets:
                await asyncio.sleep(0.002)


async def test_a_socket_without_a_conversation_has_nothing_to_do(port):
    socket = ClientSocket(port)
    socket.data_received(b"X")
    socket.flush()
    socket.pause_writing()
    socket.resume_writing()
    socket.connection_lost(None)
    socket.close()
    assert EchoTalk.made == []


@pytest.mark.parametrize("language", ["hall", "zookeeper"])
async def test_events_leave_in_slices_behind_the_answers(port, monkeypatch, language):
    monkeypatch.setattr(module, "TOLD_PER_TURN", 2)
    dialled = [await begin(port) for _ in range(5)]
    for talk in EchoTalk.made:
        talk.out, talk.told, talk.went_on = b"event", True, 0
    getattr(port, language).told.extend(EchoTalk.made)
    sent = []
    for _ in range(3):
        port.flush()
        sent.append([talk.out == b"" for talk in EchoTalk.made].count(True))
    assert sent == [2, 4, 5]
    assert not any(talk.told for talk in EchoTalk.made)
    assert all(talk.went_on == (language == "zookeeper") for talk in EchoTalk.made)
    for reader, writer in dialled:
        async with asyncio.timeout(5):
            assert await reader.readexactly(5) == b"event"
        writer.close()


async def test_nothing_to_send_is_not_sent(port):
    reader, writer = await begin(port)
    before = port.driver.counters.bytes_out
    port.hall.dirty.append(EchoTalk.made[0])
    port.flush()
    assert port.driver.counters.bytes_out == before
    writer.close()
    assert await reader.read() == b""


async def test_the_first_bytes_choose_the_language(port):
    greeting = b"\0\0\0\x2d" + bytes(45)
    reader, writer = await dial(port)
    for byte in greeting[:5]:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.005)
    writer.write(greeting[5:])
    async with asyncio.timeout(5):
        assert await reader.readexactly(len(greeting)) == greeting
    talk = EchoTalk.made[0]
    assert type(talk) is ZooKeeperTalk
    assert talk.went_on
    talk.go_on = lambda: (setattr(talk, "out", b"more"), port.zookeeper.dirty.append(talk))
    writer.write(b"x")
    async with asyncio.timeout(5):
        assert await reader.readexactly(5) == b"xmore", "what it has to say next leaves as well"
    writer.close()


async def test_an_operators_word_is_answered_and_that_is_all(port):
    port.words = lambda word: b"imok" if word == "ruok" else None
    reader, writer = await dial(port)
    writer.write(b"ru")
    await asyncio.sleep(0.01)
    writer.write(b"ok")
    async with asyncio.timeout(5):
        assert await reader.read() == b"imok"
    assert EchoTalk.made == []
    writer.close()


async def test_who_does_not_even_begin_is_cut_off(port, monkeypatch):
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    monkeypatch.setattr(module, "PATIENCE_MS", 20)
    port._look_after()
    reader, writer = await dial(port)
    writer.write(b"\0")
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(5):
            assert await reader.read() == b""
    writer.close()


async def test_a_silent_client_is_cut_off(port, monkeypatch):
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    port._look_after()
    reader, writer = await dial(port)
    writer.write(b"X")
    async with asyncio.timeout(5):
        await reader.readexactly(1)
        EchoTalk.made[0].silent = True
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()


async def test_nothing_is_read_while_the_conversation_has_enough_to_do(port):
    reader, writer = await dial(port)
    writer.write(b"X")
    async with asyncio.timeout(5):
        await reader.readexactly(1)
    (talk,) = EchoTalk.made
    talk.clogged = True
    writer.write(b"one")
    async with asyncio.timeout(5):
        await reader.readexactly(3)
    writer.write(b"two")
    await asyncio.sleep(0.02)
    assert port.driver.counters.bytes_in == 4
    talk.clogged = False
    talk.out = b"!"
    port.hall.dirty.append(talk)
    port.flush()
    async with asyncio.timeout(5):
        assert await reader.readexactly(4) == b"!two"
    writer.close()


async def test_an_answer_that_is_there_at_once_does_not_wait_for_the_turn(port):
    port.driver.schedule = lambda: None
    reader, writer = await dial(port)
    writer.write(b"hello")
    async with asyncio.timeout(5):
        assert await reader.readexactly(5) == b"hello"
    assert port.hall.dirty == [], "and is not looked for again"
    writer.close()


async def test_a_driver_that_has_stopped_answers_nothing(port):
    _, writer = await begin(port)
    port.driver.stopped = True
    port.driver.schedule = lambda: None
    writer.write(b"doubtful")
    await asyncio.sleep(0.05)
    (talk,) = EchoTalk.made
    assert talk.out == b"doubtful"
    writer.close()


async def test_what_other_connections_have_to_send_waits_for_the_turn(port):
    _, one = await begin(port)
    _, two = await begin(port)
    first, second = EchoTalk.made
    port.hall.dirty.append(first)
    second.hall = FakeHall()  # it answers, and is not the last in line
    port.driver.schedule = lambda: None
    two.write(b"later")
    await asyncio.sleep(0.05)
    assert (port.hall.dirty, second.out) == ([first], b"later")
    one.close()
    two.close()
