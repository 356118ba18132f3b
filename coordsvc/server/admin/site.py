"""AdminSite: one HTTP server per node, and what all its answers have in common."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from coordsvc.base import limits
from coordsvc.server.admin.access import SECURITY_HEADERS, Access
from coordsvc.server.admin.backup import Backup
from coordsvc.server.admin.cluster import Cluster
from coordsvc.server.admin.health import Health
from coordsvc.server.admin.locks import Locks
from coordsvc.server.admin.measures import Measures
from coordsvc.server.admin.members import Members
from coordsvc.server.admin.problems import answer_problems
from coordsvc.server.admin.relay import Relay
from coordsvc.server.admin.sessions import Sessions
from coordsvc.server.admin.tree import Tree
from coordsvc.server.local import Local
from coordsvc.server.server import Server

BODY_BYTES_MAX: Final = 64 * limits.KIB
GOODBYE_S: Final = 1.0  # requests under way get so long when the server stops


class AdminSite:
    """The HTTP port of one node."""

    def __init__(self, server: Server) -> None:
        self._server = server
        local, access = Local(server.driver), Access(server.book, server.settings.admin_token)
        self._relay = Relay(server.book)
        app = web.Application(middlewares=[answer_problems], client_max_size=BODY_BYTES_MAX)
        app.on_response_prepare.append(self._sign)
        rooms = (
            Health(server, local),
            Measures(server),
            Cluster(server, access, self._relay),
            Members(server, access),
            Sessions(local, access, server.log),
            Locks(local, access, server.log),
            Tree(local),
            Backup(local, server.driver),
        )
        for room in rooms:
            app.add_routes(room.routes())
        self.app: Final = app
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=GOODBYE_S)

    async def listen(self, host: str, port: int) -> None:
        """Start to answer.

        Raises:
            OSError: the address cannot be had.

        """
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it answers: (host, port) of each socket."""
        return [(str(each[0]), int(each[1])) for each in self._runner.addresses]

    async def close(self) -> None:
        """Stop answering."""
        await self._runner.cleanup()
        await self._relay.close()

    async def _sign(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Add the headers that every answer has."""
        replica = self._server.replica
        for name, value in SECURITY_HEADERS.items():
            response.headers[name] = value
        response.headers.setdefault("X-Coordsvc-Revision", str(replica.applied))
        response.headers.setdefault("X-Coordsvc-Term", str(replica.raft.term))
        response.headers.setdefault("X-Coordsvc-Leader", replica.raft.leader or "")
