"""Which server next, and how long to wait before.

`coord://h1:2181,h2:2181/chroot?session_timeout=10&timeout=5&name=worker-7`
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote

DEFAULT_PORT: Final = 2181
BACKOFF_MS_MIN: Final = 20
BACKOFF_MS_MAX: Final = 2_000
OPTIONS: Final = frozenset({"session_timeout", "timeout", "name"})


class Address(NamedTuple):
    """Where a server listens. The name is resolved anew for each attempt."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return host:port, with an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Target(NamedTuple):
    """What a URL says."""

    addresses: tuple[Address, ...]
    chroot: str
    """The path that every path is put behind; empty for the whole tree."""
    options: dict[str, str]


def parse_address(text: str) -> Address:
    """Return the address in `host`, `host:port`, `[ipv6]` or `[ipv6]:port`.

    Raises:
        ValueError: if it is none of them.

    """
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"not an address: {text!r}")
        port = rest[1:]
    else:
        host, _, port = text.partition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536)):
        raise ValueError(f"not an address: {text!r}")
    return Address(host, int(port) if port else DEFAULT_PORT)


def parse_target(where: str | Sequence[str]) -> Target:
    """Return what a URL, a comma-separated list or a sequence of addresses says.

    Raises:
        ValueError: if it cannot be understood.

    """
    text = where if isinstance(where, str) else ",".join(where)
    scheme, mark, rest = text.partition("://")
    if not mark:
        rest = text
    elif scheme != "coord":
        raise ValueError(f"a URL starts with coord://, not {scheme}://")
    rest, _, query = rest.partition("?")
    hosts, slash, path = rest.partition("/")
    addresses = tuple(parse_address(part.strip()) for part in hosts.split(",") if part.strip())
    if not addresses:
        raise ValueError(f"no address in {text!r}")
    options = dict(parse_qsl(query, strict_parsing=bool(query)))
    unknown = sorted(set(options) - OPTIONS)
    if unknown:
        raise ValueError(f"unknown option {unknown[0]!r}; there are {', '.join(sorted(OPTIONS))}")
    return Target(addresses, (slash + unquote(path)).rstrip("/"), options)


class Endpoints:
    """The order of attempts: round and round from a random start, with pauses.

    `below` returns a random number in `0 <= n < its argument`.
    """

    def __init__(self, addresses: Sequence[Address], below: Callable[[int], int]) -> None:
        assert addresses, "there is at least one address"
        self._given = self._addresses = tuple(addresses)
        self._below = below
        self._at = below(len(self._addresses))
        self._failures = 0

    def learn(self, members: Sequence[str]) -> None:
        """From now on also try these: the members of the cluster as one of them named them.

        Those given in the beginning stay, for members may be known under other addresses, or be
        out of reach from here. What is no address is passed over.
        """
        told: list[Address] = []
        for member in members:
            with contextlib.suppress(ValueError):
                told.append(parse_address(member))
        addresses = tuple(dict.fromkeys((*self._given, *told)))
        if addresses != self._addresses:
            self._addresses = addresses
            self._at %= len(addresses)

    def next(self) -> Address:
        """Return the server to try now."""
        address = self._addresses[self._at]
        self._at = (self._at + 1) % len(self._addresses)
        return address

    def other(self, than: Address) -> Address | None:
        """Return the server to try beside the one at `than`, or None if there is no other."""
        for _ in self._addresses:
            address = self.next()
            if address != than:
                return address
        return None

    def failed(self) -> int:
        """Note a failure; return how many ms to wait before the next attempt.

        The first round through all servers is made without a pause; then pauses double, and are
        spread at random so that many clients do not come back in step.
        """
        self._failures += 1
        rounds = self._failures // len(self._addresses)
        if rounds == 0:
            return 0
        limit = min(BACKOFF_MS_MIN << min(rounds, 10), BACKOFF_MS_MAX)
        return limit // 2 + self._below(limit // 2)

    def succeeded(self) -> None:
        """Note that a server has let us in."""
        self._failures = 0
