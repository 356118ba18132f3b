"""The members over HTTP: one node alone. Several are tested with real processes."""

from __future__ import annotations

import pytest

PATH = "/v1/cluster/members"


async def test_a_node_alone_is_the_only_member(node):
    status, seen = await node.get(PATH)
    assert (status, seen["committed"]) == (200, True)
    [member] = seen["members"]
    assert (member["id"], member["votes"], member["joins"]) == ("n1", True, False)
    assert member["client_address"] == "127.0.0.1:2181"


async def test_a_learner_comes_and_goes(node):
    revision = (await node.get(PATH))[1]["revision"]
    body = {"member": "n2=127.0.0.1:1/2/3", "votes": False, "revision": revision}
    response = await node.http.post(PATH, json=body)
    made = await response.json()
    assert (response.status, made["made_at"]) == (200, made["revision"])
    assert made["revision"] > revision
    learner = made["members"][1]
    assert (learner["id"], learner["votes"], learner["http_address"]) == (
        "n2",
        False,
        "127.0.0.1:3",
    )
    assert (await node.http.post(PATH, json=body)).status == 409  # the revision is another now
    response = await node.http.post(f"{PATH}/n2/promote", json={})
    assert (await response.json())["code"] == "not_caught_up"
    response = await node.http.post(f"{PATH}/n2/replace", json={"member": "n3=127.0.0.1:4/5/6"})
    assert [each["id"] for each in (await response.json())["members"]] == ["n1", "n3"]
    response = await node.http.delete(f"{PATH}/n3?revision={made['revision']}")
    assert (await response.json())["code"] == "bad_version"
    assert (await node.http.delete(f"{PATH}/n3")).status == 200
    assert len((await node.get(PATH))[1]["members"]) == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "malformed"),
        ({"member": "n2"}, 400, "malformed"),
        ({"member": "n2=0.0.0.0:1"}, 400, "malformed"),
        ({"member": "n2=h", "votes": "yes"}, 400, "malformed"),
        ({"member": "n2=h", "revision": "x"}, 400, "malformed"),
        ({"member": "n1=h"}, 409, "member_exists"),
        ({"member": "n2=127.0.0.1:2281"}, 409, "address_taken"),
    ],
)
async def test_a_member_that_cannot_be_added_is_refused(node, body, status, code):
    response = await node.http.post(PATH, json=body)
    assert (response.status, (await response.json())["code"]) == (status, code)


async def test_the_last_voter_stays(node):
    response = await node.http.delete(f"{PATH}/n1")
    assert (response.status, (await response.json())["code"]) == (409, "no_voters")
    response = await node.http.delete(f"{PATH}/n9")
    assert (response.status, (await response.json())["code"]) == (404, "no_such_member")


async def test_changes_are_for_those_who_may(node):
    headers = {"Origin": "http://evil.example"}
    for answer in (
        await node.http.post(PATH, json={"member": "n2=h"}, headers=headers),
        await node.http.delete(f"{PATH}/n1", headers=headers),
        await node.http.post(f"{PATH}/n1/promote", headers=headers),
        await node.http.post(f"{PATH}/n1/replace", headers=headers),
    ):
        assert answer.status == 403
