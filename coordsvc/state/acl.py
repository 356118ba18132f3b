"""Access control lists: who may do what with a node. The rules are ZooKeeper's.

Nearly every node is open to everyone; that is `None`, so that the check of such a node is one
look at an attribute. All nodes with equal entries share one `Acl`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias
from weakref import WeakValueDictionary

from coordsvc.base.vocabulary import codes
from coordsvc.state.arguments import MalformedCommand

READ: Final = 1
WRITE: Final = 2
CREATE: Final = 4
DELETE: Final = 8
ADMIN: Final = 16
ALL: Final = 31

ENTRIES_MAX: Final = 256
IDENTITIES_MAX: Final = 64
WORD_BYTES_MAX: Final = 1_024

Entry: TypeAlias = tuple[int, str, str]
"""Permissions, scheme, id."""
Identity: TypeAlias = tuple[str, str]
"""Scheme and id of what somebody has shown to be."""
Who: TypeAlias = tuple[Identity, ...]

SUPER: Final[Identity] = ("super", "")
"""Whoever has this may do everything."""
OPERATOR: Final[Who] = (SUPER,)
"""Who comes over the service's own HTTP door."""
OPEN: Final[tuple[Entry, ...]] = ((ALL, "world", "anyone"),)

_NET: Final = re.compile(r"[0-9a-fA-F:.]+(?:/[0-9]{1,3})?")


class Acl:
    """The entries of a node that is not open to everyone. Make it with `acl_of`."""

    __slots__ = ("__weakref__", "entries")

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self.entries = entries

    def allows(self, who: Who, wanted: int) -> bool:
        """Tell whether any entry gives `wanted` (one or several permissions: any of them)."""
        for perms, scheme, name in self.entries:
            if perms & wanted and _matches(scheme, name, who):
                return True
        return SUPER in who


_shared: Final[WeakValueDictionary[tuple[Entry, ...], Acl]] = WeakValueDictionary()


def acl_of(entries: tuple[Entry, ...]) -> Acl | None:
    """Return the one Acl of these entries; None if they open a node to everyone."""
    if entries == OPEN:
        return None
    acl = _shared.get(entries)
    if acl is None:
        acl = _shared[entries] = Acl(entries)
    return acl


def entries_of(acl: Acl | None) -> tuple[Entry, ...]:
    """Return what `acl_of` was given."""
    return OPEN if acl is None else acl.entries


def who_at(address: str) -> Who:
    """Return the identity that comes with an address, `host:port` or empty."""
    host = address.rpartition(":")[0]
    return (("ip", host),) if host else ()


def fault_of(entries: tuple[Entry, ...]) -> str:
    """Return what is wrong with entries; the empty string if a node can have them."""
    if not entries:
        return "an ACL has an entry at least"
    if len(entries) > ENTRIES_MAX:
        return f"an ACL has at most {ENTRIES_MAX} entries"
    for perms, scheme, name in entries:
        if not -(2**31) <= perms < 2**31:
            return "permissions are 32 bits"
        if len(name.encode()) > WORD_BYTES_MAX:
            return f"the id in an ACL has at most {WORD_BYTES_MAX} bytes"
        if not _is_valid(scheme, name):
            return f"{scheme}:{name} names nobody"
    return ""


def read_acl(value: object) -> Acl | None:
    """Return the ACL in an argument, [[permissions, scheme, id], ...].

    Raises:
        MalformedCommand: it is none.

    """
    if type(value) is not list:
        raise MalformedCommand(codes.MALFORMED, "an ACL is an array")
    entries = tuple(map(_read_entry, value))
    fault = fault_of(entries)
    if fault:
        raise MalformedCommand(codes.INVALID_ACL, fault)
    return acl_of(entries)


def read_who(value: object) -> Who:
    """Return the identities in an argument, [[scheme, id], ...].

    Raises:
        MalformedCommand: they are none.

    """
    if type(value) is not list or len(value) > IDENTITIES_MAX:
        raise MalformedCommand(codes.MALFORMED, "identities are an array, and not many")
    return tuple(map(_read_identity, value))


def _read_entry(value: object) -> Entry:
    match value:
        case [int(perms), str(scheme), str(name)] if type(perms) is int:
            return perms, scheme, name
        case _:
            raise MalformedCommand(codes.MALFORMED, "an entry is [permissions, scheme, id]")


def _read_identity(value: object) -> Identity:
    match value:
        case [str(scheme), str(name)]:
            return scheme, name
        case _:
            raise MalformedCommand(codes.MALFORMED, "an identity is [scheme, id]")


def _is_valid(scheme: str, name: str) -> bool:
    match scheme:
        case "world":
            return name == "anyone"
        case "digest":
            return name.count(":") == 1 and not name.endswith(":")
        case "ip":
            return _net(name) is not None
        case "x509" | "sasl":
            return bool(name)
        case _:
            return False


def _matches(scheme: str, name: str, who: Who) -> bool:
    if scheme == "world":
        return True
    if scheme == "ip":
        net = _net(name)
        return net is not None and any(_is_in(each, net) for each in who)
    return (scheme, name) in who


@lru_cache(1_024)
def _net(name: str) -> IPv4Network | IPv6Network | None:
    if _NET.fullmatch(name) is None:
        return None
    try:
        return ip_network(name, strict=False)
    except ValueError:
        return None


def _is_in(identity: Identity, net: IPv4Network | IPv6Network) -> bool:
    scheme, address = identity
    if scheme != "ip":
        return False
    try:
        return ip_address(address) in net
    except ValueError:
        return False
