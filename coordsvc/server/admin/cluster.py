"""The cluster as a whole: who is in it, who leads, how far each is."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from coordsvc.base.ids import NodeId
from coordsvc.raft.messages import Membership
from coordsvc.raft.node import PeerView
from coordsvc.server.driver import monotonic_ms
from coordsvc.server.server import Server

UP_MS: Final = 3_000
"""A member heard from within this time counts as up."""


class Cluster:
    """Pages about the cluster."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def routes(self) -> list[web.RouteDef]:
        """Return what this answers."""
        return [web.get("/v1/cluster", self.cluster)]

    async def cluster(self, _request: web.Request) -> web.Response:
        """Answer who is in the cluster and how far each is."""
        return web.json_response(self._view())

    def _view(self) -> dict[str, object]:
        server = self._server
        raft = server.replica.raft
        voters = raft.membership.voters
        quorum = len(voters) // 2 + 1
        return {
            "cluster": server.settings.cluster,
            "node": server.replica.node,
            "term": raft.term,
            "leader": raft.leader,
            "revision": server.replica.applied,
            "quorum": quorum,
            "fault_tolerance": len(voters) - quorum,
            "members": [self._member(name) for name in _names(raft.membership)],
        }

    def _member(self, name: NodeId) -> dict[str, object]:
        server = self._server
        raft = server.replica.raft
        at = next((each for each in server.settings.members if each.name == name), None)
        view = raft.peers().get(name)
        own = name == server.replica.node
        applied = server.replica.applied if own else view.match if view is not None else None
        return {
            "id": name,
            "role": _role(name, raft.leader, raft.membership),
            "peer_address": str(at.peer) if at else None,
            "client_address": str(at.client) if at else None,
            "http_address": str(at.http) if at else None,
            "applied": applied,
            "lag": None if applied is None else max(0, raft.commit - applied),
            "rtt_ms": None,
            "up": True if own else _is_up(view),
        }


def _names(membership: Membership) -> list[NodeId]:
    return sorted({*membership.voters, *membership.voters_old, *membership.learners})


def _role(name: NodeId, leader: NodeId | None, membership: Membership) -> str:
    if name == leader:
        return "leader"
    return "learner" if name in membership.learners else "follower"


def _is_up(view: PeerView | None) -> bool | None:
    return None if view is None else monotonic_ms() - view.heard_ms < UP_MS
