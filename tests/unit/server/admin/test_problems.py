"""Every error has the form of RFC 9457."""

from __future__ import annotations

import pytest

from coordsvc.base.vocabulary import codes
from coordsvc.server.admin.problems import problem_of


async def test_an_unknown_path_is_a_problem(node):
    response = await node.http.get("/v1/nothing")
    assert response.status == 404
    assert response.content_type == "application/problem+json"
    problem = await response.json()
    assert problem["status"] == 404
    assert problem["title"] == "Not Found"
    assert problem["type"].endswith(problem["code"])


async def test_a_wrong_method_names_those_allowed(node):
    response = await node.http.post("/v1/cluster")
    assert response.status == 405
    assert set(response.headers["Allow"].split(",")) == {"GET", "HEAD"}
    assert (await response.json())["code"] == "no_such_method"


@pytest.mark.parametrize("code", sorted(set(codes.NAMES) - {codes.OK}))
def test_every_code_has_a_status(code):
    problem = problem_of(code)
    assert problem.status >= 400
    assert problem.code == codes.NAMES[code]


def test_what_may_be_tried_again_is_service_unavailable():
    assert {problem_of(code).status for code in codes.RETRYABLE} == {503}


def test_what_may_have_happened_is_a_gateway_timeout():
    assert {problem_of(code).status for code in codes.MAYBE} == {504}
