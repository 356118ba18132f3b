"""Metrics under ZooKeeper's names, for boards and alerts that were made for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from coordsvc.protocols.zookeeper.operators.facts import Facts

PREFIXES: Final = {"zookeeper": "", "zk": "zk_"}
"""By the name of a way to name them: as ZooKeeper's own provider does, or as `mntr` does."""


class ZooKeeperCollector(Collector):
    """Reads the numbers of `mntr` when Prometheus asks."""

    def __init__(self, facts: Facts, prefix: str) -> None:
        self._facts = facts
        self._prefix = prefix

    def collect(self) -> Iterable[Metric]:
        """Yield all that are numbers."""
        for name, value in self._facts.monitor().items():
            if not isinstance(value, str):
                text = f"As ZooKeeper's mntr: {name}."
                yield GaugeMetricFamily(self._prefix + name, text, value=float(value))

    def describe(self) -> Iterable[Metric]:
        """Return nothing: names are not checked by asking for all the numbers."""
        return ()
