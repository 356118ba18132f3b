"""Messages between replicas as bytes."""

import contextlib
from typing import get_args

import msgpack
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from coordsvc.base.errors import RemoteProtocolError
from coordsvc.protocols.peer import codec
from coordsvc.raft import messages as raft
from coordsvc.replica import messages
from coordsvc.replica.codec import EntryEncoder

numbers = st.integers(0, 2**63 - 1)
flags = st.booleans()
names = st.tuples(st.text(max_size=5))
sessions = st.lists(numbers, max_size=4)
entries = st.lists(
    st.builds(raft.Entry, numbers, st.integers(0, 2), numbers, st.binary(max_size=9)), max_size=4
)
infos = st.builds(
    raft.MemberInfo,
    *(st.text(max_size=5), numbers, st.text(max_size=5), st.text(max_size=5)),
    *(st.text(max_size=5), flags, st.text(max_size=5)),
)
memberships = st.builds(
    raft.Membership, names, names, names, st.lists(infos, max_size=2).map(tuple)
)
metas = st.builds(raft.SnapshotMeta, numbers, numbers, memberships, numbers)
kinds = [
    st.builds(raft.AppendRequest, numbers, numbers, numbers, numbers, entries),
    st.builds(raft.AppendReply, numbers, flags, numbers, numbers, numbers),
    st.builds(raft.Heartbeat, numbers, numbers, numbers),
    st.builds(raft.HeartbeatReply, numbers, numbers),
    st.builds(raft.VoteRequest, numbers, flags, numbers, numbers, flags),
    st.builds(raft.VoteReply, numbers, flags, flags),
    st.builds(raft.TimeoutNow, numbers),
    st.builds(raft.SnapshotOffer, numbers, metas),
    st.builds(messages.Forward, numbers, sessions, st.lists(st.binary(max_size=9), max_size=4)),
    st.builds(messages.ReadIndexRequest, numbers, sessions),
    st.builds(messages.ReadIndexReply, numbers, numbers, sessions),
    st.builds(messages.SnapshotChunk, numbers, metas, numbers, numbers, st.binary(max_size=9)),
    st.builds(messages.SnapshotAck, numbers, numbers),
    st.builds(messages.DiskAlarm, flags),
    st.builds(messages.DigestQuery, numbers),
    st.builds(messages.DigestReply, numbers, numbers),
    st.builds(messages.Rebuild, numbers, numbers),
    st.builds(messages.RebuildRequest, numbers),
    st.builds(
        messages.MembersRequest,
        *(numbers, numbers, st.integers(-1, 9), st.lists(infos, max_size=2)),
        *(names.map(list), names.map(list)),
    ),
    st.builds(
        messages.MembersReply,
        *(numbers, st.sampled_from(["", "bad_version"]), st.text(max_size=5), numbers),
    ),
    st.builds(messages.Dismissal, numbers, st.text(max_size=5)),
    st.builds(messages.Versions, numbers, numbers),
]


def test_a_fault_that_nobody_knows_is_not_taken():
    body = msgpack.packb([20, 1, "no_such_fault", "", 0])
    with pytest.raises(RemoteProtocolError, match="no_such_fault"):
        codec.decode(body)


def test_the_strategies_know_every_kind():
    known = {type(find(kind, lambda _: True)) for kind in kinds}
    assert known == set(get_args(messages.PeerMessage))
    assert len(kinds) == len(known) == len(codec._MAKERS) == len(codec._SHAPES)


@pytest.mark.parametrize("kind", kinds)
def test_every_message_comes_back_as_it_was(kind):
    @settings(max_examples=15, deadline=None)
    @given(kind)
    def round_trip(message):
        frame = codec.encode(message, EntryEncoder())
        assert int.from_bytes(frame[:4], "big") == len(frame) - 4
        assert codec.decode(frame[4:]) == message

    round_trip()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_random_bytes_are_a_fault_of_the_other_side(body):
    with contextlib.suppress(RemoteProtocolError):
        codec.decode(body)


leaves = st.none() | flags | numbers | st.text(max_size=3) | st.binary(max_size=6) | st.floats()
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=5), max_leaves=12)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 19), st.lists(values, max_size=6))
def test_messages_of_a_wrong_shape_are_a_fault_of_the_other_side(kind, fields):
    with contextlib.suppress(RemoteProtocolError):
        codec.decode(msgpack.packb([kind, *fields]))


@pytest.mark.parametrize(
    "message",
    [
        [3, "term", 0, 0],
        [3, 1, 0],
        [6, 1, 1, 1],
        [9, 1, [1], ["text"]],
        [10, 1, ["a"]],
        [11, 1, 2, [None]],
        [8, 1, [1, 2, 3, 4]],
    ],
)
def test_a_field_of_a_wrong_type_is_refused(message):
    with pytest.raises(RemoteProtocolError):
        codec.decode(msgpack.packb(message))


@pytest.mark.parametrize("body", [b"", b"\x90", b"\x91\x63", b"\xc1", b"\x05", b"\x80"])
def test_what_is_no_message_is_refused(body):
    with pytest.raises(RemoteProtocolError):
        codec.decode(body)
