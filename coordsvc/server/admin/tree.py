"""The namespace over HTTP, to look at."""

from __future__ import annotations

from heapq import nsmallest
from http import HTTPStatus

from aiohttp import web

from coordsvc.base import limits, paths
from coordsvc.base.vocabulary import codes
from coordsvc.server.admin import views
from coordsvc.server.admin.asking import consistency_of, limit_of, number, path_of, switch
from coordsvc.server.admin.problems import problem_of
from coordsvc.server.admin.views import Json
from coordsvc.server.local import Local
from coordsvc.state.machine import StateMachine
from coordsvc.state.znode import Znode


class Tree:
    """Pages about nodes."""

    def __init__(self, local: Local) -> None:
        self._local = local

    def routes(self) -> list[web.RouteDef]:
        """Return what this answers."""
        return [
            web.get("/v1/tree{path:(/.*)?}", self.tree),
            web.get("/v1/node{path:(/.*)?}", self.node),
        ]

    async def tree(self, request: web.Request) -> web.Response:
        """Show a node, and with ?children those below it, as deep as ?depth says."""
        path = path_of(request)
        depth = number(request, "depth", 1, most=limits.PATH_DEPTH_MAX)
        page = Page(limit_of(request), with_data=switch(request, "data"))
        wants_children = switch(request, "children") or "depth" in request.query
        machine = (await self._local.caught_up(*consistency_of(request))).machine
        node = machine.tree.nodes.get(path)
        if node is None:
            raise problem_of(codes.NO_NODE, f"there is no node {path}")
        view = page.view(machine, path, node)
        if wants_children:
            page.add_children(
                view, machine, path, node, depth=depth, after=request.query.get("after")
            )
        return web.json_response(view)

    async def node(self, request: web.Request) -> web.Response:
        """Answer the data of a node as it is; its numbers are in the headers."""
        path = path_of(request)
        machine = (await self._local.caught_up(*consistency_of(request))).machine
        node = machine.tree.nodes.get(path)
        if node is None:
            raise problem_of(codes.NO_NODE, f"there is no node {path}")
        headers = {
            "ETag": f'"{node.mzxid}"',
            "X-Coordsvc-Version": str(node.version),
            "X-Coordsvc-Created-Revision": str(node.czxid),
            "X-Coordsvc-Modified-Revision": str(node.mzxid),
            "X-Coordsvc-Modified-Ms": str(node.mtime),
            "X-Coordsvc-Kind": views.KINDS[node.kind],
            "X-Coordsvc-Owner": str(node.owner),
        }
        if node.data is None:
            return web.Response(status=HTTPStatus.NO_CONTENT, headers=headers)
        return web.Response(
            body=node.data, headers=headers, content_type="application/octet-stream"
        )


class Page:
    """One answer about a part of the tree: bounded in nodes, and in bytes of data."""

    def __init__(self, nodes_max: int, *, with_data: bool) -> None:
        self._nodes_left = nodes_max
        self._bytes_left = limits.PAGE_BYTES_MAX
        self._with_data = with_data

    def view(self, machine: StateMachine, path: str, node: Znode) -> Json:
        """Return one node."""
        lock = machine.locks.by_path.get(path)
        held, waiting = (len(lock.holders), len(lock.queue)) if lock is not None else (0, 0)
        view: Json = {
            "path": path,
            "name": paths.name_of(path),
            "stat": views.stat(node),
            "lock": {"holders": held, "waiters": waiting},
        }
        if self._with_data:
            self._bytes_left -= len(node.data or b"")
            view |= views.data(node.data)
        return view

    def add_children(
        self,
        view: Json,
        machine: StateMachine,
        path: str,
        node: Znode,
        *,
        depth: int,
        after: str | None,
    ) -> None:
        """Add the children to the view of their parent, in order of name, as far as they go.

        `next` is the name to ask on `after`, where the list had to be cut.
        """
        least = paths.join(path, after) if after is not None else ""
        found = nsmallest(
            self._nodes_left + 1, (child for child in node.children or () if child > least)
        )
        children: list[Json] = []
        for child_path in found:
            if self._nodes_left == 0 or self._bytes_left <= 0:
                break
            child = machine.tree.nodes[child_path]
            self._nodes_left -= 1
            child_view = self.view(machine, child_path, child)
            if depth > 1 and child.children:
                self.add_children(
                    child_view, machine, child_path, child, depth=depth - 1, after=None
                )
            children.append(child_view)
        view["children"] = children
        is_cut = len(children) < len(found)
        view["next"] = (children[-1]["name"] if children else after or "") if is_cut else None
