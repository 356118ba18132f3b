"""Jute: every value survives, and what is none is told so."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordsvc.protocols.zookeeper import jute
from coordsvc.protocols.zookeeper.jute import FrameLengthError, FrameSplitter, JuteError, Reader

READERS = [
    Reader.read_int,
    Reader.read_long,
    Reader.read_bool,
    Reader.read_buffer,
    Reader.read_string,
    Reader.read_text,
    lambda reader: reader.read_vector(Reader.read_string),
]


@given(st.binary(max_size=40) | st.none())
def test_null_and_empty_buffers_stay_apart(data):
    reader = Reader(jute.pack_buffer(data) + b"!")
    assert reader.read_buffer() == data
    assert reader.left() == 1


@given(st.text(max_size=20) | st.none())
def test_strings_come_back(text):
    assert Reader(jute.pack_string(text)).read_string() == text


@given(st.lists(st.text(max_size=5), max_size=5) | st.none())
def test_vectors_come_back(items):
    packed = None if items is None else [jute.pack_string(item) for item in items]
    assert Reader(jute.pack_vector(packed)).read_vector(Reader.read_text) == items


@given(st.booleans())
def test_bools_come_back(value):
    assert Reader(jute.pack_bool(value)).read_bool() is value


def test_numbers_are_signed_and_big_endian():
    reader = Reader(bytes.fromhex("fffffffe 0000000000000102"))
    assert (reader.read_int(), reader.read_long()) == (-2, 258)


def test_what_is_not_utf8_becomes_the_replacement_character():
    assert Reader(b"\0\0\0\1\xff").read_string() == "�"


def test_a_text_is_not_null():
    with pytest.raises(JuteError):
        Reader(jute.NULL).read_text()


@pytest.mark.parametrize("read", READERS)
@given(data=st.binary(max_size=24))
def test_any_bytes_give_a_value_or_a_jute_error(read, data):
    reader = Reader(data)
    try:
        read(reader)
    except JuteError:
        pass
    else:
        assert 0 < reader.at <= len(data)


@pytest.mark.parametrize("size", [b"\x7f\xff\xff\xff", b"\xff\xff\xff\xfe"])
def test_absurd_lengths_are_refused(size):
    with pytest.raises(JuteError):
        Reader(size + b"ab").read_buffer()
    with pytest.raises(JuteError):
        Reader(size + b"ab").read_vector(Reader.read_bool)


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=6), st.lists(st.integers(0, 80)))
def test_frames_come_out_however_they_were_cut(bodies, cuts):
    stream = b"".join(map(jute.pack_frame, bodies))
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    splitter = FrameSplitter()
    found = []
    for start, stop in itertools.pairwise(places):
        found += splitter.split(stream[start:stop])
    assert found == bodies


@pytest.mark.parametrize("size", [0, -1, jute.FRAME_BYTES_MAX + 1, 2**31 - 1])
def test_a_frame_of_no_or_too_many_bytes_ends_it(size):
    with pytest.raises(FrameLengthError):
        FrameSplitter().split(jute.INT.pack(size))


def test_the_largest_frame_passes():
    body = bytes(jute.FRAME_BYTES_MAX)
    assert FrameSplitter().split(jute.pack_frame(body)) == [body]
