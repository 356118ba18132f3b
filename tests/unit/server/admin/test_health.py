"""Health: what a supervisor is told."""

from __future__ import annotations

import pytest


async def text_of(node, path):
    response = await node.http.get(path)
    return response.status, await response.text()


async def test_a_node_that_serves_is_alive_and_ready(node):
    assert await text_of(node, "/livez") == (200, "ok\n")
    assert await text_of(node, "/readyz") == (200, "ok\n")


async def test_verbose_lists_the_checks(node):
    status, text = await text_of(node, "/readyz?verbose")
    assert status == 200
    assert text.splitlines() == [
        "[+]leader ok", "[+]log ok", "[+]applied ok", "[+]state ok", "[+]stopping ok", "[+]disk ok",
        "ok",
    ]  # fmt: skip


async def test_a_full_disk_is_shown_but_reads_and_deletes_still_go_on(node):
    node.server.replica.measured(0)
    status, text = await text_of(node, "/readyz?verbose")
    assert status == 200
    assert "[!]disk little room is left on the disk of n1" in text
    node.server.replica.measured(10**12)
    assert "[+]disk ok" in (await text_of(node, "/readyz?verbose"))[1]


async def test_a_node_whose_state_differs_is_not_ready(node):
    node.server.replica.health.differs = True
    status, text = await text_of(node, "/readyz")
    assert status == 503
    assert "[-]state" in text


async def test_a_node_that_stops_is_alive_but_not_ready(node):
    node.server.replica.stopping = True
    status, text = await text_of(node, "/readyz")
    assert status == 503
    assert "[-]stopping" in text
    assert (await text_of(node, "/livez"))[0] == 200
    assert (await text_of(node, "/readyz?exclude=stopping"))[0] == 200


async def test_a_disk_that_takes_nothing_makes_it_not_ready(node, monkeypatch):
    monkeypatch.setattr(type(node.server.driver), "log_busy_s", 11.0)
    status, text = await text_of(node, "/readyz")
    assert status == 503
    assert "[-]log" in text


async def test_a_node_without_a_leader_is_not_ready(node, monkeypatch):
    monkeypatch.setattr(type(node.server.replica.raft), "leader", None)
    status, text = await text_of(node, "/readyz")
    assert status == 503
    assert "[-]leader" in text


async def test_a_node_that_is_far_behind_is_not_ready(node, monkeypatch):
    monkeypatch.setattr(type(node.server.replica.raft), "commit", 1_000_000)
    status, text = await text_of(node, "/readyz")
    assert status == 503
    assert "[-]applied" in text


async def test_a_replica_that_failed_is_not_alive(node):
    node.server.stopped.set_result(None)
    assert (await text_of(node, "/livez"))[0] == 503
    status, health = await node.get("/health?serializable=true")
    assert (status, health["health"]) == (503, "false")


@pytest.mark.parametrize("query", ["", "?serializable=true"])
async def test_health_is_told_as_etcd_tells_it(node, query):
    assert await node.get(f"/health{query}") == (200, {"health": "true", "reason": ""})


async def test_the_version_is_told(node):
    _, version = await node.get("/version")
    assert set(version) == {"coordsvc", "protocol", "compiled"}
