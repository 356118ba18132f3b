"""HTTP of a cluster of real processes."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time

import pytest

from coordsvc.base.values import Value
from coordsvc_client.blocking import Connection
from coordsvc_client.wire import ops
from tests.integration.cluster import HOST, Cluster

pytestmark = pytest.mark.integration


def ask(cluster, name, path, *, method="GET", body=None):
    """Return (status, headers, body) of one node's answer."""
    connection = http.client.HTTPConnection(HOST, cluster.nodes[name].plan.http_port, timeout=15)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def shown(cluster, name, path):
    status, _, body = ask(cluster, name, path)
    assert status == 200, body
    return json.loads(body)


def call(cluster, op, *arguments: Value):
    """Do one thing as a client with a session of its own."""
    endpoints = [plan.client_address for plan in cluster.plans]
    with Connection(endpoints, name="test") as connection:
        return connection.call(op, *arguments, timeout_s=10)


def create(cluster, path, data):
    call(cluster, ops.CREATE, path, data, ops.PERSISTENT, False, True, 0, [])


def test_every_node_tells_the_leaders_view_of_the_cluster(shared_cluster):
    leader = shared_cluster.leader()
    for name in shared_cluster.nodes:
        seen = shown(shared_cluster, name, "/v1/cluster")
        assert (seen["view"], seen["leader"], seen["node"]) == ("leader", leader, name)
        assert (seen["quorum"], seen["fault_tolerance"]) == (2, 1)
        assert [member["up"] for member in seen["members"]] == [True] * 3
        round_trips = [each["rtt_ms"] for each in seen["members"] if each["id"] != leader]
        assert all(0 <= each < 1_000 for each in round_trips)


def test_a_read_on_any_node_sees_every_write_before_it(shared_cluster):
    for number in range(10):
        create(shared_cluster, f"/http/read/{number}", b"x")
        for name in shared_cluster.nodes:
            seen = shown(shared_cluster, name, "/v1/tree/http/read?children")
            assert len(seen["children"]) == number + 1


def test_leadership_is_handed_over_from_any_node(shared_cluster):
    for heir in ("n1", "n2", "n3"):
        for asked in shared_cluster.nodes:
            status, _, body = ask(
                shared_cluster, asked, "/v1/cluster/leader", method="POST", body={"to": heir}
            )
            assert (status, json.loads(body)["leader"]) == (200, heir)
    assert shared_cluster.leader() == "n3"


def test_a_backup_starts_a_new_cluster(shared_cluster, tmp_path):
    for number in range(20):
        create(shared_cluster, f"/http/backup/{number}", b"%d" % number)
    status, headers, data = ask(shared_cluster, "n2", "/v1/snapshot")
    assert status == 200
    place = tmp_path / "b.snap"
    place.write_bytes(data)
    anew = Cluster(tmp_path / "new")
    for plan in anew.plans:
        arguments = ["--data-dir", str(plan.folder), "--node", plan.name, "--cluster", "test"]
        members = ",".join(
            f"{p.name}={HOST}:{p.peer_port}/{p.client_port}/{p.http_port}" for p in anew.plans
        )
        subprocess.run(
            [sys.executable, "-m", "coordsvc", "restore", str(place), *arguments,
             "--members", members],
            check=True, capture_output=True,
        )  # fmt: skip
    with anew:
        seen = shown(anew, "n1", "/v1/tree/http/backup?children&data")
        assert {child["value"] for child in seen["children"]} == {str(n) for n in range(20)}
        assert seen["stat"]["czxid"] < int(headers["X-Coordsvc-Revision"])
        create(anew, "/http/after", b"")
        after = shown(anew, "n3", "/v1/tree/http/after")
        assert after["stat"]["czxid"] > int(headers["X-Coordsvc-Revision"]) + 10**11
        assert shown(anew, "n1", "/v1/locks")["locks"] == []


def test_a_node_alone_says_what_it_knows_and_is_not_ready(cluster):
    leader = cluster.leader()
    alone = next(name for name in cluster.nodes if name != leader)
    for name in cluster.nodes:
        if name != alone:
            cluster.kill(name)
    until = time.monotonic() + 15
    while ask(cluster, alone, "/readyz")[0] != 503:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert ask(cluster, alone, "/livez")[0] == 200
    seen = shown(cluster, alone, "/v1/cluster")
    assert seen["view"] == "local"
    assert [each["lag"] for each in seen["members"] if each["id"] != alone] == [None, None]
    assert shown(cluster, alone, "/v1/tree?consistency=stale")["path"] == "/"
    for path, method in (
        ("/v1/tree", "GET"),
        ("/health", "GET"),
        ("/v1/cluster/leader", "POST"),
        ("/v1/sessions/1", "DELETE"),
        ("/v1/snapshot", "GET"),
    ):
        assert ask(cluster, alone, path, method=method)[0] == 503, path
