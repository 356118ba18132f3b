"""Records come back from their bytes; the layouts are pinned by bytes a real client sent."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from coordsvc.protocols.zookeeper import numbers, records
from coordsvc.protocols.zookeeper.jute import JuteError, Reader

ints = st.integers(-(2**31), 2**31 - 1)
longs = st.integers(-(2**63), 2**63 - 1)
words = st.text(max_size=6)
entries = st.builds(records.AclEntry, ints, words | st.none(), words | st.none())
stats = st.builds(
    records.Stat, longs, longs, longs, longs, ints, ints, ints, longs, ints, ints, longs
)
paths = st.lists(words, max_size=3)


@given(st.lists(entries, max_size=4) | st.none())
def test_acls(acl):
    assert records.read_acl(Reader(records.pack_acl(acl))) == acl


@given(stats)
def test_stats(stat):
    packed = records.pack_stat(stat)
    assert len(packed) == 68
    assert records.read_stat(Reader(packed)) == stat


@given(
    st.builds(
        records.ConnectRequest,
        ints,
        longs,
        ints,
        longs,
        st.binary(max_size=16) | st.none(),
        st.booleans() | st.none(),
    )
)
def test_connect_requests(request):
    assert records.read_connect_request(Reader(records.pack_connect_request(request))) == request


@given(
    st.builds(
        records.ConnectResponse, ints, longs, st.binary(max_size=16), st.booleans() | st.none()
    )
)
def test_connect_responses(response):
    packed = records.pack_connect_response(response)
    assert records.read_connect_response(Reader(packed)) == response


def test_a_connect_response_has_37_bytes_and_36_for_old_clients():
    full = records.ConnectResponse(4_000, 1, bytes(16), False)
    old = records.ConnectResponse(4_000, 1, bytes(16), None)
    assert len(records.pack_connect_response(full)) == 37
    assert len(records.pack_connect_response(old)) == 36


@given(st.builds(records.SetWatches, longs, paths, paths, paths, paths, paths))
def test_set_watches(watches):
    for op in (numbers.SET_WATCHES, numbers.SET_WATCHES2):
        read = records.read_set_watches(Reader(records.pack_set_watches(watches, op)), op)
        assert (read.relative_zxid, read.data) == (watches.relative_zxid, watches.data)
        assert (read.exist, read.child) == (watches.exist, watches.child)
        kept = op == numbers.SET_WATCHES2
        assert read.persistent == (watches.persistent if kept else [])
        assert read.recursive == (watches.recursive if kept else [])


@given(st.sampled_from([1, 15, 19, 21]), words, st.binary(max_size=3) | st.none(), ints)
def test_creates(op, path, data, flags):
    acl = [records.AclEntry(31, "world", "anyone")]
    create = records.Create(path, data, acl, flags, 77 if op == 21 else 0)
    assert records.read_create(Reader(records.pack_create(create, op)), op) == create


def test_the_bytes_of_the_smaller_ones():
    assert records.pack_path_watch("/a", True) == b"\0\0\0\2/a\1"
    assert records.pack_path_version("/a", -1) == b"\0\0\0\2/a\xff\xff\xff\xff"
    assert records.pack_set_data("/a", None, 0) == b"\0\0\0\2/a\xff\xff\xff\xff\0\0\0\0"
    assert records.pack_set_acl("/a", None, 1) == b"\0\0\0\2/a\xff\xff\xff\xff\0\0\0\1"
    assert records.pack_auth("ip", b"") == b"\0\0\0\0\0\0\0\2ip\0\0\0\0"
    assert records.pack_request_header(7, 4) == b"\0\0\0\7\0\0\0\4"
    assert bytes.fromhex("ffffffff 01 ffffffff") == records.MULTI_END


def test_a_reply_header_and_an_event():
    reader = Reader(b"\0\0\0\1" + b"\0" * 7 + b"\x09" + b"\xff\xff\xff\x9b")
    assert records.read_reply_header(reader) == records.ReplyHeader(1, 9, -101)
    event = records.WatcherEvent(1, 3, "/a")
    assert records.read_watcher_event(Reader(records.pack_watcher_event(event))) == event


@given(st.binary(max_size=60))
def test_any_bytes_give_a_record_or_a_jute_error(data):
    for read in (
        records.read_acl,
        records.read_stat,
        records.read_connect_request,
        records.read_connect_response,
        records.read_watcher_event,
        lambda reader: records.read_set_watches(reader, 105),
        lambda reader: records.read_create(reader, 21),
    ):
        with contextlib.suppress(JuteError):
            read(Reader(data))
