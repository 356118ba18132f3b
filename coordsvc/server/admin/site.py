"""AdminSite: one HTTP server per node, and what all its answers have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from aiohttp import web

from coordsvc.base import limits
from coordsvc.server.admin.access import SECURITY_HEADERS, Access
from coordsvc.server.admin.backup import Backup
from coordsvc.server.admin.cluster import Cluster
from coordsvc.server.admin.commands import Commands
from coordsvc.server.admin.health import Health
from coordsvc.server.admin.locks import Locks
from coordsvc.server.admin.measures import Measures
from coordsvc.server.admin.members import Members
from coordsvc.server.admin.problems import answer_problems
from coordsvc.server.admin.relay import Relay
from coordsvc.server.admin.sessions import Sessions
from coordsvc.server.admin.tree import Tree
from coordsvc.server.local import Local
from coordsvc.server.overview import Overview
from coordsvc.server.server import Server

BODY_BYTES_MAX: Final = 64 * limits.KIB
GOODBYE_S: Final = 1.0  # requests under way get so long when the server stops


class Room(Protocol):
    """A part of the site."""

    def routes(self) -> list[web.RouteDef]:
        """Return what it answers."""


class AdminSite:
    """The HTTP port of one node."""

    def __init__(self, server: Server, overview: Overview) -> None:
        self._server = server
        local, access = Local(server.driver), Access(server.book, server.settings.admin_token)
        self._relay = Relay(server.book)
        self._commands = Commands(overview, access)
        self._measures = Measures(server, overview)
        rooms: tuple[Room, ...] = (
            Health(server, local),
            self._measures,
            self._commands,
            Cluster(server, access, self._relay),
            Members(server, access),
            Sessions(local, access, server.log),
            Locks(local, access, server.log),
            Tree(local),
            Backup(local, server.driver),
        )
        self.app: Final = self._app_of(rooms)
        self._runner = _runner_of(self.app)
        self._beside: list[web.AppRunner] = []

    async def listen(self, host: str, port: int) -> None:
        """Start to answer.

        Raises:
            OSError: the address cannot be had.

        """
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def listen_for_commands(self, host: str, port: int) -> None:
        """Start to answer ZooKeeper's admin commands, and nothing else, at another address.

        Raises:
            OSError: the address cannot be had.

        """
        await self._listen_beside(self._app_of((self._commands,)), host, port)

    async def listen_for_metrics(self, host: str, port: int) -> None:
        """Start to show metrics under ZooKeeper's names, and nothing else, at another address.

        Raises:
            OSError: the address cannot be had.

        """
        app = self._app_of(())
        app.add_routes([web.get("/metrics", self._measures.zookeeper_metrics)])
        await self._listen_beside(app, host, port)

    async def _listen_beside(self, app: web.Application, host: str, port: int) -> None:
        runner = _runner_of(app)
        self._beside.append(runner)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()

    def _app_of(self, rooms: Iterable[Room]) -> web.Application:
        app = web.Application(middlewares=[answer_problems], client_max_size=BODY_BYTES_MAX)
        app.on_response_prepare.append(self._sign)
        for room in rooms:
            app.add_routes(room.routes())
        return app

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it answers: (host, port) of each socket, those beside the site's own last."""
        found = [*self._runner.addresses, *(a for each in self._beside for a in each.addresses)]
        return [(str(each[0]), int(each[1])) for each in found]

    async def close(self) -> None:
        """Stop answering."""
        for runner in (*self._beside, self._runner):
            await runner.cleanup()
        await self._relay.close()

    async def _sign(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Add the headers that every answer has."""
        replica = self._server.replica
        for name, value in SECURITY_HEADERS.items():
            response.headers[name] = value
        response.headers.setdefault("X-Coordsvc-Revision", str(replica.applied))
        response.headers.setdefault("X-Coordsvc-Term", str(replica.raft.term))
        response.headers.setdefault("X-Coordsvc-Leader", replica.raft.leader or "")


def _runner_of(app: web.Application) -> web.AppRunner:
    return web.AppRunner(app, access_log=None, shutdown_timeout=GOODBYE_S)
