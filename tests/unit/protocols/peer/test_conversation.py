"""One link between two replicas."""

import contextlib

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc.base import limits
from coordsvc.base.errors import RemoteProtocolError
from coordsvc.protocols.peer import codec
from coordsvc.protocols.peer.conversation import (
    MAGIC,
    VERSION,
    PeerConversation,
    PeerIdentity,
)
from coordsvc.raft.messages import Heartbeat
from coordsvc.replica.codec import EntryEncoder

ALL = frozenset("abc")


def conversation(me="a", dialled=None, cluster="one"):
    return PeerConversation(PeerIdentity(cluster, me), ALL - {me}, dialled)


def frame(*value):
    body = msgpack.packb(list(value))
    return len(body).to_bytes(4, "big") + body


def heartbeat(number):
    return codec.encode(Heartbeat(number, 0, 0), EntryEncoder())


def test_both_sides_greet_and_then_talk():
    dialler, listener = conversation("a", "b"), conversation("b")
    assert listener.receive_data(dialler.greeting("b")) == []
    assert listener.peer == "a"
    data = listener.greeting("a") + heartbeat(1) + heartbeat(2)
    assert dialler.receive_data(data) == [Heartbeat(1, 0, 0), Heartbeat(2, 0, 0)]
    assert dialler.peer == "b"


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_bytes_may_come_in_any_pieces(size):
    listener = conversation("b")
    data = conversation("a", "b").greeting("b") + heartbeat(1) + heartbeat(2)
    found = []
    for at in range(0, len(data), size):
        found += listener.receive_data(data[at : at + size])
    assert found == [Heartbeat(1, 0, 0), Heartbeat(2, 0, 0)]


@pytest.mark.parametrize(
    ("greeting", "text"),
    [
        (frame("http", VERSION, "one", "b", "a"), "not a greeting"),
        (frame(MAGIC, 99, "one", "b", "a"), "version 99"),
        (frame(MAGIC, VERSION, "two", "b", "a"), "cluster 'two'"),
        (frame(MAGIC, VERSION, "one", "b", "c"), "looks for 'c'"),
        (frame(MAGIC, VERSION, "one", "z", "a"), "'z' is not a member"),
        (frame(MAGIC, VERSION, "one", "a", "a"), "'a' is not a member"),
        (frame(MAGIC, VERSION, "one", ["b"], "a"), "is not a member"),
        (frame(MAGIC, VERSION), "not a greeting"),
        (frame(), "not a greeting"),
        (b"\x00\x00\x00\x01\xc1", "not a greeting"),
        (b"\x00\x00\x00\x01\x05", "not a greeting"),
        (heartbeat(1), "not a greeting"),
        (b"\x00\x00\x10\x01", "too large"),
        (b"GET / HTTP/1.1", "too large"),
    ],
)
def test_a_stranger_is_turned_away_before_any_message_is_looked_at(greeting, text):
    listener = conversation("a")
    with pytest.raises(RemoteProtocolError, match=text):
        listener.receive_data(greeting)
    assert listener.peer is None


def test_who_was_dialled_must_answer():
    with pytest.raises(RemoteProtocolError, match="not a member"):
        conversation("a", "b").receive_data(conversation("c").greeting("a"))


def test_a_frame_larger_than_any_message_ends_the_link():
    listener = conversation("b")
    listener.receive_data(conversation("a").greeting("b"))
    with pytest.raises(RemoteProtocolError, match="too large"):
        listener.receive_data((limits.PEER_FRAME_BYTES_MAX + 1).to_bytes(4, "big"))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.booleans())
def test_random_bytes_raise_nothing_else(data, greeted):
    listener = conversation("b")
    if greeted:
        listener.receive_data(conversation("a").greeting("b"))
    with contextlib.suppress(RemoteProtocolError):
        listener.receive_data(data)
