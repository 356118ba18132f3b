"""The page that Prometheus reads."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from coordsvc.base.vocabulary import ops


async def samples(node):
    response = await node.http.get("/metrics")
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    families = text_string_to_metric_families(await response.text())
    return {sample.name: sample.value for family in families for sample in family.samples}


async def test_the_state_is_measured(node):
    one, two = await node.open_session(), await node.open_session()
    await node.create("/e", b"", ops.EPHEMERAL, one)
    await node.acquire("/e", one)
    await node.acquire("/e", two)
    seen = await samples(node)
    assert seen["coordsvc_raft_has_leader"] == seen["coordsvc_raft_is_leader"] == 1
    assert seen["coordsvc_raft_applied_index"] == node.machine.revision
    assert (seen["coordsvc_sessions"], seen["coordsvc_nodes"]) == (2, 2)
    assert (seen["coordsvc_ephemerals"], seen["coordsvc_locks_held"]) == (1, 1)
    assert seen["coordsvc_lock_waiters"] == 1
    assert seen["coordsvc_wal_fsync_duration_seconds_count"] > 0
    assert seen["coordsvc_raft_leader_changes_total"] == 1


async def test_the_process_is_measured(node):
    assert (await samples(node))["process_open_fds"] > 0


async def test_open_metrics_is_given_to_those_who_take_it(node):
    response = await node.http.get(
        "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
    )
    assert (await response.text()).endswith("# EOF\n")


async def test_zookeepers_names_are_given_to_those_who_ask(node):
    text = await (await node.http.get("/metrics?names=zookeeper")).text()
    assert "\nznode_count 1.0\n" in text
    text = await (await node.http.get("/metrics?names=zk")).text()
    assert "\nzk_znode_count 1.0\n" in text
    assert "coordsvc_" not in text
    assert (await node.http.get("/metrics?names=x")).status == 400
