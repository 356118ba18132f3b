"""AdminSite: one HTTP server per node, and what all its answers have in common."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from coordsvc.base import limits
from coordsvc.server.admin.cluster import Cluster
from coordsvc.server.admin.health import Health
from coordsvc.server.admin.problems import answer_problems
from coordsvc.server.server import Server

BODY_BYTES_MAX: Final = 64 * limits.KIB
GOODBYE_S: Final = 1.0  # requests under way get so long when the server stops


class AdminSite:
    """The HTTP port of one node."""

    def __init__(self, server: Server) -> None:
        app = web.Application(middlewares=[answer_problems], client_max_size=BODY_BYTES_MAX)
        for room in (Health(server), Cluster(server)):
            app.add_routes(room.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=GOODBYE_S)

    async def listen(self, host: str, port: int) -> None:
        """Start to answer.

        Raises:
            OSError: the address cannot be had.

        """
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def close(self) -> None:
        """Stop answering."""
        await self._runner.cleanup()
