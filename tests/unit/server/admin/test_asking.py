"""What requests carry, and what is said of those that carry nonsense."""

from __future__ import annotations

import pytest

from coordsvc.server.admin.asking import page_of


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=10001", "limit=x", "depth=0", "data=maybe", "consistency=some",
     "min_revision=x"],
)  # fmt: skip
async def test_a_bad_query_is_refused_and_names_the_parameter(node, query):
    status, problem = await node.get(f"/v1/tree?{query}")
    assert (status, problem["code"]) == (400, "malformed")
    assert query.split("=")[0] in problem["detail"]


@pytest.mark.parametrize("consistency", ["linearizable", "sequential", "stale"])
async def test_reads_take_a_consistency(node, consistency):
    status, _ = await node.get(f"/v1/tree?consistency={consistency}")
    assert status == 200


@pytest.mark.parametrize("body", ["{", "[]", '"x"', "1"])
async def test_a_body_that_is_no_json_object_is_refused(node, body):
    response = await node.http.post("/v1/fence/check", data=body)
    assert response.status == 400
    assert (await response.json())["code"] == "malformed"


@pytest.mark.parametrize(
    "body",
    [{}, {"lock": 1, "token": 1}, {"lock": "/a"}, {"lock": "/a", "token": True},
     {"lock": "/a", "token": "x"}],
)  # fmt: skip
async def test_missing_and_mistyped_fields_are_refused(node, body):
    response = await node.http.post("/v1/fence/check", json=body)
    assert response.status == 400


@pytest.mark.parametrize(
    "body",
    ["[" * 60_000, '{"lock": "\\ud800", "token": 1}', '{"lock": "/a", "token": ' + "9" * 40 + "}"],
)
async def test_what_nothing_can_be_made_of_is_refused_like_any_other_nonsense(node, body):
    response = await node.http.post("/v1/fence/check", data=body)
    assert response.status == 400
    assert (await response.json())["code"] == "malformed"


@pytest.mark.parametrize("number", ["9" * 40, "-" + "9" * 40, str(2**63), "9" * 5_000])
async def test_a_number_that_no_reader_can_hold_is_refused(node, number):
    for path in (f"/v1/sessions/{number}", f"/v1/sessions?after={number}"):
        assert (await node.get(path))[0] == 400
    assert (await node.http.delete(f"/v1/sessions/{number}")).status == 400


async def test_a_body_that_is_too_large_is_refused(node):
    response = await node.http.post("/v1/fence/check", data=b"x" * 100_000)
    assert response.status == 413
    assert (await response.json())["code"] == "too_large"


@pytest.mark.parametrize(
    ("limit", "page"),
    [(1, ([1], 1)), (2, ([1, 2], 2)), (3, ([1, 2, 3], None)), (9, ([1, 2, 3], None))],
)
def test_a_page_says_after_what_to_ask_on_if_there_is_more(limit, page):
    assert page_of(iter((3, 1, 2)), limit) == page
