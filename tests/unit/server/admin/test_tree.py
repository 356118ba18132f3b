"""The namespace over HTTP."""

from __future__ import annotations

from coordsvc.base.vocabulary import ops


async def test_a_node_is_shown_with_its_numbers(node):
    revision = await node.create("/a", b"x")
    status, seen = await node.get("/v1/tree/a")
    assert status == 200
    assert (seen["path"], seen["name"]) == ("/a", "a")
    assert seen["stat"]["czxid"] == revision
    assert seen["stat"]["kind"] == "persistent"
    assert seen["stat"]["owner"] is None
    assert "value" not in seen
    assert "children" not in seen


async def test_data_is_text_if_it_can_be_and_base64_if_not(node):
    await node.create("/text", "grün".encode())
    await node.create("/bytes", b"\xff\x00")
    await node.create("/none", None)
    _, text = await node.get("/v1/tree/text?data")
    _, raw = await node.get("/v1/tree/bytes?data=1")
    _, none = await node.get("/v1/tree/none?data=true")
    assert (text["value"], text["encoding"]) == ("grün", "utf-8")
    assert (raw["value"], raw["encoding"]) == ("/wA=", "base64")
    assert (none["value"], none["encoding"]) == (None, None)


async def test_children_come_in_order_of_name_a_page_at_a_time(node):
    for name in "dbca":
        await node.create(f"/top/{name}")
    _, first = await node.get("/v1/tree/top?children&limit=3")
    assert [child["name"] for child in first["children"]] == ["a", "b", "c"]
    assert first["next"] == "c"
    _, second = await node.get(f"/v1/tree/top/?children&limit=3&after={first['next']}")
    assert [child["name"] for child in second["children"]] == ["d"]
    assert second["next"] is None


async def test_depth_bounds_how_far_down_it_goes(node):
    await node.create("/a/b/c/d")
    _, seen = await node.get("/v1/tree?depth=3")
    c = seen["children"][0]["children"][0]["children"][0]
    assert c["path"] == "/a/b/c"
    assert "children" not in c


async def test_the_limit_counts_nodes_of_all_depths(node):
    for path in ("/t/a/1", "/t/a/2", "/t/b"):
        await node.create(path)
    _, seen = await node.get("/v1/tree/t?depth=2&limit=2")
    [a] = seen["children"]
    assert [child["name"] for child in a["children"]] == ["1"]
    assert (a["next"], seen["next"]) == ("1", "a")


async def test_a_page_with_data_ends_where_it_grows_too_large(node):
    for name in "abc":
        await node.create(f"/big/{name}", b"x" * 600_000)
    _, seen = await node.get("/v1/tree/big?children&data")
    assert [child["name"] for child in seen["children"]] == ["a", "b"]
    assert seen["next"] == "b"


async def test_the_lock_of_a_node_is_summed_up(node):
    one, two = await node.open_session(), await node.open_session()
    await node.acquire("/l", one)
    await node.acquire("/l", two)
    _, seen = await node.get("/v1/tree/l")
    assert seen["lock"] == {"holders": 1, "waiters": 1}


async def test_the_data_of_a_node_comes_as_it_is(node):
    session = await node.open_session()
    revision = await node.create("/a b/ü", b"\xff\x00", ops.EPHEMERAL, session)
    response = await node.http.get("/v1/node/a%20b/%C3%BC")
    assert response.status == 200
    assert await response.read() == b"\xff\x00"
    assert response.headers["ETag"] == f'"{revision}"'
    assert response.headers["X-Coordsvc-Kind"] == "ephemeral"
    assert response.headers["X-Coordsvc-Owner"] == str(session)
    assert response.headers["Content-Type"] == "application/octet-stream"


async def test_a_node_without_data_is_no_content(node):
    await node.create("/none", None)
    response = await node.http.get("/v1/node/none")
    assert (response.status, await response.read()) == (204, b"")


async def test_what_is_not_there_is_not_found(node):
    for place in ("/v1/tree/no", "/v1/node/no"):
        status, problem = await node.get(place)
        assert (status, problem["code"]) == (404, "no_node")


async def test_a_bad_path_is_refused_with_the_reason(node):
    status, problem = await node.get("/v1/tree/a%00b")
    assert (status, problem["code"]) == (400, "bad_path")
    assert "control" in problem["detail"]
