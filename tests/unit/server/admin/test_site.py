"""The port itself; and that the document describes it."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest

import coordsvc

DOCUMENT = Path(coordsvc.__file__).parent.parent / "docs" / "http.md"
HEADING = re.compile(r"^### (GET|POST|DELETE) (\S+)$", re.MULTILINE)


def routes(node):
    """Return (method, path) of all routes, with {name} for what varies."""
    return {
        (route.method, resource.canonical)
        for resource in node.site.app.router.resources()
        for route in resource
        if route.method != "HEAD"
    }


def documented():
    return set(HEADING.findall(DOCUMENT.read_text(encoding="utf-8")))


async def test_the_document_has_every_route_and_no_other(node):
    assert documented() == routes(node)


async def test_the_port_is_opened_and_closed(node):
    await node.site.listen("127.0.0.1", 0)
    host, port, *_ = node.site.addresses[0]
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://{host}:{port}/livez") as response:
            assert response.status == 200
        await node.site.close()
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"http://{host}:{port}/livez")


async def test_an_address_that_is_taken_is_an_os_error(node):
    with pytest.raises(OSError, match="address already in use"):
        await node.site.listen("127.0.0.1", node.http.port)


async def test_commands_and_metrics_may_have_addresses_of_their_own(node):
    await node.site.listen_for_commands("127.0.0.1", 0)
    await node.site.listen_for_metrics("127.0.0.1", 0)
    (commands, metrics) = node.site.addresses
    async with aiohttp.ClientSession() as session:

        async def get(place, path):
            async with session.get(f"http://{place[0]}:{place[1]}{path}") as response:
                return response.status, await response.text()

        assert (await get(commands, "/commands/ruok"))[0] == 200
        assert (await get(commands, "/v1/tree"))[0] == 404
        status, text = await get(metrics, "/metrics")
        assert status == 200
        assert "znode_count" in text
        assert (await get(metrics, "/commands"))[0] == 404
    await node.site.close()
