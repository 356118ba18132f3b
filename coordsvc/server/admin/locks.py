"""Locks over HTTP: who holds them, who waits, breaking one, checking a token."""

from __future__ import annotations

from aiohttp import web

from coordsvc.base import paths
from coordsvc.base.ports import Logger
from coordsvc.base.vocabulary import codes, ops
from coordsvc.server.admin import views
from coordsvc.server.admin.access import Access, changing
from coordsvc.server.admin.asking import (
    body_of,
    consistency_of,
    limit_of,
    number_in,
    page_of,
    path_of,
    text_in,
)
from coordsvc.server.admin.problems import problem_of
from coordsvc.server.local import Local


class Locks:
    """Pages about locks."""

    def __init__(self, local: Local, access: Access, log: Logger) -> None:
        self._local = local
        self._access = access
        self._log = log

    def routes(self) -> list[web.RouteDef]:
        """Return what this answers."""
        return [
            web.get("/v1/locks", self.locks),
            web.get("/v1/locks{path:/.*}", self.lock),
            web.post("/v1/locks{path:/.+}/break", changing(self._access, self.break_)),
            web.post("/v1/fence/check", self.check),
        ]

    async def locks(self, request: web.Request) -> web.Response:
        """List locks that are held or waited for, in order of path, a page at a time."""
        limit = limit_of(request)
        prefix, after = request.query.get("prefix", paths.ROOT), request.query.get("after", "")
        machine = (await self._local.caught_up(*consistency_of(request))).machine
        page, more = page_of(
            (
                path
                for path in machine.locks.by_path
                if path > after and paths.is_within(path, prefix)
            ),
            limit,
        )
        return web.json_response(
            {"locks": [views.lock(machine, path) for path in page], "next": more}
        )

    async def lock(self, request: web.Request) -> web.Response:
        """Show one lock; a node that nobody locked has one without holders and waiters."""
        path = path_of(request)
        machine = (await self._local.caught_up(*consistency_of(request))).machine
        if path not in machine.tree.nodes:
            raise problem_of(codes.NO_NODE, f"there is no node {path}")
        return web.json_response(views.lock(machine, path))

    async def break_(self, request: web.Request) -> web.Response:
        """Take a lock from all its holders; the next in the queue gets it."""
        path = path_of(request)
        note = text_in(await body_of(request), "note", "")
        applied = await self._local.order(ops.BREAK, path, note)
        self._log.warning(
            "lock broken by an operator",
            path=path, by=request.remote, note=note, code=applied.code, holders=applied.value,
        )  # fmt: skip
        if applied.code != codes.OK:
            raise problem_of(applied.code, f"there is no lock {path}")
        return web.json_response({"path": path, "broken": applied.value})

    async def check(self, request: web.Request) -> web.Response:
        """Tell whether a token holds its lock now; changes nothing."""
        body = await body_of(request)
        path, token = text_in(body, "lock"), number_in(body, "token")
        machine = (await self._local.caught_up(*consistency_of(request))).machine
        valid = machine.locks.is_valid(path, token)
        return web.json_response(
            {"lock": path, "token": token, "valid": valid, "revision": machine.revision}
        )
