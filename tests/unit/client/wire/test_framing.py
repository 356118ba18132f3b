import contextlib
import itertools

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc_client.wire.framing import (
    FRAME_BYTES_MAX,
    HEADER_BYTES,
    FrameError,
    FrameSplitter,
    decode,
    encode_frame,
    frame_of_packed,
    pack,
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.text(max_size=20)
    | st.binary(max_size=40)
)
VALUES = st.lists(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4), max_leaves=12))


def chunks(data, cuts):
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


@settings(max_examples=150)
@given(st.lists(VALUES, max_size=5), st.lists(st.integers(0, 300), max_size=12))
def test_frames_survive_however_the_network_cuts_them(values, cuts):
    splitter = FrameSplitter()
    stream = b"".join(map(encode_frame, values))
    bodies = [body for chunk in chunks(stream, cuts) for body in splitter.split(chunk)]
    assert [decode(body) for body in bodies] == values


@given(VALUES)
def test_byte_for_byte_nothing_comes_before_the_frame_is_whole(value):
    splitter, frame = FrameSplitter(), encode_frame(value)
    for at in range(len(frame) - 1):
        assert splitter.split(frame[at : at + 1]) == []
    assert splitter.split(frame[-1:]) == [frame[HEADER_BYTES:]]


@given(VALUES)
def test_what_was_packed_one_by_one_is_the_same_frame(value):
    assert frame_of_packed([pack(item) for item in value]) == encode_frame(value)


def test_an_unfinished_frame_is_kept():
    splitter, frame = FrameSplitter(), encode_frame([1])
    assert splitter.is_empty
    splitter.split(frame + frame[:3])
    assert not splitter.is_empty
    splitter.split(frame[3:])
    assert splitter.is_empty


def test_a_frame_has_its_length_in_front():
    assert encode_frame([1, "a"]) == b"\0\0\0\4" + b"\x92\x01\xa1a"


def test_text_and_bytes_stay_apart():
    assert decode(pack(["a", b"a"])) == ["a", b"a"]


def test_sequences_become_lists():
    assert decode(pack((1, (2, 3)))) == [1, [2, 3]]


@pytest.mark.parametrize("size", [0, FRAME_BYTES_MAX + 1, 0xFFFFFFFF])
def test_a_length_out_of_bounds_is_refused_before_the_bytes_come(size):
    with pytest.raises(FrameError, match=f"a frame of {size} bytes"):
        FrameSplitter().split(size.to_bytes(4, "big"))


def test_the_largest_frame_passes_and_the_limit_can_be_set():
    splitter = FrameSplitter(frame_bytes_max=3)
    assert splitter.split(b"\0\0\0\3abc") == [b"abc"]
    with pytest.raises(FrameError):
        splitter.split(b"\0\0\0\4abcd")
    whole = bytes(FRAME_BYTES_MAX)
    assert FrameSplitter().split(FRAME_BYTES_MAX.to_bytes(4, "big") + whole) == [whole]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",  # never used
        pack(1) + pack(2),
        pack([1, 2])[:-1],
        b"\xa1\xff",  # no UTF-8
        b"\x91" * 5_000,
    ],
)
def test_what_is_not_exactly_one_value_is_refused(body):
    with pytest.raises(FrameError):
        decode(body)


@pytest.mark.parametrize("value", [{}, {"a": 1}, [1, [{"a": 1}]]])
def test_maps_are_refused_wherever_they_are(value):
    with pytest.raises(FrameError, match="maps"):
        decode(msgpack.packb(value))


def test_extensions_are_refused():
    with pytest.raises(FrameError, match="extensions"):
        decode(msgpack.packb([msgpack.ExtType(5, b"x")]))


def test_a_timestamp_is_nothing_that_the_protocol_knows():
    assert decode(msgpack.packb([msgpack.Timestamp(1, 0)])) == [msgpack.Timestamp(1, 0)]


@given(st.binary(max_size=60))
def test_noise_is_a_value_or_a_frame_error_and_nothing_else(noise):
    with contextlib.suppress(FrameError):
        decode(noise)
