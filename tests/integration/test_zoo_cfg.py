"""Nodes that start from unmodified ZooKeeper configurations."""

from __future__ import annotations

import pytest

from coordsvc.cli.localcluster import LocalNode, NodePlan
from coordsvc_client.blocking import Connection
from coordsvc_client.wire import ops
from tests.integration.cluster import Cluster
from tests.ports import free_block

pytestmark = pytest.mark.integration

HTTP_PORT_ABOVE = 6_000
ENSEMBLE = """
tickTime=2000
initLimit=5
syncLimit=2
dataDir={folder}
clientPort={client}
server.1=localhost:{quorum1}:1
server.2=localhost:{quorum2}:2
server.3=localhost:{quorum3}:3
"""


class Ensemble(Cluster):
    """Three servers on one machine, each with its own zoo.cfg, as ZooKeeper's guide has it."""

    def __init__(self, folder):
        client, quorum = free_block(3), free_block(3)
        self.folder = folder
        self.plans = []
        self.nodes = {}
        for i in range(3):
            data = folder / f"n{i + 1}"
            data.mkdir(parents=True)
            (data / "myid").write_text(f"{i + 1}\n")
            file = folder / f"zoo{i + 1}.cfg"
            quorums = {f"quorum{j + 1}": quorum + j for j in range(3)}
            file.write_text(ENSEMBLE.format(folder=data, client=client + i, **quorums))
            plan = NodePlan(data.name, data, client + i, quorum + i, client + i + HTTP_PORT_ABOVE)
            self.plans.append(plan)
            self.nodes[plan.name] = LocalNode(plan, ["--zoo-cfg", str(file)])


def test_an_ensemble_starts_from_its_files_as_they_are(tmp_path):
    with Ensemble(tmp_path) as cluster:
        endpoints = [plan.client_address for plan in cluster.plans]
        with Connection(endpoints, name="test") as connection:
            connection.call(
                ops.CREATE, "/a", b"1", ops.PERSISTENT, False, True, 0, [], timeout_s=10
            )
        for name in cluster.nodes:
            assert cluster.http(name, "/v1/tree/a?data")["value"] == "1"
        view = cluster.http("n2", "/v1/cluster")
        assert view["view"] == "leader"
        assert [member["id"] for member in view["members"]] == ["n1", "n2", "n3"]
        assert (tmp_path / "n1" / "coordsvc" / "identity.json").exists()
        logged = cluster.plans[0].log_path.read_text()
    assert "open to other machines without TLS" in logged
