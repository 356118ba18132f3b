"""server.N lines: who the members of an ensemble are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from coordsvc.server.addresses import Address, address_of

PARTICIPANT: Final = "participant"
OBSERVER: Final = "observer"
QUORUM_PORT: Final = 2888
ID_MAX: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class EnsembleServer:
    """One server.N line. The port for elections is not kept: one port does both here."""

    id: int
    quorum: Address
    role: str
    client: Address | None
    """Where it listens for clients; None: as its own clientPort says. The host may be 0.0.0.0."""
    others: tuple[str, ...] = ()
    """Further addresses of the same server, as they were written."""

    @property
    def name(self) -> str:
        """Return the name of the node it becomes."""
        return node_name_of(self.id)


def node_name_of(server_id: int) -> str:
    """Return the name of the node that has the number of a server."""
    return f"n{server_id}"


def id_of(text: str) -> int:
    """Read the number of a server.

    Raises:
        ValueError: it is none.

    """
    if not (text.isascii() and text.isdigit()) or int(text) > ID_MAX:
        raise ValueError(f"{text!r} is not the number of a server")
    return int(text)


def server_of(server_id: str, text: str) -> EnsembleServer:
    """Read one server: `host:quorum:election[:role][|host:quorum:election][;[host:]client]`.

    Raises:
        ValueError: with what is wrong.

    """
    number = id_of(server_id)
    places, semicolon, client_text = text.partition(";")
    first, *others = (place.strip() for place in places.split("|"))
    host, *parts = _parts_of(first)
    role = PARTICIPANT
    if len(parts) == 3 or (parts and parts[-1].isalpha()):
        role = parts.pop().lower()
    if role not in {PARTICIPANT, OBSERVER}:
        raise ValueError(f"{role!r} is neither {PARTICIPANT} nor {OBSERVER}")
    if len(parts) > 2:
        raise ValueError(f"{text!r} has more than a host, two ports and a role")
    quorum = address_of(f"{host}:{parts[0]}" if parts else host, default_port=QUORUM_PORT)
    client = _client_of(client_text.strip()) if semicolon else None
    return EnsembleServer(number, quorum, role, client, tuple(others))


def _parts_of(text: str) -> list[str]:
    """Split at colons, but not at those of an IPv6 address in brackets."""
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        return [host + bracket, *filter(None, rest.split(":"))]
    return text.split(":")


def _client_of(text: str) -> Address:
    return Address("0.0.0.0", int(text)) if text.isdigit() else address_of(text)
