"""The members over HTTP: who they are, and changing who they are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import web

from coordsvc.base.ids import Index
from coordsvc.raft.messages import MemberInfo
from coordsvc.replica.changes import (
    ANY_REVISION,
    Fault,
    MembersChange,
    MembersOutcome,
    replacement_of,
)
from coordsvc.replica.members import MemberView
from coordsvc.server.addresses import member_of
from coordsvc.server.admin.access import Access, changing
from coordsvc.server.admin.asking import body_of, malformed, number_in, number_of, text_in
from coordsvc.server.admin.problems import Problem
from coordsvc.server.admin.views import Json
from coordsvc.server.server import Server

_STATUS_OF: Final[Mapping[Fault, HTTPStatus]] = {
    Fault.NO_SUCH_MEMBER: HTTPStatus.NOT_FOUND,
    Fault.NO_QUORUM: HTTPStatus.SERVICE_UNAVAILABLE,
    Fault.TIMED_OUT: HTTPStatus.GATEWAY_TIMEOUT,
    Fault.OUTCOME_UNKNOWN: HTTPStatus.GATEWAY_TIMEOUT,
}
"""All other faults are conflicts."""


class Members:
    """Pages about the members. Any node takes a change and has the leader make it."""

    def __init__(self, server: Server, access: Access) -> None:
        self._server = server
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """Return what this answers."""
        guarded = self._access
        one = "/v1/cluster/members/{id}"
        return [
            web.get("/v1/cluster/members", self.members),
            web.post("/v1/cluster/members", changing(guarded, self.add)),
            web.delete(one, changing(guarded, self.remove)),
            web.post(f"{one}/promote", changing(guarded, self.promote)),
            web.post(f"{one}/replace", changing(guarded, self.replace)),
        ]

    async def members(self, _request: web.Request) -> web.Response:
        """List the members as this node knows them."""
        return web.json_response(self._view())

    async def add(self, request: web.Request) -> web.Response:
        """Add a learner, which votes once it has caught up unless it is to stay one."""
        body = await body_of(request)
        votes = body.get("votes", True)
        if not isinstance(votes, bool):
            raise malformed("votes is true or false")
        change = MembersChange(add=(_info(text_in(body, "member"), joins=votes),))
        return await self._made(request, change, _revision_in(body))

    async def remove(self, request: web.Request) -> web.Response:
        """Remove a member, whether it votes or not."""
        revision = ANY_REVISION
        if "revision" in request.query:
            revision = number_of(request.query["revision"], "revision")
        change = MembersChange(remove=(request.match_info["id"],))
        return await self._made(request, change, revision)

    async def promote(self, request: web.Request) -> web.Response:
        """Let a learner vote now."""
        body = await body_of(request)
        change = MembersChange(promote=(request.match_info["id"],))
        return await self._made(request, change, _revision_in(body))

    async def replace(self, request: web.Request) -> web.Response:
        """Put another member in the place of one; or the same, if it lost its data folder."""
        body = await body_of(request)
        text = text_in(body, "member", "")
        new = _info(text, joins=True) if text else None
        old = request.match_info["id"]
        change = replacement_of(self._server.replica.raft.membership, old, new)
        return await self._made(request, change, _revision_in(body))

    async def _made(
        self, request: web.Request, change: MembersChange, revision: Index
    ) -> web.Response:
        server = self._server
        asked = MembersChange(change.add, change.promote, change.remove, revision)
        answer: asyncio.Future[MembersOutcome] = asyncio.get_running_loop().create_future()
        server.replica.change_members(asked, lambda outcome: _settle(answer, outcome))
        server.driver.schedule()
        outcome = await answer
        server.log.warning(
            "members changed by an operator" if outcome.fault is None else "members not changed",
            add=[info.name for info in change.add], promote=list(change.promote),
            remove=list(change.remove), by=request.remote, reason=outcome.text,
        )  # fmt: skip
        if outcome.fault is not None:
            status = _STATUS_OF.get(outcome.fault, HTTPStatus.CONFLICT)
            raise Problem(status, outcome.fault.value, outcome.text)
        return web.json_response({"made_at": outcome.revision} | self._view())

    def _view(self) -> Json:
        view = self._server.replica.members.view()
        return {
            "revision": view.revision,
            "committed": view.committed,
            "members": [self._member(each) for each in view.members],
        }

    def _member(self, each: MemberView) -> Json:
        book, name = self._server.book, each.info.name
        return {
            "id": name,
            "votes": each.votes,
            "joins": each.info.joins,
            "leaves": each.leaves,
            "replaces": each.info.replaces or None,
            "peer_address": next(map(str, book.peer(name)), None),
            "client_address": book.client(name) or None,
            "http_address": book.http(name) or None,
        }


def _info(text: str, *, joins: bool) -> MemberInfo:
    """Return the member that `name=host[:peer][/client[/http]]` describes."""
    try:
        member = member_of(text)
    except ValueError as error:
        raise malformed(f"member: {error}") from error
    peer, client, http = map(str, (member.peer, member.client, member.http))
    return MemberInfo(member.name, 0, peer, client, http, joins)


def _revision_in(body: dict[str, object]) -> Index:
    return number_in(body, "revision") if "revision" in body else ANY_REVISION


def _settle(answer: asyncio.Future[MembersOutcome], outcome: MembersOutcome) -> None:
    if not answer.done():
        answer.set_result(outcome)
