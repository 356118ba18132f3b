from coordsvc.protocols.zookeeper.operators.commands import COMMANDS


async def test_commands_are_listed_as_links(node):
    response = await node.http.get("/commands")
    text = await response.text()
    assert response.content_type == "text/html"
    assert all(f'"/commands/{name}"' in text for name in COMMANDS)


async def test_a_command_is_answered_by_each_of_its_names(node):
    for name in ("stats", "stat"):
        status, seen = await node.get(f"/commands/{name}")
        assert (status, seen["command"], seen["error"]) == (200, "stats", None)
        assert seen["server_stats"]["server_state"] == "standalone"


async def test_every_command_can_be_asked_of_a_real_node(node):
    for name in COMMANDS:
        status, seen = await node.get(f"/commands/{name}")
        assert (status, seen["error"]) == (200, None), name


async def test_an_unknown_command_is_told_as_zookeeper_tells_it(node):
    assert await node.get("/commands/x") == (
        200,
        {"command": "x", "error": "Unknown command: x"},
    )


async def test_pages_of_others_begin_no_numbers_anew(node):
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        status, _ = await node.get("/commands/srst", headers=headers)
        assert status == 403
        status, _ = await node.get("/commands/srvr", headers=headers)
        assert status == 200
