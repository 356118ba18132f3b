"""Addresses: where a node listens, where others reach it, and who the members are."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

CLIENT_PORT: Final = 2181
PEER_PORT: Final = 2281
HTTP_PORT: Final = 8181
PORT_MAX: Final = 65_535

NODE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Address:
    """A host (a name or a number, without brackets) and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as people write it: `host:port`, IPv6 in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Tell whether only programs on this machine can reach it."""
        number = _number_of(self.host)
        return self.host == "localhost" if number is None else number.is_loopback

    @property
    def is_everywhere(self) -> bool:
        """Tell whether it stands for every interface, which nobody can connect to."""
        number = _number_of(self.host)
        return number is not None and number.is_unspecified


@dataclass(frozen=True, slots=True)
class Member:
    """One node of the cluster as the others, and its clients, reach it."""

    name: str
    peer: Address
    client: Address
    http: Address

    def __str__(self) -> str:
        """Return it in the syntax of `members_of`, as short as it can be said."""
        parts = [str(self.peer)]
        for address in (self.client, self.http):
            same_host = address.host == self.peer.host
            parts.append(str(address.port) if same_host else str(address))
        return f"{self.name}={'/'.join(parts)}"


def _number_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _port_of(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > PORT_MAX:
        raise ValueError(f"{text!r} is not a port")
    return int(text)


def address_of(text: str, *, default_port: int | None = None) -> Address:
    """Read `host:port`, `[ipv6]:port`, or with `default_port` also a host alone.

    Raises:
        ValueError: with what is wrong.

    """
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is not [ipv6]:port")
        port_text = rest[1:]
    else:
        host, _, port_text = text.partition(":")
        if ":" in port_text:
            raise ValueError(f"{text!r} has too many colons; IPv6 goes in brackets")
    if not host or any(character.isspace() or character in ",/=" for character in host):
        raise ValueError(f"{text!r} has no host")
    if port_text:
        return Address(host, _port_of(port_text))
    if default_port is None or text.endswith(":"):
        raise ValueError(f"{text!r} has no port")
    return Address(host, default_port)


def _part_of(text: str, *, host: str, default_port: int) -> Address:
    """Read the client or HTTP part of a member: a port, an address, or nothing."""
    if not text:
        return Address(host, default_port)
    if text.isdigit():
        return Address(host, _port_of(text))
    return address_of(text, default_port=default_port)


def member_of(text: str) -> Member:
    """Read one member: `name=host[:peer][/client[/http]]`.

    The second and third part are ports on the same host, or addresses of their own.

    Raises:
        ValueError: with what is wrong.

    """
    name, equals, places = text.partition("=")
    if not equals or NODE_NAME.fullmatch(name) is None:
        raise ValueError(f"{text!r} does not start with a node's name and =")
    peer_text, *others = places.split("/")
    if len(others) > 2:
        raise ValueError(f"{text!r} has more than the peer, client and HTTP address")
    peer = address_of(peer_text, default_port=PEER_PORT)
    client_text, http_text = [*others, "", ""][:2]
    member = Member(
        name,
        peer,
        _part_of(client_text, host=peer.host, default_port=CLIENT_PORT),
        _part_of(http_text, host=peer.host, default_port=HTTP_PORT),
    )
    for address in (member.peer, member.client, member.http):
        if address.port == 0 or address.is_everywhere:
            raise ValueError(f"nobody can connect to {address}")
    return member


def members_of(text: str) -> tuple[Member, ...]:
    """Read members separated by commas; the empty string is none.

    Raises:
        ValueError: with what is wrong, also if two members share a name or an address.

    """
    members = tuple(member_of(part.strip()) for part in text.split(",") if part.strip())
    taken: dict[str, str] = {}
    for member in members:
        for place in (member.name, str(member.peer), str(member.client), str(member.http)):
            if place in taken:
                raise ValueError(f"{place} is there twice")
            taken[place] = member.name
    return members
