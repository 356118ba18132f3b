"""Errors over HTTP: problem details (RFC 9457), whatever went wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from coordsvc.base.errors import Refused
from coordsvc.base.vocabulary import codes

TYPE_PREFIX: Final = "urn:coordsvc:problem:"

_STATUS_OF: Final[Mapping[int, HTTPStatus]] = {
    codes.NO_NODE: HTTPStatus.NOT_FOUND,
    codes.SESSION_EXPIRED: HTTPStatus.NOT_FOUND,
    codes.BAD_PATH: HTTPStatus.BAD_REQUEST,
    codes.BAD_ARGUMENTS: HTTPStatus.BAD_REQUEST,
    codes.MALFORMED: HTTPStatus.BAD_REQUEST,
    codes.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    codes.DENIED: HTTPStatus.FORBIDDEN,
    codes.UNSUPPORTED: HTTPStatus.NOT_FOUND,
    codes.TIMED_OUT: HTTPStatus.GATEWAY_TIMEOUT,
    codes.OUTCOME_UNKNOWN: HTTPStatus.GATEWAY_TIMEOUT,
}
_STATUS_WORD: Final[Mapping[int, str]] = {
    HTTPStatus.BAD_REQUEST: "malformed",
    HTTPStatus.FORBIDDEN: "denied",
    HTTPStatus.NOT_FOUND: "no_such_path",
    HTTPStatus.METHOD_NOT_ALLOWED: "no_such_method",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
}
"""The code of what HTTP itself refuses, by status."""


class Problem(Exception):
    """An answer that is not what was asked for; becomes problem+json."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


def problem_of(code: int, text: str = "") -> Problem:
    """Return what a result code (not OK) means over HTTP.

    What the state machine decided is a conflict unless said otherwise; what this replica cannot
    do now is "service unavailable".
    """
    assert code != codes.OK
    default = HTTPStatus.CONFLICT if code < codes.NOT_LEADER else HTTPStatus.SERVICE_UNAVAILABLE
    name = codes.NAMES[code]
    return Problem(_STATUS_OF.get(code, default), name, text or name.replace("_", " "))


def response_of(problem: Problem) -> web.Response:
    """Return the response that tells of `problem`."""
    body = {
        "type": TYPE_PREFIX + problem.code,
        "title": problem.status.phrase,
        "status": int(problem.status),
        "detail": problem.detail,
        "code": problem.code,
    }
    return web.Response(
        status=problem.status,
        body=json.dumps(body, ensure_ascii=False).encode(),
        content_type="application/problem+json",
    )


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give every error the same form."""
    try:
        return await handler(request)
    except Problem as problem:
        return response_of(problem)
    except Refused as refused:
        return response_of(problem_of(refused.code, refused.text))
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        status = HTTPStatus(error.status)
        code = _STATUS_WORD.get(status, status.phrase.lower().replace(" ", "_"))
        response = response_of(Problem(status, code, f"{request.method} {request.path}"))
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
