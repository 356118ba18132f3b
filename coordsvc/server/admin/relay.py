"""Asking the leader over HTTP for what only it knows, or only it can do."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Final, cast

import aiohttp

from coordsvc.base.ids import NodeId
from coordsvc.server.address_book import AddressBook
from coordsvc.server.admin.problems import Problem

FORWARDED: Final = "X-Coordsvc-Forwarded"
"""Says that a member asks on behalf of somebody: such a request is never passed on again."""
ASK_S: Final = 1.0
ORDER_S: Final = 8.0


class Relay:
    """A connection to the HTTP port of whoever leads."""

    def __init__(self, book: AddressBook) -> None:
        self._book = book
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, leader: NodeId, path: str) -> dict[str, object] | None:
        """Return what the leader answers to GET; None if it does not in time."""
        try:
            _status, answer = await self._exchange("GET", leader, path, within_s=ASK_S)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None
        return answer

    async def order(
        self, leader: NodeId, path: str, body: dict[str, object], headers: dict[str, str]
    ) -> dict[str, object]:
        """Have the leader do it; return its answer.

        Raises:
            Problem: what the leader said against it, or that it could not be asked.

        """
        try:
            status, answer = await self._exchange(
                "POST", leader, path, body=body, headers=headers, within_s=ORDER_S
            )
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Problem(
                HTTPStatus.GATEWAY_TIMEOUT,
                "outcome_unknown",
                f"the leader {leader} could not be asked: {str(error) or 'no answer in time'}",
            ) from error
        if status >= HTTPStatus.BAD_REQUEST:
            code, detail = str(answer.get("code")), str(answer.get("detail"))
            raise Problem(HTTPStatus(status), code, detail)
        return answer

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()

    async def _exchange(
        self,
        method: str,
        leader: NodeId,
        path: str,
        *,
        body: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        within_s: float,
    ) -> tuple[int, dict[str, object]]:
        address = self._book.http(leader)
        if not address:
            raise aiohttp.ClientConnectionError("its address is not known")
        if self._session is None:
            self._session = aiohttp.ClientSession()
        async with (
            asyncio.timeout(within_s),
            self._session.request(
                method,
                f"http://{address}{path}",
                json=body,
                headers={FORWARDED: "1", **(headers or {})},
                allow_redirects=False,
            ) as response,
        ):
            answer: object = json.loads(await response.read())
            if not isinstance(answer, dict):
                raise ValueError("not a JSON object")  # noqa: TRY004 - of the answer, not of a value
            return response.status, cast("dict[str, object]", answer)
