"""Asking a node over HTTP, with nothing but the standard library."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final, cast

from coordsvc.base.vocabulary import codes
from coordsvc.cli import exits
from coordsvc.cli.shared import Failure, Shared
from coordsvc_client.dialing import host_and_port

TOKEN_VARIABLE: Final = "COORDSVC_TOKEN"  # noqa: S105 - its name
CODES: Final = {name: number for number, name in codes.NAMES.items()}
PIECE_BYTES: Final = 1 << 18
BY_STATUS: Final = {
    401: exits.DENIED,
    403: exits.DENIED,
    404: exits.NOT_FOUND,
    409: exits.CONFLICT,
    412: exits.CONFLICT,
    503: exits.UNREACHABLE,
    504: exits.TIMED_OUT,
}


def fetch(options: Shared, method: str, path: str, body: object = None) -> object:
    """Return the JSON that the first node to answer gives.

    Raises:
        Failure: with the exit code that fits what the node said, or that none could be asked.

    """
    with _response(options, method, path, body) as response:
        text = response.read()
    return cast("object", json.loads(text)) if text else None


def stream(options: Shared, path: str) -> Iterator[bytes]:
    """Yield what the first node to answer has at `path`, piece by piece.

    Raises:
        Failure: as `fetch`; also when the node stops in the middle.

    """
    with _response(options, "GET", path, None) as response:
        try:
            while piece := response.read(PIECE_BYTES):
                yield piece
        except (OSError, HTTPException) as error:
            raise Failure(f"the node stopped sending: {error}", exits.UNREACHABLE) from error


@contextmanager
def _response(options: Shared, method: str, path: str, body: object) -> Iterator[HTTPResponse]:
    """Give the good answer of the first node that can be reached and can do it."""
    last = Failure("no node can be asked", exits.UNREACHABLE)
    for endpoint in options.http_endpoints:
        host, port = host_and_port(endpoint)
        connection = HTTPConnection(host, port, timeout=options.timeout_s)
        is_sent = False
        try:
            connection.connect()
            is_sent = True
            connection.request(
                method, path, body=None if body is None else json.dumps(body), headers=_headers()
            )
            response = connection.getresponse()
        except (OSError, HTTPException, ValueError) as error:  # ValueError: no name of a host
            connection.close()
            if is_sent and method != "GET":
                text = f"http://{endpoint} did not answer: it may have been done: {error}"
                raise Failure(text, exits.TIMED_OUT) from error
            last = Failure(f"no node can be asked: http://{endpoint}: {error}", exits.UNREACHABLE)
            continue
        try:
            if response.status >= 400:
                last = _failure(response)
                if last.exit_code == exits.UNREACHABLE:
                    continue  # nothing was done; another node may know the leader
                raise last
            yield response
        finally:
            connection.close()
        return
    raise last


def _headers() -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    token = os.environ.get(TOKEN_VARIABLE)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return headers


def _failure(response: HTTPResponse) -> Failure:
    """Read a problem report (RFC 9457)."""
    exit_code = BY_STATUS.get(response.status, exits.OTHER)
    try:
        problem = cast("dict[str, object]", json.loads(response.read()))
        code = CODES.get(str(problem["code"]))
        detail = str(problem.get("detail") or problem["code"])
    except (ValueError, KeyError, TypeError):
        return Failure(f"HTTP {response.status} {response.reason}", exit_code)
    return Failure(detail, exit_code if code is None else exits.exit_of(code))
