import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordsvc.protocols.zookeeper import sasl
from coordsvc.protocols.zookeeper.sasl import DigestMd5, SaslError

USERS = {"bob": "bobsecret", "zoë": "pässword", "ключ": "замок"}
NONCE = "OA6MG9tEQGm2hh"


def md5(*parts):
    return hashlib.md5(b":".join(parts)).digest()


def response_of(user, password, *, encoding="latin-1", method=b"AUTHENTICATE", **changes):
    """What a client of its own making answers; written apart from the code under test."""
    parts = {
        "username": user,
        "realm": "zk-sasl-md5",
        "nonce": NONCE,
        "cnonce": "OA6MHXh6VqTrRk",
        "nc": "00000001",
        "qop": "auth",
        "digest-uri": "zookeeper/zk-sasl-md5",
    } | changes
    secret = md5(user.encode(encoding), parts["realm"].encode(), password.encode(encoding))
    a1 = [secret, parts["nonce"].encode(), parts["cnonce"].encode()]
    if "authzid" in parts:
        a1.append(parts["authzid"].encode())
    a2 = md5(method, parts["digest-uri"].encode()).hex()
    joined = [
        md5(*a1).hex(), parts["nonce"], parts["nc"], parts["cnonce"], "auth", a2,
    ]  # fmt: skip
    value = md5(*(each.encode() for each in joined)).hex()
    fields = ",".join(f"{k}={v}" if k in {"nc", "qop"} else f'{k}="{v}"' for k, v in parts.items())
    return f"charset=utf-8,{fields},response={value},maxbuf=65536".encode(), value


def started():
    server = DigestMd5(USERS, NONCE)
    challenge = server.step(b"").decode()
    assert 'realm="zk-sasl-md5"' in challenge
    assert f'nonce="{NONCE}"' in challenge
    return server


@pytest.mark.parametrize(
    ("user", "encoding"), [("bob", "latin-1"), ("zoë", "latin-1"), ("ключ", "utf-8")]
)
def test_who_knows_the_password_is_who_he_says(user, encoding):
    server = started()
    token, _ = response_of(user, USERS[user], encoding=encoding)
    _, proof = response_of(user, USERS[user], encoding=encoding, method=b"")
    assert server.step(token) == f"rspauth={proof}".encode()
    assert server.user == user
    with pytest.raises(SaslError, match="is over"):
        server.step(token)


def test_the_example_of_the_rfc_has_its_numbers():
    # RFC 2831, 4, with its own realm and service.
    parts = {
        "nonce": "OA6MG9tEQGm2hh",
        "cnonce": "OA6MHXh6VqTrRk",
        "nc": "00000001",
        "digest-uri": "imap/elwood.innosoft.com",
    }
    secret = sasl._first_hash("chris", "elwood.innosoft.com", "secret", parts)
    assert sasl._response("AUTHENTICATE", secret, parts) == "d388dad90d4bbd760a152321f2143af7"
    assert sasl._response("", secret, parts) == "ea40f60335c427b5527b84dbabcdfffd"


@pytest.mark.parametrize(
    "token",
    [
        response_of("bob", "wrong")[0],
        response_of("eve", "")[0],
        response_of("bob", "bobsecret", nonce="other")[0],
        response_of("bob", "bobsecret", nc="00000002")[0],
        response_of("bob", "bobsecret", realm="elsewhere")[0],
        response_of("bob", "bobsecret", qop="auth-int")[0],
        response_of("bob", "bobsecret", cnonce="")[0],
        response_of("bob", "bobsecret", authzid="root")[0],
        response_of("bob", "bobsecret", **{"digest-uri": "imap/zk-sasl-md5"})[0],
        b"",
        b"nonsense",
        b'a="unfinished',
        b"a=1,a=2",
        b"\xff\xfe=1",
        b"a=" + b"1" * 5_000,
    ],
)
def test_anything_else_fails_and_names_nobody(token):
    server = started()
    with pytest.raises(SaslError):
        server.step(token)
    assert server.user is None


def test_one_may_name_oneself_as_whom_to_act_for():
    server = started()
    server.step(response_of("bob", "bobsecret", authzid="bob")[0])
    assert server.user == "bob"


def test_quotes_in_a_value_are_escaped():
    users = {'a"b': "p"}
    server = DigestMd5(users, NONCE)
    server.step(b"")
    token = response_of('a"b', "p")[0].replace(b'username="a"b"', rb'username="a\"b"')
    server.step(token)
    assert server.user == 'a"b'


@given(st.lists(st.binary(max_size=80), max_size=3))
def test_no_bytes_do_more_than_fail(tokens):
    server = DigestMd5(USERS, NONCE)
    for token in tokens:
        try:
            server.step(token)
        except SaslError:
            break
    assert server.user is None
