"""The cluster over HTTP: one node alone. Several are tested with real processes."""

from __future__ import annotations


async def test_a_node_alone_is_its_own_cluster(node):
    status, seen = await node.get("/v1/cluster")
    assert status == 200
    assert (seen["leader"], seen["quorum"], seen["fault_tolerance"]) == ("n1", 1, 0)
    [member] = seen["members"]
    assert (member["id"], member["role"], member["up"], member["lag"]) == ("n1", "leader", True, 0)
    assert member["applied"] == seen["revision"] > 0


async def test_its_part_in_consensus_is_told(node):
    _, seen = await node.get("/v1/raft")
    assert (seen["role"], seen["leader"], seen["vote"]) == ("leader", "n1", "n1")
    assert seen["applied_index"] == seen["commit_index"] == seen["last_index"]
    assert seen["peers"] == {}


async def test_handing_over_to_the_leader_itself_is_done_already(node):
    response = await node.http.post("/v1/cluster/leader", json={"to": "n1"})
    assert (response.status, (await response.json())["leader"]) == (200, "n1")


async def test_nobody_else_can_take_over(node):
    for body in ({"to": "n9"}, {}):
        response = await node.http.post("/v1/cluster/leader", json=body)
        assert (response.status, (await response.json())["code"]) == (409, "bad_arguments")


async def test_a_heir_is_named_by_a_string(node):
    response = await node.http.post("/v1/cluster/leader", json={"to": 2})
    assert response.status == 400


async def test_every_answer_says_where_the_node_stands(node):
    response = await node.http.get("/livez")
    assert response.headers["X-Coordsvc-Leader"] == "n1"
    assert response.headers["X-Coordsvc-Revision"] == str(node.machine.revision)
    assert response.headers["X-Coordsvc-Term"] == str(node.server.replica.raft.term)
