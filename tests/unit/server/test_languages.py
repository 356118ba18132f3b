"""The first bytes tell the language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordsvc.protocols.zookeeper.jute import pack_frame
from coordsvc.protocols.zookeeper.records import ConnectRequest, pack_connect_request
from coordsvc.server.languages import NATIVE, WORD, ZOOKEEPER, language_of
from coordsvc_client.wire.framing import encode_frame


def greeting(**fields):
    values = {"session": 0, "password": bytes(16), "read_only": False} | fields
    return pack_frame(
        pack_connect_request(
            ConnectRequest(0, 0, 10_000, values["session"], values["password"], values["read_only"])
        )
    )


@pytest.mark.parametrize(
    ("first", "language"),
    [
        (encode_frame([0, "coordsvc", [1], 0, b"p" * 16, 1_000, 0, ""]), NATIVE),
        (greeting(), ZOOKEEPER),
        (greeting(password=None, read_only=None), ZOOKEEPER),
        (b"ruok", WORD),
        (b"mntr\n", WORD),
        (b"r u!", NATIVE),
        (b"GET / HTTP/1.1", NATIVE),
        (b"\0\0\0\0", ZOOKEEPER),
        (b"\xff\xff\xff\xff", NATIVE),
    ],
)
def test_it_is_told_and_by_no_more_than_five_bytes(first, language):
    assert language_of(first) == language_of(first[:5]) == language
    for cut in range(1, min(len(first), 5)):
        assert language_of(first[:cut]) in (None, language)


@given(st.binary(min_size=5, max_size=9))
def test_five_bytes_always_tell(first):
    assert language_of(first) is not None


def test_nothing_tells_nothing():
    assert language_of(b"") is None
