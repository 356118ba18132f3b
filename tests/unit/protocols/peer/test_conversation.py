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
    TurnedAway,
)
from coordsvc.raft.messages import Heartbeat, MemberInfo
from coordsvc.replica.codec import EntryEncoder
from coordsvc.replica.gate import Greeting
from coordsvc.replica.messages import Dismissal

PLACES = ("p:1", "c:2", "h:3")


class Door:
    """A membership of a, b and c at index 5, whose folders are known by number."""

    def __init__(self, me, index=5, number=7):
        self.said = Greeting(MemberInfo(me, number, *PLACES), index)
        self.members = {"a": 7, "b": 7, "c": 7}

    def greeting(self):
        return self.said

    def refusal_of(self, greeting):
        fits = self.members.get(greeting.info.name) in (greeting.info.identity, 0)
        return None if fits else Dismissal(self.said.index, f"{greeting.info.name} is not wanted")


def conversation(me="a", dialled=None, cluster="one", number=7):
    return PeerConversation(PeerIdentity(cluster, me), Door(me, number=number), dialled)


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
        (frame(MAGIC, VERSION, "one", "z", "a"), "z is not wanted"),
        (frame(MAGIC, VERSION, "one", "a", "a"), "'a' is not a member"),
        (frame(MAGIC, VERSION, "one", ["b"], "a"), "not a greeting"),
        (frame(MAGIC, VERSION, "one", "b", "a", 7, ["p:1"], 5), "not a greeting"),
        (frame({}, {}), "not a greeting"),
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


def test_who_greets_says_where_it_is_and_which_folder_it_has():
    listener = conversation("b")
    listener.receive_data(conversation("a", "b").greeting("b"))
    assert listener.told == Greeting(MemberInfo("a", 7, *PLACES), 5)


def test_a_greeting_may_end_after_the_names():
    listener = conversation("b")
    listener._doorkeeper.members["a"] = 0
    listener.receive_data(frame(MAGIC, VERSION, "one", "a", "b"))
    assert listener.told == Greeting(MemberInfo("a"))


def test_who_is_turned_away_hears_from_whom_and_why():
    dialler, listener = conversation("a", "b", number=8), conversation("b")
    with pytest.raises(TurnedAway) as refused:
        listener.receive_data(dialler.greeting("b"))
    assert listener.peer is None
    assert dialler.receive_data(refused.value.farewell) == [Dismissal(5, "a is not wanted")]
    assert dialler.peer == "b"


def test_who_dialled_turns_away_without_a_second_greeting():
    dialler, listener = conversation("a", "b"), conversation("b", number=8)
    assert listener.receive_data(dialler.greeting("b")) == []
    with pytest.raises(TurnedAway) as refused:
        dialler.receive_data(listener.greeting("a"))
    assert listener.receive_data(refused.value.farewell) == [Dismissal(5, "b is not wanted")]


def test_a_link_that_stands_is_looked_at_again_when_the_membership_changes():
    listener = conversation("b")
    assert listener.refusal() is None
    listener.receive_data(conversation("a", "b").greeting("b"))
    assert listener.refusal() is None
    del listener._doorkeeper.members["a"]
    assert listener.refusal() == Dismissal(5, "a is not wanted")


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
