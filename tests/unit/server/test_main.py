"""One node from start to signal."""

import asyncio
import os
import signal
import socket

import pytest

from coordsvc.base.errors import CorruptData, DiskFailed, SetupError
from coordsvc.base.ports import SilentLogger
from coordsvc.server import main
from coordsvc.server.config import resolve


def settings_in(folder):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    peer, client, http = (each.getsockname()[1] for each in sockets)
    for each in sockets:
        each.close()
    flags = {
        "data-dir": str(folder),
        "peer-address": f"127.0.0.1:{peer}",
        "client-address": f"127.0.0.1:{client}",
        "http-address": f"127.0.0.1:{http}",
        "members": f"n1=127.0.0.1:{peer}/{client}/{http}",
    }
    return resolve(flags=flags, environment={}).settings


@pytest.fixture
def settings(tmp_path):
    return settings_in(tmp_path / "data")


async def test_a_signal_ends_it_well(settings):
    loop = asyncio.get_running_loop()
    loop.call_later(0.3, os.kill, os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(10):
        assert await main.serve(settings, SilentLogger()) == 0


async def test_a_fatal_error_ends_it_with_a_code_of_its_own(settings, monkeypatch):
    doomed = []

    class Doomed(main.Server):
        async def start(self):
            await super().start()
            doomed.append(self)
            asyncio.get_running_loop().call_later(0.05, self.driver.fail, DiskFailed("gone"))

    monkeypatch.setattr(main, "Server", Doomed)
    async with asyncio.timeout(10):
        assert await main.serve(settings, SilentLogger()) == main.EXIT_FATAL
    await doomed[0].stop()  # the process would be gone


async def test_a_folder_is_released_when_the_start_fails(settings):
    host, port = settings.client_address.host, settings.client_address.port
    with socket.create_server((host, port)), pytest.raises(SetupError):
        await main.serve(settings, SilentLogger())
    again = main.Server(settings, SilentLogger())
    await again.driver.close()
    again.folder.close()


def test_damage_is_one_line_and_a_code(settings, monkeypatch):
    async def damaged(settings, log):
        raise CorruptData("bits")

    monkeypatch.setattr(main, "serve", damaged)
    assert main.run(settings) == main.EXIT_FATAL
