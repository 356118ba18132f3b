"""The shipped alerts ask for metrics that a node has."""

from __future__ import annotations

import http.client
import re

import pytest

from tests.integration.programs import ROOT

pytestmark = pytest.mark.integration

ALERTS = ROOT / "deploy" / "monitoring" / "alerts.yml"
METRIC = re.compile(r"\b(?:coordsvc|process)_\w+")


def test_every_metric_of_the_alerts_is_there(shared_cluster):
    leader = shared_cluster.nodes[shared_cluster.leader()].plan
    connection = http.client.HTTPConnection("127.0.0.1", leader.http_port, timeout=5)
    connection.request("GET", "/metrics")
    page = connection.getresponse().read().decode()
    connection.close()
    names = {line.partition("{")[0].partition(" ")[0] for line in page.splitlines()}
    asked = set(METRIC.findall(ALERTS.read_text()))
    assert len(asked) > 10
    assert asked <= names
