"""The client's side of SASL DIGEST-MD5, written for the tests alone (RFC 2831)."""

from __future__ import annotations

import hashlib
import re

CNONCE = "OA6MHXh6VqTrRk"
URI = "zookeeper/zk-sasl-md5"


def _md5(*parts: bytes) -> bytes:
    return hashlib.md5(b":".join(parts)).digest()


def response(challenge: bytes, user: str, password: str) -> bytes:
    """Return the answer to a server's challenge."""
    said = dict(re.findall(r'([a-z]+)="?([^",]*)"?', challenge.decode()))
    realm, nonce = said["realm"], said["nonce"]
    secret = _md5(*(part.encode() for part in (user, realm, password)))
    first = _md5(secret, nonce.encode(), CNONCE.encode(), user.encode()).hex()
    second = _md5(b"AUTHENTICATE", URI.encode()).hex()
    parts = (first, nonce, "00000001", CNONCE, "auth", second)
    proof = _md5(*(part.encode() for part in parts)).hex()
    return (
        f'charset=utf-8,username="{user}",realm="{realm}",nonce="{nonce}",nc=00000001,'
        f'cnonce="{CNONCE}",digest-uri="{URI}",maxbuf=65536,response={proof},qop=auth,'
        f'authzid="{user}"'
    ).encode()
