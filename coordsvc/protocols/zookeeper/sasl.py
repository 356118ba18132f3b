"""SASL DIGEST-MD5 as ZooKeeper speaks it: the server's side of one authentication.

Source: RFC 2831, with quality of protection `auth` only. The client begins with an empty token,
is sent a challenge, answers it, and is shown that the server knows the password too.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

SERVICE: Final = "zookeeper"
REALM: Final = "zk-sasl-md5"
RESPONSE_BYTES_MAX: Final = 4_096
"""RFC 2831, 2.1.2: a longer one is invalid."""
_PART: Final = re.compile(r'\s*([A-Za-z-]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^",\s]*))\s*(?:,|$)')


class SaslError(Exception):
    """The client has not shown who it is. The text is for the log."""


class DigestMd5:
    """One authentication. `user` is who it was, once it has succeeded."""

    __slots__ = ("_asked", "_nonce", "_passwords", "user")

    def __init__(self, passwords: Mapping[str, str], nonce: str) -> None:
        """Begin; `nonce` is to be unpredictable and new, printable without quotes."""
        self._passwords = passwords
        self._nonce = nonce
        self._asked = False
        self.user: str | None = None

    def step(self, token: bytes) -> bytes:
        """Take the client's next token; return what to send back.

        Raises:
            SaslError: it has failed for good.

        """
        if self.user is not None:
            raise SaslError("the authentication is over")
        if not token and not self._asked:
            self._asked = True
            return (
                f'realm="{REALM}",nonce="{self._nonce}",charset=utf-8,algorithm=md5-sess'
            ).encode()
        return self._verify(_parts_of(token))

    def _verify(self, parts: Mapping[str, str]) -> bytes:
        self._check_terms(parts)
        user = parts.get("username", "")
        password = self._passwords.get(user)
        secret = _first_hash(user, parts.get("realm", ""), password or "", parts)
        given = parts.get("response", "")
        expected = _response("AUTHENTICATE", secret, parts)
        if not hmac.compare_digest(given.encode(), expected.encode()) or password is None:
            raise SaslError(f"user {user!r}: unknown, or another password")
        self.user = user
        return f"rspauth={_response('', secret, parts)}".encode()

    def _check_terms(self, parts: Mapping[str, str]) -> None:
        """Check all but the password."""
        expected = {"nonce": self._nonce, "nc": "00000001"}
        for name, value in expected.items():
            if parts.get(name) != value:
                raise SaslError(f"{name} is not {value}")
        if parts.get("realm", "") not in {REALM, ""}:
            raise SaslError(f"realm is not {REALM}")
        if parts.get("qop", "auth") != "auth":
            raise SaslError("qop is not auth")
        if not parts.get("digest-uri", "").startswith(f"{SERVICE}/"):
            raise SaslError(f"digest-uri is not of the service {SERVICE}")
        if not parts.get("cnonce"):
            raise SaslError("there is no cnonce")
        if parts.get("authzid", "") not in {"", parts.get("username", "")}:
            raise SaslError("nobody may act for another user")


def _parts_of(token: bytes) -> dict[str, str]:
    """Read `name=value, name="value"`; each name at most once."""
    if len(token) > RESPONSE_BYTES_MAX:
        raise SaslError("the response is too long")
    try:
        text = token.decode()
    except UnicodeDecodeError:
        text = token.decode("latin-1")
    parts: dict[str, str] = {}
    at = 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None or part[1].lower() in parts:
            raise SaslError("the response is malformed")
        quoted = part[2]
        value = part[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        parts[part[1].lower()] = value
        at = part.end()
    return parts


def _bytes_of(text: str) -> bytes:
    """Return a user, realm or password as it enters the hash: Latin-1 if that can hold it."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _first_hash(user: str, realm: str, password: str, parts: Mapping[str, str]) -> str:
    """Return HEX(H(A1)) of RFC 2831, 2.1.2.1."""
    secret = _md5(b":".join(map(_bytes_of, (user, realm, password))))
    rest = [parts["nonce"], parts["cnonce"]]
    if "authzid" in parts:
        rest.append(parts["authzid"])
    return _md5(b":".join([secret, *(each.encode() for each in rest)])).hex()


def _response(method: str, secret: str, parts: Mapping[str, str]) -> str:
    """Return the value of `response`, or with an empty method that of `rspauth`."""
    second = _md5(f"{method}:{parts['digest-uri']}".encode()).hex()
    joined = (secret, parts["nonce"], parts["nc"], parts["cnonce"], "auth", second)
    return _md5(":".join(joined).encode()).hex()
