"""Asking the leader over HTTP."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from coordsvc.server.admin.problems import Problem
from coordsvc.server.admin.relay import FORWARDED, Relay


class Book:
    def __init__(self, places):
        self.http = lambda name: places.get(name, "")


@pytest.fixture
async def leader():
    """Answer with what was asked; /bad with a problem, /text with no JSON."""
    seen = []

    async def echo(request):
        seen.append((request.method, request.headers.get(FORWARDED), request.headers.get("X-Own")))
        return web.json_response({"path": request.path})

    async def bad(_request):
        return web.json_response({"code": "overloaded", "detail": "later"}, status=503)

    async def text(_request):
        return web.Response(text='"x"')

    app = web.Application()
    app.router.add_route("*", "/good", echo)
    app.router.add_route("*", "/bad", bad)
    app.router.add_route("*", "/text", text)
    server = TestServer(app)
    await server.start_server()
    relay = Relay(Book({"n1": f"127.0.0.1:{server.port}", "dead": "127.0.0.1:1"}))
    yield relay, seen
    await relay.close()
    await server.close()


async def test_the_leader_is_asked_on_behalf_of_somebody(leader):
    relay, seen = leader
    assert await relay.ask("n1", "/good") == {"path": "/good"}
    assert await relay.order("n1", "/good", {}, {"X-Own": "y"}) == {"path": "/good"}
    assert seen == [("GET", "1", None), ("POST", "1", "y")]


@pytest.mark.parametrize(("name", "path"), [("dead", "/good"), ("n1", "/text"), ("who", "/good")])
async def test_a_leader_that_cannot_be_asked_is_no_answer(leader, name, path):
    relay, _ = leader
    assert await relay.ask(name, path) is None
    with pytest.raises(Problem) as refusal:
        await relay.order(name, path, {}, {})
    assert (refusal.value.status, refusal.value.code) == (504, "outcome_unknown")


async def test_what_the_leader_says_against_it_is_passed_on(leader):
    relay, _ = leader
    with pytest.raises(Problem) as refusal:
        await relay.order("n1", "/bad", {}, {})
    assert (refusal.value.status, refusal.value.code, refusal.value.detail) == (
        503, "overloaded", "later",
    )  # fmt: skip
