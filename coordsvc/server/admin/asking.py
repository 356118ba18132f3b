"""What requests carry: JSON bodies, paths, numbers, the consistency of a read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from heapq import nsmallest
from http import HTTPStatus
from typing import Final, TypeVar

from aiohttp import web

from coordsvc.base import paths
from coordsvc.base.vocabulary import codes, ops
from coordsvc.server.admin.problems import Problem, problem_of
from coordsvc.state.arguments import NUMBER_MAX

T = TypeVar("T", int, str)

_CONSISTENCY: Final = {
    "linearizable": ops.LINEARIZABLE,
    "sequential": ops.SEQUENTIAL,
    "stale": ops.STALE,
}
_PAGE: Final = 1_000
_PAGE_MAX: Final = 10_000
_HALF_A_PAIR: Final = re.compile("[\ud800-\udfff]")
"""What JSON can say and UTF-8 cannot."""
_SWITCH: Final = {"": True, "1": True, "true": True, "0": False, "false": False}


def malformed(text: str) -> Problem:
    """Return the problem of a request that cannot be understood."""
    return Problem(HTTPStatus.BAD_REQUEST, "malformed", text)


async def body_of(request: web.Request) -> dict[str, object]:
    """Return the JSON object that was sent; empty if nothing was.

    Raises:
        Problem: it is something else.

    """
    data = await request.read()
    if not data:
        return {}
    try:
        body: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise malformed(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise malformed("the body is not a JSON object")
    return body


def text_in(body: dict[str, object], key: str, default: str | None = None) -> str:
    """Return a string of a body; without `default` it must be there."""
    value = body.get(key, default)
    if not isinstance(value, str):
        raise malformed(f"{key} is a string")
    if _HALF_A_PAIR.search(value):
        raise malformed(f"{key} is not text: it has half of a surrogate pair")
    return value


def number_in(body: dict[str, object], key: str) -> int:
    """Return a number of a body, given as a number or as a string."""
    value = body.get(key)
    if isinstance(value, str):
        return number_of(value, key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise malformed(f"{key} is a number")
    return _bounded(value, key)


def number_of(text: str, what: str) -> int:
    """Return a number written in decimal, or in hex as 0x..."""
    try:
        value = int(text, 0)
    except ValueError as error:
        raise malformed(f"{what} is a number: decimal, or hex with 0x in front") from error
    return _bounded(value, what)


def _bounded(value: int, what: str) -> int:
    if abs(value) > NUMBER_MAX:
        raise malformed(f"{what} is a number of at most 63 bits")
    return value


def path_of(request: web.Request) -> str:
    """Return the path of the node that the URL names; a slash at its end does not count."""
    path = request.match_info["path"].rstrip("/") or paths.ROOT
    fault = paths.fault_of(path)
    if fault:
        raise problem_of(codes.BAD_PATH, fault)
    return path


def switch(request: web.Request, name: str) -> bool:
    """Return whether `?name`, `?name=1` or `?name=true` was given."""
    text = request.query.get(name, "0")
    if text not in _SWITCH:
        raise malformed(f"{name} is true or false")
    return _SWITCH[text]


def number(request: web.Request, name: str, default: int, *, most: int) -> int:
    """Return the number `?name=` from 1 to `most`."""
    text = request.query.get(name)
    if text is None:
        return default
    value = number_of(text, name)
    if not 1 <= value <= most:
        raise malformed(f"{name} lies between 1 and {most}")
    return value


def limit_of(request: web.Request) -> int:
    """Return how many things `?limit=` wants listed at most."""
    return number(request, "limit", _PAGE, most=_PAGE_MAX)


def page_of(found: Iterable[T], limit: int) -> tuple[list[T], T | None]:
    """Return the first so many in order, and the last of them if there are more."""
    first = nsmallest(limit + 1, found)
    page = first[:limit]
    return page, page[-1] if len(first) > limit else None


def consistency_of(request: web.Request) -> tuple[int, int]:
    """Return the consistency asked for, and the revision the answer must not fall behind."""
    name = request.query.get("consistency", "linearizable")
    if name not in _CONSISTENCY:
        raise malformed(f"consistency is one of {', '.join(_CONSISTENCY)}")
    revision = number_of(request.query.get("min_revision", "0"), "min_revision")
    return _CONSISTENCY[name], revision
