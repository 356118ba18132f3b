from prometheus_client import CollectorRegistry, generate_latest

from coordsvc.server.overview.measures import PREFIXES, ZooKeeperCollector
from tests.unit.protocols.zookeeper.operators.fakefacts import FakeFacts


def shown(prefix):
    registry = CollectorRegistry()
    registry.register(ZooKeeperCollector(FakeFacts(), prefix))
    return generate_latest(registry).decode().splitlines()


def test_numbers_are_shown_under_either_kind_of_name_and_texts_are_not():
    assert "znode_count 6.0" in shown(PREFIXES["zookeeper"])
    lines = shown(PREFIXES["zk"])
    assert "zk_avg_latency 2.25" in lines
    assert not [line for line in lines if "version" in line]
