"""Reads, one operation at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordsvc.protocols.zookeeper import numbers, records
from coordsvc.protocols.zookeeper.jute import JuteError, Reader, pack_string
from coordsvc.protocols.zookeeper.reads import path_and_watch

HEADER = bytes(8)


@given(st.text(max_size=9), st.booleans())
def test_a_path_and_its_flag_come_back(path, watch):
    assert path_and_watch(HEADER + records.pack_path_watch(path, watch)) == (path, watch)


@pytest.mark.parametrize(
    "body", [b"", b"\0\0\0\2/a", b"\0\0\0\2/", b"\xff\xff\xff\xfe\0\0", b"\xff\xff\xff\xff\1"]
)
def test_a_path_cut_short_or_null_is_told(body):
    with pytest.raises(JuteError):
        path_and_watch(HEADER + body)


@pytest.mark.parametrize("path", ["/none", "odd", "", "/a/"])
def test_an_odd_path_is_simply_no_node(guest, path):
    guest.create("/a")
    for answer in (guest.get(path), guest.exists(path), guest.children(path)):
        assert (answer.error, answer.body) == (numbers.NO_NODE, b"")


def test_children_are_names(guest):
    for path in ("/a", "/a/b", "/a/c", "/a/b/d"):
        guest.create(path)
    assert sorted(Reader(guest.children("/a").body).read_vector(Reader.read_text)) == ["b", "c"]
    root = guest.ask(numbers.GET_CHILDREN, records.pack_path_watch("/", False))
    assert sorted(root.reader.read_vector(Reader.read_text)) == ["a", "zookeeper"]
    assert root.reader.left() == 0
    below = guest.ask(numbers.GET_ALL_CHILDREN_NUMBER, pack_string("/a"))
    assert below.reader.read_int() == 3


def test_a_check_by_itself_is_answered(guest):
    guest.create("/a")
    for path, version, error in (("/a", 0, 0), ("/a", -1, 0), ("/a", 3, -103), ("/b", 0, -101)):
        answer = guest.ask(numbers.CHECK, records.pack_path_version(path, version))
        assert (answer.error, answer.body) == (error, b"")


def test_ephemerals_of_the_session_by_prefix(house, guest):
    for path in ("/ab", "/abc", "/b"):
        guest.create(path, flags=numbers.EPHEMERAL)
    house.guest().create("/abd", flags=numbers.EPHEMERAL)

    def listed(prefix):
        answer = guest.ask(numbers.GET_EPHEMERALS, pack_string(prefix))
        return answer.reader.read_vector(Reader.read_text)

    assert listed("/") == listed("") == listed(None) == ["/ab", "/abc", "/b"]
    assert listed("/ab") == ["/ab", "/abc"]


def test_who_am_i(guest):
    guest.auth(b"u:p")
    reader = guest.ask(numbers.WHO_AM_I).reader
    assert [(reader.read_text(), reader.read_text()) for _ in range(reader.read_int())] == [
        ("ip", "10.0.0.1"),
        ("digest", "u"),
    ]


def get_acl(guest, path):
    answer = guest.ask(numbers.GET_ACL, pack_string(path))
    if answer.error:
        return answer.error
    entries = records.read_acl(answer.reader)
    assert answer.reader.left() == 68
    return [(entry.perms, entry.scheme, entry.id) for entry in entries]


def test_get_acl_hides_hashes_from_who_is_not_admin(house, guest):
    guest.auth(b"u:p")
    guest.create("/open")
    guest.create(
        "/mine", acl=[records.AclEntry(31, "auth", ""), records.AclEntry(1, "world", "anyone")]
    )
    guest.create("/secret", acl=[records.AclEntry(31, "auth", "")])
    assert get_acl(guest, "/open") == [(31, "world", "anyone")]
    name = get_acl(guest, "/mine")[0][2]
    assert name.startswith("u:")
    assert name != "u:x"
    other = house.guest()
    assert get_acl(other, "/mine") == [(31, "digest", "u:x"), (1, "world", "anyone")]
    assert get_acl(other, "/secret") == numbers.NO_AUTH
    assert get_acl(other, "/none") == numbers.NO_NODE


def test_a_multi_read_answers_each_by_itself(guest):
    guest.create("/a", b"1")
    body = b"".join(
        records.pack_multi_header(op, done=False, error=-1) + records.pack_path_watch(path, False)
        for op, path in ((4, "/a"), (8, "/"), (4, "/none"))
    )
    reader = guest.ask(numbers.MULTI_READ, body + records.MULTI_END).reader
    assert (reader.read_int(), reader.read_bool(), reader.read_int()) == (4, False, 0)
    assert reader.read_buffer() == b"1"
    assert records.read_stat(reader).data_length == 1
    assert (reader.read_int(), reader.read_bool(), reader.read_int()) == (8, False, 0)
    assert sorted(reader.read_vector(Reader.read_text)) == ["a", "zookeeper"]
    assert (reader.read_int(), reader.read_bool(), reader.read_int()) == (-1, False, -101)
    assert reader.read_int() == -101
    wrong = records.pack_multi_header(3, done=False, error=-1) + b"\0\0\0\1/\0"
    assert guest.ask(numbers.MULTI_READ, wrong + records.MULTI_END).error == -5


def test_the_configuration_is_what_the_hall_says(house, guest):
    house.hall.config = lambda: b"server.1=..."
    answer = guest.get("/zookeeper/config")
    assert answer.reader.read_buffer() == b"server.1=..."
    assert (answer.stat.version, answer.stat.data_length) == (-1, 12)
