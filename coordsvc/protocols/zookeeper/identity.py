"""Who a connection has shown to be, and ACLs as ZooKeeper's clients write them."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha1
from typing import Final

from coordsvc.protocols.zookeeper.records import AclEntry
from coordsvc.state import acl
from coordsvc.state.acl import Entry, Identity, Who

_NAMED: Final = frozenset({"digest", "x509", "sasl"})
"""The schemes whose identities the scheme `auth` stands for."""


class InvalidAclError(Exception):
    """The entries are no ACL that a node can have."""


def digest_of(credentials: bytes) -> str:
    """Return the id that `user:password` gives."""
    user = credentials.partition(b":")[0].decode(errors="replace")
    hashed = sha1(credentials, usedforsecurity=False).digest()  # ZooKeeper's own rule
    return f"{user}:{b64encode(hashed).decode()}"


def authenticate(
    who: Who, scheme: str | None, credentials: bytes | None, super_digest: str
) -> Who | None:
    """Return `who` with what an auth packet adds; None if it is refused."""
    if scheme == "ip":
        return who
    if scheme != "digest" or credentials is None:
        return None
    name = digest_of(credentials)
    added: list[Identity] = [("digest", name)]
    if super_digest and name == super_digest:
        added.append(acl.SUPER)
    found = tuple(dict.fromkeys((*who, *added)))
    # They go along with every write of this client: nobody needs more, or longer ones.
    if len(found) > acl.IDENTITIES_MAX or len(name.encode()) > acl.WORD_BYTES_MAX:
        return None
    return found


def with_super(who: Who, super_users: frozenset[str]) -> Who:
    """Return `who`, raised above all ACLs if a certificate or SASL shows one of `super_users`."""
    named = any(scheme in {"x509", "sasl"} and name in super_users for scheme, name in who)
    return tuple(dict.fromkeys((*who, acl.SUPER))) if named else who


def with_user(who: Who, user: str, super_users: frozenset[str]) -> Who:
    """Return `who` with a user of SASL added."""
    added = tuple(dict.fromkeys((*who, ("sasl", user))))[: acl.IDENTITIES_MAX]
    return with_super(added, super_users)


def entries_from(wanted: list[AclEntry] | None, who: Who) -> tuple[Entry, ...]:
    """Return the entries a client asks for; `auth` becomes what the client has shown to be.

    Raises:
        InvalidAclError: there are none, or one names nobody.

    """
    found: list[Entry] = []
    for entry in wanted or ():
        if entry.scheme == "auth":
            own = [(entry.perms, *identity) for identity in who if identity[0] in _NAMED]
            if not own:
                raise InvalidAclError("auth stands for nobody: the client has not authenticated")
            found += own
        else:
            found.append((entry.perms, entry.scheme or "", entry.id or ""))
    entries = tuple(dict.fromkeys(found))
    fault = acl.fault_of(entries)
    if fault:
        raise InvalidAclError(fault)
    return entries


def shown_to(entries: tuple[Entry, ...], *, admin: bool) -> list[AclEntry]:
    """Return an ACL as getACL shows it: the hashes of passwords only to an `admin` of the node."""
    return [
        AclEntry(
            perms,
            scheme,
            name if admin or scheme != "digest" else name.partition(":")[0] + ":x",
        )
        for perms, scheme, name in entries
    ]


def names_of(who: Who) -> list[Identity]:
    """Return the identities as whoAmI shows them: of a digest only the user."""
    return [
        (scheme, name.partition(":")[0] if scheme == "digest" else name) for scheme, name in who
    ]
