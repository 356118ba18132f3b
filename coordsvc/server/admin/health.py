"""Whether this node is alive, and whether clients should be sent to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from aiohttp import web

from coordsvc import __version__
from coordsvc.base.compiled import is_compiled
from coordsvc.base.errors import Refused
from coordsvc.base.vocabulary import ops
from coordsvc.replica.health import DIFFERS
from coordsvc.server.local import Local
from coordsvc.server.server import Server

APPLIED_LAG_MAX: Final = 10_000
"""A node this many decided entries behind is still loading: reads there would be old."""
LOG_BUSY_S_MAX: Final = 10.0
"""A disk that has not taken one batch in this time is full, or as good as dead."""


class Health:
    """The answers to a supervisor's questions."""

    def __init__(self, server: Server, local: Local) -> None:
        self._server = server
        self._local = local
        # A check returns what is wrong, or the empty string.
        self._checks: Final[Mapping[str, Callable[[], str]]] = {
            "leader": self._leader,
            "log": self._log,
            "applied": self._applied,
            "state": self._state,
            "stopping": self._stopping,
        }

    def routes(self) -> list[web.RouteDef]:
        """Return what this answers."""
        return [
            web.get("/livez", self.livez),
            web.get("/readyz", self.readyz),
            web.get("/health", self.health),
            web.get("/version", self.version),
        ]

    async def livez(self, request: web.Request) -> web.Response:
        """Answer whether the process is worth keeping; if not, a restart is the cure."""
        return _verdict(request, {"process": self._process})

    async def readyz(self, request: web.Request) -> web.Response:
        """Answer whether clients should be sent here."""
        return _verdict(request, self._checks, {"disk": self._disk})

    async def health(self, request: web.Request) -> web.Response:
        """Answer as etcd does: by a read that a majority confirms, or with ?serializable here."""
        reason = self._process()
        if not reason and request.query.get("serializable") != "true":
            try:
                await self._local.caught_up()
            except Refused as refused:
                reason = refused.text
        status = HTTPStatus.SERVICE_UNAVAILABLE if reason else HTTPStatus.OK
        return web.json_response(
            {"health": "false" if reason else "true", "reason": reason}, status=status
        )

    async def version(self, _request: web.Request) -> web.Response:
        """Answer which program this is."""
        return web.json_response(
            {
                "coordsvc": __version__,
                "protocol": ops.PROTOCOL_VERSION,
                "compiled": is_compiled(),
            }
        )

    def _process(self) -> str:
        return "this replica has failed and stops" if self._server.stopped.done() else ""

    def _leader(self) -> str:
        replica = self._server.replica
        if replica.raft.leader is not None:
            return ""
        return replica.members.gate.standing or "no leader is known"

    def _log(self) -> str:
        busy_s = self._server.driver.log_busy_s
        return "" if busy_s <= LOG_BUSY_S_MAX else f"the disk has not taken a batch for {busy_s} s"

    def _applied(self) -> str:
        replica = self._server.replica
        behind = replica.raft.commit - replica.applied
        return "" if behind <= APPLIED_LAG_MAX else f"{behind} decided entries are to be applied"

    def _state(self) -> str:
        return DIFFERS if self._server.replica.health.differs else ""

    def _disk(self) -> str:
        return self._server.replica.health.room.refusal

    def _stopping(self) -> str:
        return self._process() or ("stopping" if self._server.replica.stopping else "")


def _verdict(
    request: web.Request,
    checks: Mapping[str, Callable[[], str]],
    warnings: Mapping[str, Callable[[], str]] = MappingProxyType({}),
) -> web.Response:
    """Run the checks that are not excluded; list them if asked to, or if one fails.

    What `warnings` find is listed too, but is no reason to say no.
    """
    excluded = request.query.getall("exclude", [])
    faults = {name: check() for name, check in checks.items() if name not in excluded}
    failed = any(faults.values())
    lines = [f"[-]{name} {fault}" if fault else f"[+]{name} ok" for name, fault in faults.items()]
    cautions = {name: check() for name, check in warnings.items()}
    lines += [f"[!]{name} {text}" if text else f"[+]{name} ok" for name, text in cautions.items()]
    if not failed and "verbose" not in request.query:
        lines = []
    lines.append("not ok" if failed else "ok")
    status = HTTPStatus.SERVICE_UNAVAILABLE if failed else HTTPStatus.OK
    return web.Response(status=status, text="\n".join(lines) + "\n")
