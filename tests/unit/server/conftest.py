"""One node in this process, alone in its cluster, with a client for its HTTP port."""

from __future__ import annotations

import asyncio

import msgpack
import pytest
from aiohttp.test_utils import TestClient, TestServer

from coordsvc.base.ports import SilentLogger
from coordsvc.base.vocabulary import ops
from coordsvc.replica.codec import command_prefix
from coordsvc.server.admin import AdminSite
from coordsvc.server.config import resolve
from coordsvc.server.overview import Overview
from coordsvc.server.server import Server
from coordsvc.state import versions


class Node:
    """The node, and what its clients would do."""

    def __init__(self, server):
        self.server = server
        self.site = AdminSite(server, Overview(server))
        self.http = TestClient(TestServer(self.site.app))
        self._serial = 0

    @property
    def machine(self):
        return self.server.replica.machine

    async def do(self, op, *arguments, session=0):
        """Have a command applied; return the revision it was applied at."""
        self._serial += 1
        request = msgpack.packb([op, self._serial, self._serial, *arguments])
        desk = self.server.replica.desk
        if session:
            desk.outgoing.append(command_prefix(session) + request)
        else:  # it stays pending until it is applied, whatever else is applied before
            applied = asyncio.get_running_loop().create_future()
            desk.administer(self._serial, command_prefix(0) + request, applied.set_result)
        self.server.driver.schedule()
        async with asyncio.timeout(5):
            if not session:
                return (await applied).revision
            known = self.machine.sessions.by_id
            while session in known and known[session].replies.last_serial < self._serial:
                await asyncio.sleep(0.001)
        return self.machine.revision

    async def create(self, path, data=b"", kind=ops.PERSISTENT, session=0):
        return await self.do(ops.CREATE, path, data, kind, False, True, 0, [], session=session)

    async def open_session(self, name="tester"):
        return await self.do(ops.OPEN_SESSION, b"secret", 10_000, name, "1.2.3.4:5")

    async def acquire(self, path, session, note=""):
        return await self.do(ops.ACQUIRE, path, False, True, 0, note, session=session)

    async def get(self, path, **options):
        """Return (status, JSON)."""
        response = await self.http.get(path, **options)
        return response.status, await response.json()


def settings_of(folder, **flags):
    return resolve(flags={"data-dir": str(folder), "election-ms": "300", **flags}, environment={})


@pytest.fixture
def flags():
    return {}


def is_settled(replica):
    """Tell whether a leader has done what it does by itself after a start."""
    noted = 0 < replica.raft.membership_index <= replica.applied
    return noted and replica.machine.version == versions.NEWEST


@pytest.fixture
async def node(tmp_path, flags):
    server = Server(settings_of(tmp_path / "data", **flags).settings, SilentLogger())
    server.driver.schedule()
    it = Node(server)
    await it.http.start_server()
    async with asyncio.timeout(10):
        # Soon after the start the leader notes where the members are, and raises the version of
        # the state: these are entries too.
        while not is_settled(server.replica):
            await asyncio.sleep(0.001)
    yield it
    await it.http.close()
    await it.site.close()
    await server.driver.close()
    server.folder.close()
