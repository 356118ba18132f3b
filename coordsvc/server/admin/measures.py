"""The page that Prometheus reads."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder

from coordsvc.server.admin.asking import malformed
from coordsvc.server.metrics import ServerCollector
from coordsvc.server.overview import Overview
from coordsvc.server.overview.measures import PREFIXES, ZooKeeperCollector
from coordsvc.server.server import Server

OWN_NAMES: Final = "coordsvc"
ZOOKEEPER_NAMES: Final = "zookeeper"


class Measures:
    """Everything counted, as text."""

    def __init__(self, server: Server, overview: Overview) -> None:
        self._registries = {OWN_NAMES: CollectorRegistry()}
        self._registries[OWN_NAMES].register(ServerCollector(server))
        for names, prefix in PREFIXES.items():
            registry = self._registries[names] = CollectorRegistry()
            registry.register(ZooKeeperCollector(overview, prefix))
        for registry in self._registries.values():
            ProcessCollector(registry=registry)

    def routes(self) -> list[web.RouteDef]:
        """Return what this answers."""
        return [web.get("/metrics", self.metrics)]

    async def metrics(self, request: web.Request) -> web.Response:
        """Answer in the Prometheus text format, or OpenMetrics if that is what is accepted.

        With ?names=zookeeper or ?names=zk, under ZooKeeper's names.
        """
        names = request.query.get("names", OWN_NAMES)
        if names not in self._registries:
            raise malformed(f"names is one of {', '.join(self._registries)}")
        return _answer(request, self._registries[names])

    async def zookeeper_metrics(self, request: web.Request) -> web.Response:
        """Answer under ZooKeeper's names."""
        return _answer(request, self._registries[ZOOKEEPER_NAMES])


def _answer(request: web.Request, registry: CollectorRegistry) -> web.Response:
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return web.Response(body=encode(registry), headers={"Content-Type": content_type})
