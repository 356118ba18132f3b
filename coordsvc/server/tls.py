"""TLS of the client port: certificates from PEM files, and who a client's certificate names."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeAlias

from coordsvc.base.errors import SetupError

NONE: Final = "none"
OPTIONAL: Final = "optional"
REQUIRED: Final = "required"

_ASKS: Final = {
    NONE: ssl.CERT_NONE,
    OPTIONAL: ssl.CERT_OPTIONAL,
    REQUIRED: ssl.CERT_REQUIRED,
}

# RFC 2253, as Java writes names by default: these by keyword, all others by number.
_KEYWORDS: Final = {
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
    "UID": "UID",
}
_EMAIL: Final = "1.2.840.113549.1.9.1"
_IA5_STRING: Final = 0x16
_SPECIAL: Final = frozenset(',+"\\<>;')

Subject: TypeAlias = Sequence[Sequence[tuple[str, str]]]
"""A subject as the ssl module gives it: one sequence of (type, value) for each relative name."""


def server_context(
    *, certificate: Path, key: Path, authorities: Path | None, clients: str, password: str = ""
) -> ssl.SSLContext:
    """Return the context of a port.

    Args:
        certificate: PEM: the server's certificate, and those between it and the root.
        key: PEM: its private key; may be the same file.
        authorities: PEM: whose certificates clients may show.
        clients: NONE, OPTIONAL or REQUIRED: what is asked of them.
        password: of the key, if it is encrypted.

    Raises:
        SetupError: a file cannot be used; says which.

    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, lambda: password)
    except (OSError, ssl.SSLError) as error:
        raise SetupError(f"{certificate}, {key}: no certificate with its key: {error}") from error
    if authorities is not None:
        try:
            context.load_verify_locations(authorities)
        except (OSError, ssl.SSLError) as error:
            raise SetupError(f"{authorities}: no certificates: {error}") from error
    context.verify_mode = _ASKS[clients]
    return context


def name_of(subject: Subject) -> str:
    """Return a subject as ZooKeeper writes it in ACLs: RFC 2253, the most specific name first."""
    return ",".join("+".join(map(_pair, names)) for names in reversed(subject))


def _pair(pair: tuple[str, str]) -> str:
    kind, value = pair
    if kind in _KEYWORDS:
        return f"{_KEYWORDS[kind]}={_escaped(value)}"
    if kind == "emailAddress":
        raw = value.encode("ascii", "replace")[:127]
        return f"{_EMAIL}=#{bytes((_IA5_STRING, len(raw))).hex()}{raw.hex()}"
    return f"{kind}={_escaped(value)}"


def _escaped(value: str) -> str:
    text = "".join(f"\\{each}" if each in _SPECIAL else each for each in value)
    if text[:1] in {"#", " "}:
        text = f"\\{text}"
    if text.endswith(" ") and len(text) > 1:
        text = f"{text[:-1]}\\ "
    return text
