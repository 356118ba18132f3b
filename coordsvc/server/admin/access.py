"""Who may change something over HTTP, and what no browser page may do.

Reading is open to whoever reaches the port. What changes something is taken from this machine
and from the machines of the other members (who can do it over the peer port anyway), and from
anybody with the admin token if one is set. A browser is used by its pages, not only by its
owner: whatever says that it comes from a foreign page changes nothing.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import socket
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from coordsvc.server.address_book import AddressBook
from coordsvc.server.admin.problems import Problem

_OWN_SITES: Final = ("none", "same-origin")
"""Where a request comes from that a browser makes without an `Origin`: an image's, for one."""
SECURITY_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "coordsvc",
    "X-Content-Type-Options": "nosniff",
}


class Access:
    """Decides about requests that would change something."""

    def __init__(self, book: AddressBook, token: str) -> None:
        self._book = book
        self._token = token

    async def check(self, request: web.Request) -> None:
        """Return if this request may change something.

        Raises:
            Problem: 403, or 401 if a token would help.

        """
        self._refuse_foreign_pages(request)
        if self._token:
            given = request.headers.get("Authorization", "")
            sent = given.encode(errors="surrogateescape")
            if not hmac.compare_digest(sent, f"Bearer {self._token}".encode()):
                text = "send the admin token: Authorization: Bearer ..."
                raise Problem(HTTPStatus.UNAUTHORIZED, "denied", text)
        elif not await self._is_near(request.remote or ""):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "denied",
                "without an admin token changes are taken from the members' machines only: "
                "ask from there, or start the nodes with --admin-token-file",
            )

    @property
    def forwarding_headers(self) -> dict[str, str]:
        """Return what proves to another member that this node may ask it for a change."""
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def _refuse_foreign_pages(self, request: web.Request) -> None:
        origin = request.headers.get("Origin")
        if origin is None and request.headers.get("Sec-Fetch-Site", "none") in _OWN_SITES:
            return
        try:
            place = urlsplit(origin or "")
            same = place.netloc == request.headers.get("Host")
            ours = same and (bool(self._token) or self._is_ours(place.hostname or ""))
        except ValueError:
            ours = False
        if not ours:
            who = origin or "others"
            raise Problem(HTTPStatus.FORBIDDEN, "denied", f"pages of {who} change nothing here")

    def _is_ours(self, host: str) -> bool:
        """Tell whether a name is one of this cluster's, and not one that somebody made lead here.

        A page can have its own name resolve to this address once it is loaded (DNS rebinding).
        """
        if host == "localhost" or host in (*self._book.http_hosts(), *self._book.peer_hosts()):
            return True
        return bool(ipaddress.ip_address(host))

    async def _is_near(self, remote: str) -> bool:
        try:
            asker = ipaddress.ip_address(remote)
        except ValueError:
            return False
        if isinstance(asker, ipaddress.IPv6Address) and asker.ipv4_mapped is not None:
            asker = asker.ipv4_mapped
        return asker.is_loopback or str(asker) in await self._member_numbers()

    async def _member_numbers(self) -> set[str]:
        loop = asyncio.get_running_loop()
        numbers: set[str] = set()
        for host in self._book.peer_hosts():
            try:
                found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            except OSError:
                continue  # a member that cannot be found cannot be who asks
            numbers.update(str(each[4][0]) for each in found)
        return numbers


def changing(access: Access, handler: Handler) -> Handler:
    """Return `handler`, reached only by those who may change something."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        await access.check(request)
        return await handler(request)

    return guarded
