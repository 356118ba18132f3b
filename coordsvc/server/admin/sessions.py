"""Sessions over HTTP: who is there, and ending one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from aiohttp import web

from coordsvc.base.ids import SessionId
from coordsvc.base.ports import Logger
from coordsvc.base.vocabulary import codes, ops
from coordsvc.replica.replica import Replica
from coordsvc.server.admin import views
from coordsvc.server.admin.access import Access, changing
from coordsvc.server.admin.asking import (
    body_of,
    consistency_of,
    limit_of,
    number_of,
    page_of,
    text_in,
)
from coordsvc.server.admin.problems import problem_of
from coordsvc.server.driver import monotonic_ms
from coordsvc.server.local import Local

LISTED_MAX: Final = 1_000
"""Paths of ephemerals and locks that are listed of one session."""


class Sessions:
    """Pages about sessions."""

    def __init__(self, local: Local, access: Access, log: Logger) -> None:
        self._local = local
        self._access = access
        self._log = log

    def routes(self) -> list[web.RouteDef]:
        """Return what this answers."""
        return [
            web.get("/v1/sessions", self.sessions),
            web.get("/v1/sessions/{id}", self.session),
            web.delete("/v1/sessions/{id}", changing(self._access, self.end)),
        ]

    async def sessions(self, request: web.Request) -> web.Response:
        """List sessions in the order in which they were opened, a page at a time."""
        limit = limit_of(request)
        after = number_of(request.query.get("after", "0"), "after")
        replica = await self._local.caught_up(*consistency_of(request))
        by_id = replica.machine.sessions.by_id
        page, more = page_of((session for session in by_id if session > after), limit)
        return web.json_response(
            {
                "sessions": [
                    views.session(by_id[each], _remaining(replica, each)) for each in page
                ],
                "next": None if more is None else str(more),
            }
        )

    async def session(self, request: web.Request) -> web.Response:
        """Show one session with what it owns."""
        wanted = number_of(request.match_info["id"], "the id of a session")
        replica = await self._local.caught_up(*consistency_of(request))
        held = replica.machine.sessions.by_id.get(wanted)
        if held is None:
            raise problem_of(codes.SESSION_EXPIRED, f"there is no session {wanted}")
        view = views.session(held, _remaining(replica, wanted))
        view["ephemeral_paths"] = sorted(held.ephemerals)[:LISTED_MAX]
        view["lock_paths"] = sorted(set(held.claims.values()))[:LISTED_MAX]
        return web.json_response(view)

    async def end(self, request: web.Request) -> web.Response:
        """End a session: its ephemerals, locks and places in queues go."""
        wanted = number_of(request.match_info["id"], "the id of a session")
        note = text_in(await body_of(request), "note", "")
        applied = await self._local.order(ops.END_SESSION, wanted, note)
        self._log.warning(
            "session ended by an operator",
            session=wanted, by=request.remote, note=note, found=applied.value,
        )  # fmt: skip
        if applied.code != codes.OK:
            raise problem_of(applied.code, str(applied.value or ""))
        if not applied.value:
            raise problem_of(codes.SESSION_EXPIRED, f"there is no session {wanted}")
        return web.Response(status=HTTPStatus.NO_CONTENT)


def _remaining(replica: Replica, session: SessionId) -> int | None:
    if not replica.leading:
        return None
    return replica.liveness.remaining_ms(session, monotonic_ms())
