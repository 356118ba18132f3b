"""Sessions over HTTP."""

from __future__ import annotations

from coordsvc.base.vocabulary import ops


async def test_sessions_are_listed_a_page_at_a_time(node):
    ids = [str(await node.open_session()) for _ in range(3)]
    _, first = await node.get("/v1/sessions?limit=2")
    assert [each["id"] for each in first["sessions"]] == ids[:2]
    _, second = await node.get(f"/v1/sessions?limit=2&after={first['next']}")
    assert [each["id"] for each in second["sessions"]] == ids[2:]
    assert second["next"] is None


async def test_a_session_is_shown_with_what_it_owns(node):
    session = await node.open_session("worker")
    await node.create("/e", b"", ops.EPHEMERAL, session)
    await node.acquire("/l", session)
    status, seen = await node.get(f"/v1/sessions/{hex(session)}")
    assert status == 200
    assert (seen["id"], seen["client"], seen["address"]) == (str(session), "worker", "1.2.3.4:5")
    assert (seen["ephemeral_paths"], seen["lock_paths"]) == (["/e"], ["/l"])
    assert seen["timeout_ms"] == 10_000
    assert 0 < seen["remaining_ms"] <= 10_000


async def test_ending_a_session_takes_what_it_owns(node):
    session = await node.open_session()
    await node.create("/e", b"", ops.EPHEMERAL, session)
    response = await node.http.delete(f"/v1/sessions/{session}", json={"note": "stuck"})
    assert response.status == 204
    assert session not in node.machine.sessions.by_id
    assert "/e" not in node.machine.tree.nodes


async def test_a_session_that_is_not_there_is_not_found(node):
    status, problem = await node.get("/v1/sessions/99")
    assert (status, problem["code"]) == (404, "session_expired")
    response = await node.http.delete("/v1/sessions/99")
    assert response.status == 404


async def test_an_id_is_a_number(node):
    status, _ = await node.get("/v1/sessions/abc")
    assert status == 400


async def test_a_note_that_is_too_long_is_refused(node):
    response = await node.http.delete("/v1/sessions/99", json={"note": "x" * 2_000})
    assert response.status == 413
