"""ZooKeeper's admin commands over HTTP, with the fields that monitors read."""

from __future__ import annotations

from aiohttp import web

from coordsvc.protocols.zookeeper.operators.commands import CHANGING, COMMANDS, OTHER_NAMES, answer
from coordsvc.server.admin.access import Access, changing
from coordsvc.server.overview import Overview


class Commands:
    """Pages below /commands."""

    def __init__(self, overview: Overview, access: Access) -> None:
        self._overview = overview
        self._guarded = changing(access, self._answer)

    def routes(self) -> list[web.RouteDef]:
        """Return what this answers."""
        return [
            web.get("/commands", self.commands),
            web.get("/commands/", self.commands),
            web.get("/commands/{name}", self.command),
        ]

    async def commands(self, _request: web.Request) -> web.Response:
        """List the commands as links."""
        links = "".join(f'<a href="/commands/{name}">{name}</a><br/>\n' for name in COMMANDS)
        return web.Response(text=links, content_type="text/html")

    async def command(self, request: web.Request) -> web.StreamResponse:
        """Answer a command. What changes something is for those who may."""
        name = request.match_info["name"]
        if OTHER_NAMES.get(name, name) in CHANGING:
            return await self._guarded(request)
        return await self._answer(request)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(answer(request.match_info["name"], self._overview))
