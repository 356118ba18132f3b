"""The page that Prometheus reads."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder

from coordsvc.server.metrics import ServerCollector
from coordsvc.server.server import Server


class Measures:
    """Everything counted, as text."""

    def __init__(self, server: Server) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(ServerCollector(server))
        ProcessCollector(registry=self._registry)

    def routes(self) -> list[web.RouteDef]:
        """Return what this answers."""
        return [web.get("/metrics", self.metrics)]

    async def metrics(self, request: web.Request) -> web.Response:
        """Answer in the Prometheus text format, or OpenMetrics if that is what is accepted."""
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})
