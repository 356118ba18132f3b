"""Whether this node is alive, and whether clients should be sent to it."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from aiohttp import web

from coordsvc.server.server import Server

APPLIED_LAG_MAX: Final = 10_000
"""A node this many decided entries behind is still loading: reads there would be old."""


class Health:
    """The answers to a supervisor's questions."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._ready_checks: Final[dict[str, Callable[[], str]]] = {
            "leader": self._leader,
            "log": self._log,
            "applied": self._applied,
            "stopping": self._stopping,
        }

    def routes(self) -> list[web.RouteDef]:
        """Return what this answers."""
        return [web.get("/livez", self.livez), web.get("/readyz", self.readyz)]

    async def livez(self, request: web.Request) -> web.Response:
        """Answer whether the process is worth keeping; a restart is the cure if not."""
        return _verdict(request, {"log": self._log})

    async def readyz(self, request: web.Request) -> web.Response:
        """Answer whether clients should be sent here."""
        return _verdict(request, self._ready_checks)

    # A check returns what is wrong, or the empty string.

    def _leader(self) -> str:
        return "" if self._server.replica.raft.leader is not None else "no leader is known"

    def _log(self) -> str:
        return "" if not self._server.stopped.done() else "this replica has stopped"

    def _applied(self) -> str:
        replica = self._server.replica
        behind = replica.raft.commit - replica.applied
        return "" if behind <= APPLIED_LAG_MAX else f"{behind} decided entries are to be applied"

    def _stopping(self) -> str:
        return "this server is stopping" if self._server.replica.stopping else ""


def _verdict(request: web.Request, checks: dict[str, Callable[[], str]]) -> web.Response:
    """Run the checks that are not excluded; list them if asked to, or if one fails."""
    excluded = request.query.getall("exclude", [])
    faults = {name: check() for name, check in checks.items() if name not in excluded}
    failed = any(faults.values())
    lines = [f"[-]{name} {fault}" if fault else f"[+]{name} ok" for name, fault in faults.items()]
    if failed:
        lines.append("not ok")
    elif "verbose" in request.query:
        lines.append("ok")
    else:
        lines = ["ok"]
    status = HTTPStatus.SERVICE_UNAVAILABLE if failed else HTTPStatus.OK
    return web.Response(status=status, text="\n".join(lines) + "\n")
