"""Locks over HTTP."""

from __future__ import annotations


async def test_a_lock_is_shown_with_holder_and_queue_in_order(node):
    sessions = [await node.open_session(name) for name in ("a", "b", "c")]
    tokens = [await node.acquire("/l", session, f"n{session}") for session in sessions]
    status, seen = await node.get("/v1/locks/l")
    assert status == 200
    [holder] = seen["holders"]
    assert (holder["client"], holder["token"], holder["note"]) == (
        "a", tokens[0], f"n{sessions[0]}",
    )  # fmt: skip
    assert holder["since"] > 0
    assert [each["client"] for each in seen["waiters"]] == ["b", "c"]
    assert seen["waiters"][0]["token"] is None


async def test_locks_are_listed_by_prefix_a_page_at_a_time(node):
    session = await node.open_session()
    for path in ("/p/a", "/p/b", "/p/c", "/q"):
        await node.acquire(path, session)
    _, first = await node.get("/v1/locks?prefix=/p&limit=2")
    assert [lock["path"] for lock in first["locks"]] == ["/p/a", "/p/b"]
    _, second = await node.get(f"/v1/locks?prefix=/p&limit=2&after={first['next']}")
    assert [lock["path"] for lock in second["locks"]] == ["/p/c"]
    assert second["next"] is None


async def test_a_node_that_nobody_locked_has_an_idle_lock(node):
    await node.create("/idle")
    _, seen = await node.get("/v1/locks/idle")
    assert seen == {"path": "/idle", "holders": [], "waiters": [], "free_at": None}
    status, _ = await node.get("/v1/locks/none")
    assert status == 404


async def test_breaking_a_lock_gives_it_to_the_next(node):
    one, two = await node.open_session("one"), await node.open_session("two")
    await node.acquire("/l", one)
    await node.acquire("/l", two)
    response = await node.http.post("/v1/locks/l/break", json={"note": "stuck"})
    assert (response.status, await response.json()) == (200, {"path": "/l", "broken": 1})
    _, seen = await node.get("/v1/locks/l")
    assert [each["client"] for each in seen["holders"]] == ["two"]
    assert seen["waiters"] == []


async def test_breaking_what_is_not_there_is_not_found(node):
    response = await node.http.post("/v1/locks/none/break")
    assert response.status == 404


async def test_a_token_is_valid_until_the_lock_is_lost(node):
    token = await node.acquire("/l", await node.open_session())
    asked = {"lock": "/l", "token": str(token)}
    seen = await (await node.http.post("/v1/fence/check", json=asked)).json()
    assert (seen["valid"], seen["token"]) == (True, token)
    await node.http.post("/v1/locks/l/break")
    seen = await (await node.http.post("/v1/fence/check", json=asked)).json()
    assert seen["valid"] is False
    assert seen["revision"] > token
