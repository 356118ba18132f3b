"""The cluster over HTTP: who is in it, who leads, how far each is, and handing leadership over."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from aiohttp import web

from coordsvc.base.errors import Refused
from coordsvc.base.ids import NodeId
from coordsvc.base.vocabulary import codes
from coordsvc.raft.node import PeerView
from coordsvc.replica.members import MemberView
from coordsvc.server.admin.access import Access, changing
from coordsvc.server.admin.asking import body_of, malformed
from coordsvc.server.admin.problems import Problem
from coordsvc.server.admin.relay import FORWARDED, Relay
from coordsvc.server.admin.views import Json
from coordsvc.server.driver import monotonic_ms
from coordsvc.server.server import Server
from coordsvc.state import versions

UP_MS: Final = 3_000
"""A member heard from within this time counts as up."""
HAND_OVER_S: Final = 5.0
POLL_S: Final = 0.01


class Cluster:
    """Pages about the cluster."""

    def __init__(self, server: Server, access: Access, relay: Relay) -> None:
        self._server = server
        self._access = access
        self._relay = relay

    def routes(self) -> list[web.RouteDef]:
        """Return what this answers."""
        return [
            web.get("/v1/cluster", self.cluster),
            web.post("/v1/cluster/leader", changing(self._access, self.hand_over)),
            web.get("/v1/raft", self.raft),
        ]

    async def cluster(self, request: web.Request) -> web.Response:
        """Show who is in the cluster and how far each is, as the leader knows it.

        Without the leader's answer it is what this node knows: `view` says which.
        """
        replica = self._server.replica
        leader = replica.raft.leader
        answer: Json | None = None
        if leader is not None and not replica.leading and FORWARDED not in request.headers:
            answer = await self._relay.ask(leader, "/v1/cluster")
            if answer is not None and answer.get("view") != "leader":
                answer = None  # it does not lead any more
        return web.json_response((answer or self._view()) | {"node": replica.node})

    async def raft(self, _request: web.Request) -> web.Response:
        """Show this node's part in consensus."""
        server = self._server
        replica, now = server.replica, monotonic_ms()
        raft = replica.raft
        return web.json_response(
            {
                "node": replica.node,
                "role": raft.role.value,
                "term": raft.term,
                "vote": raft.vote,
                "leader": raft.leader,
                "leader_changes": replica.leader_changes,
                "first_index": raft.first_index,
                "last_index": raft.last_index,
                "commit_index": raft.commit,
                "applied_index": replica.applied,
                "uncommitted_bytes": raft.uncommitted_bytes,
                "writes_in_flight": len(replica.writes),
                "log_bytes": server.wal.bytes_on_disk,
                "log_segments": server.wal.segments,
                "snapshot": {
                    "index": raft.snapshot.index,
                    "term": raft.snapshot.term,
                    "bytes": server.store.bytes_on_disk,
                    "running": replica.snapshots.compaction.running,
                },
                "voters": list(raft.membership.voters),
                "voters_old": list(raft.membership.voters_old),
                "learners": list(raft.membership.learners),
                "state_version": replica.machine.version,
                "state_versions_known": [versions.OLDEST, versions.NEWEST],
                "upgrade_waits_for": replica.health.upgrade.waits_for(),
                "handing_over": raft.handing_over,
                "peers": {
                    peer: _progress(view, now) for peer, view in sorted(raft.peers().items())
                },
            }
        )

    async def hand_over(self, request: web.Request) -> web.Response:
        """Hand leadership over, and answer when it has happened."""
        body = await body_of(request)
        to = body.get("to")
        if not isinstance(to, str | None):
            raise malformed("to is the name of a member")
        replica = self._server.replica
        leader = replica.raft.leader
        if to is not None and to not in replica.raft.membership.voters:
            raise Problem(HTTPStatus.CONFLICT, "bad_arguments", f"{to} is not a voting member")
        if leader is None:
            raise Refused(codes.NO_QUORUM, "no leader is known here")
        if to is None or leader != to:
            if replica.leading:
                await self._hand_over(to)
            elif FORWARDED in request.headers:
                raise Refused(codes.NOT_LEADER, f"{replica.node} does not lead")
            else:
                headers = self._access.forwarding_headers
                answer = await self._relay.order(leader, "/v1/cluster/leader", body, headers)
                return web.json_response(answer)
        return web.json_response({"leader": replica.raft.leader, "term": replica.raft.term})

    async def _hand_over(self, to: NodeId | None) -> None:
        server = self._server
        replica, raft = server.replica, server.replica.raft
        if not replica.hand_over(monotonic_ms(), to):
            text = "nobody can take over" if to is None else f"{to} cannot take over now"
            raise Problem(HTTPStatus.CONFLICT, "bad_arguments", text)
        server.driver.schedule()
        loop = asyncio.get_running_loop()
        until = loop.time() + HAND_OVER_S
        while (raft.leader is None or replica.leading) and loop.time() < until:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
        if to is not None and raft.leader != to:
            raise Refused(codes.TIMED_OUT, f"{to} did not take over; {raft.leader} leads")
        if replica.leading:
            raise Refused(codes.TIMED_OUT, f"nobody took over; {raft.leader} leads")
        server.log.warning("leadership handed over by an operator", to=raft.leader)

    def _view(self) -> Json:
        server = self._server
        replica, raft = server.replica, server.replica.raft
        voters = raft.membership.voters
        quorum = len(voters) // 2 + 1
        return {
            "cluster": server.settings.cluster,
            "view": "leader" if replica.leading else "local",
            "term": raft.term,
            "leader": raft.leader,
            "revision": replica.applied,
            "quorum": quorum,
            "fault_tolerance": len(voters) - quorum,
            "members_revision": raft.membership_index,
            "members": [self._member(each) for each in replica.members.view().members],
        }

    def _member(self, each: MemberView) -> Json:
        server = self._server
        raft, book, name = server.replica.raft, server.book, each.info.name
        view = raft.peers().get(name) if server.replica.leading else None
        own = name == server.replica.node
        reached = server.replica.applied if own else view.match if view is not None else None
        round_trip_s = server.links.round_trip_s(name)
        return {
            "id": name,
            "role": _role(each, raft.leader),
            "peer_address": next(map(str, book.peer(name)), None),
            "client_address": book.client(name) or None,
            "http_address": book.http(name) or None,
            "joins": each.info.joins,
            "replaces": each.info.replaces or None,
            "applied": reached,
            "lag": None if reached is None else max(0, raft.commit - reached),
            "rtt_ms": None if round_trip_s is None else round(round_trip_s * 1000, 3),
            "up": True if own else _is_up(view),
        }


def _role(each: MemberView, leader: NodeId | None) -> str:
    if each.info.name == leader:
        return "leader"
    return "follower" if each.votes else "learner"


def _is_up(view: PeerView | None) -> bool | None:
    return None if view is None else monotonic_ms() - view.heard_ms < UP_MS


def _progress(view: PeerView, now: int) -> Json:
    return {
        "flow": view.flow,
        "match": view.match,
        "next": view.next,
        "in_flight": view.in_flight,
        "heard_ms_ago": max(0, now - view.heard_ms),
    }
