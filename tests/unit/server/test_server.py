"""Whole nodes in this process, on loopback."""

import asyncio
import socket

import pytest

from coordsvc.base.errors import SetupError
from coordsvc.base.ports import SilentLogger
from coordsvc.server.addresses import Address
from coordsvc.server.config import resolve
from coordsvc.server.server import Server, listening
from coordsvc_client.wire import codes, ops
from coordsvc_client.wire.framing import FrameSplitter, decode, encode_frame
from tests.ports import free_ports


class Caller:
    """A client by hand."""

    @classmethod
    async def dial(cls, server, session=0):
        self = cls()
        address = server.settings.client_address
        self.reader, self.writer = await asyncio.open_connection(address.host, address.port)
        self.splitter, self.heard, self.serial = FrameSplitter(), [], 0
        self.send([ops.HELLO, ops.MAGIC, [1], session, b"password", 10_000, 0, "me"])
        return self

    def send(self, value):
        self.writer.write(encode_frame(value))

    async def next(self, kind=None):
        async with asyncio.timeout(5):
            while True:
                for at, message in enumerate(self.heard):
                    if kind is None or message[0] == kind:
                        return self.heard.pop(at)
                data = await self.reader.read(65_536)
                if not data:
                    raise EOFError
                for body in self.splitter.split(data):
                    self.heard += decode(body)

    async def put(self, path, data=b""):
        self.serial += 1
        self.send([ops.PUT, self.serial, self.serial, path, data, True, []])
        return await self.next(self.serial)

    def close(self):
        self.writer.close()


class Cell:
    """Some nodes; those that a test does not stop are stopped after it."""

    def __init__(self, folder, count):
        ports = free_ports(3 * count)
        names = [f"n{number}" for number in range(1, count + 1)]
        peers, clients, https = ports[:count], ports[count : 2 * count], ports[2 * count :]
        members = ",".join(
            f"{name}=127.0.0.1:{peer}/{client}/{http}"
            for name, peer, client, http in zip(names, peers, clients, https, strict=True)
        )
        self.flags = {
            name: {
                "node": name,
                "data-dir": str(folder / name),
                "members": members,
                "client-address": f"127.0.0.1:{client}",
                "peer-address": f"127.0.0.1:{peer}",
                "http-address": f"127.0.0.1:{http}",
                "election-ms": "400",
                "heartbeat-ms": "50",
            }
            for name, peer, client, http in zip(names, peers, clients, https, strict=True)
        }
        self.servers = {}

    async def start(self, name):
        settings = resolve(flags=self.flags[name], environment={}).settings
        server = self.servers[name] = Server(settings, SilentLogger())
        await server.start()
        return server

    async def start_all(self):
        for name in self.flags:
            await self.start(name)
        return await self.leader()

    async def leader(self):
        async with asyncio.timeout(10):
            while True:
                for server in self.servers.values():
                    if server.replica.leading and server.replica.applied:
                        return server
                await asyncio.sleep(0.01)

    async def stop(self, name):
        await self.servers.pop(name).stop()

    async def close(self):
        for name in list(self.servers):
            await self.stop(name)


@pytest.fixture
async def three(tmp_path):
    cell = Cell(tmp_path, 3)
    yield cell
    await cell.close()


@pytest.fixture
async def one(tmp_path):
    cell = Cell(tmp_path, 1)
    yield cell
    await cell.close()


async def test_three_nodes_elect_a_leader_and_serve_at_each(three):
    await three.start_all()
    for server in three.servers.values():
        caller = await Caller.dial(server)
        assert (await caller.next(ops.WELCOME))[0] == ops.WELCOME
        assert (await caller.put(f"/{server.settings.node}"))[1] == codes.OK
        caller.close()


async def test_a_leader_that_stops_hands_over_and_says_goodbye(three):
    leader = await three.start_all()
    caller = await Caller.dial(leader)
    await caller.next(ops.WELCOME)
    await caller.put("/a")
    started = asyncio.get_running_loop().time()
    await three.stop(leader.settings.node)
    assert (await caller.next(ops.GOODBYE))[1] == codes.STOPPING
    successor = await three.leader()
    assert asyncio.get_running_loop().time() - started < 2
    async with asyncio.timeout(5):
        while "/a" not in successor.replica.machine.tree.nodes:
            await asyncio.sleep(0.01)
    caller.close()


async def test_a_node_that_was_away_catches_up(three):
    leader = await three.start_all()
    away = next(name for name in three.servers if name != leader.settings.node)
    await three.stop(away)
    leader = await three.leader()
    caller = await Caller.dial(leader)
    await caller.next(ops.WELCOME)
    answer = await caller.put("/a")
    back = await three.start(away)
    async with asyncio.timeout(5):
        while back.replica.applied < answer[2]:
            await asyncio.sleep(0.01)
    caller.close()


async def test_what_was_acknowledged_is_there_after_a_restart(one):
    server = await one.start_all()
    caller = await Caller.dial(server)
    await caller.next(ops.WELCOME)
    await caller.put("/a", b"x")
    caller.close()
    await one.stop("n1")
    again = await one.start_all()
    assert again.replica.machine.tree.nodes["/a"].data == b"x"


async def test_a_failed_disk_stops_the_node_and_nothing_is_acknowledged_after_it(one, monkeypatch):
    server = await one.start_all()
    caller = await Caller.dial(server)
    await caller.next(ops.WELCOME)
    assert (await caller.put("/before"))[1] == codes.OK
    writer = server.driver._disk
    monkeypatch.setattr(writer._wal, "synced", _failing(writer._wal.synced))
    monkeypatch.setattr(writer._wal, "sync", lambda: server.wal.synced(5))
    caller.serial += 1
    caller.send([ops.PUT, caller.serial, caller.serial, "/after", b"", True, []])
    async with asyncio.timeout(5):
        error = await server.stopped
    assert "log" in str(error) or "sync" in str(error)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await caller.next(caller.serial)
    caller.close()
    one.servers.pop("n1")
    await server.clients.close()
    await server.links.close()
    await server.driver.close()
    server.folder.close()


def _failing(synced):
    return lambda _error: synced(5)


async def test_random_bytes_cost_one_connection(one):
    server = await one.start_all()
    for address in (server.settings.client_address, server.settings.peer_address):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(5):
            await reader.read()
        writer.close()
    caller = await Caller.dial(server)
    assert (await caller.next(ops.WELCOME))[0] == ops.WELCOME
    caller.close()


async def test_a_port_that_is_taken_is_the_operator_s_to_mend():
    taken = socket.create_server(("127.0.0.1", 0))
    address = Address("127.0.0.1", taken.getsockname()[1])
    loop = asyncio.get_running_loop()
    with pytest.raises(SetupError, match="--peer-address"):
        await listening(
            loop.create_server(asyncio.Protocol, address.host, address.port),
            address,
            "peer-address",
        )
    taken.close()
