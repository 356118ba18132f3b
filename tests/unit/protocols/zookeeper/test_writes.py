"""Writes, one operation at a time."""

import pytest

from coordsvc.base import limits
from coordsvc.base.vocabulary import ops
from coordsvc.protocols.zookeeper import numbers, records, writes
from coordsvc.protocols.zookeeper.identity import digest_of
from coordsvc.protocols.zookeeper.jute import JuteError, Reader
from coordsvc.replica.codec import command_prefix

WORLD = [records.AclEntry(31, "world", "anyone")]
SEQUENTIAL, EPHEMERAL = numbers.PERSISTENT_SEQUENTIAL, numbers.EPHEMERAL


def test_a_create_answers_its_path_and_create2_its_stat_too(guest):
    assert Reader(guest.create("/a").body).read_text() == "/a"
    answer = guest.create("/b", b"123", op=numbers.CREATE2)
    assert Reader(answer.body).read_text() == "/b"
    assert (answer.stat.czxid, answer.stat.data_length) == (answer.zxid, 3)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"path": "/a"}, -110),
        ({"path": "/"}, -110),
        ({"path": "/x/y"}, -101),
        ({"path": "/a/../b"}, -101),
        ({"path": "x"}, -8),
        ({"path": None}, -5),
        ({"path": "/x\0"}, -8),
        ({"path": "/x/"}, -101),
        ({"path": "/x\U0001f600"}, -8),
        ({"path": "/e/c"}, -108),
        ({"path": "/n", "flags": 7}, -8),
        ({"path": "/n", "flags": 5}, -8),
        ({"path": "/n", "flags": 5, "op": 19}, -8),
        ({"path": "/n", "flags": 5, "op": 21, "ttl": 0}, -8),
        ({"path": "/n", "flags": 5, "op": 21, "ttl": 2**40}, -8),
        ({"path": "/n", "flags": 0, "op": 21, "ttl": 5}, -8),
        ({"path": "/n", "acl": []}, -114),
        ({"path": "/n", "acl": None}, -114),
        ({"path": "/x/y", "acl": []}, -114),
        ({"path": "/n", "acl": [records.AclEntry(31, "auth", "")]}, -114),
        ({"path": "/n", "acl": [records.AclEntry(31, None, None)]}, -114),
    ],
)
def test_what_cannot_be_created(guest, options, error):
    guest.create("/a")
    guest.create("/e", flags=EPHEMERAL)
    assert guest.create(**options).error == error


@pytest.mark.parametrize(
    ("op", "flags", "ttl", "lives"),
    [(1, 4, 0, True), (19, 0, 0, False), (21, 5, 1_000, False), (21, 6, 1_000, False)],
)
def test_containers_and_ttl_nodes_go_when_empty(house, guest, op, flags, ttl, lives):
    answer = guest.create("/c", op=op, flags=flags, ttl=ttl)
    path = Reader(answer.body).read_text()
    assert guest.exists(path).stat.ephemeral_owner == 0
    guest.create(path + "/child")
    guest.delete(path + "/child")
    house.pass_time(limits.CONTAINER_IDLE_MS + 500)
    assert (path in house.machine.tree.nodes) is lives


def test_sequence_numbers_count_all_creates(guest):
    guest.create("/s")
    guest.create("/s/plain")
    guest.delete("/s/plain")
    names = [
        Reader(guest.create(path, flags=SEQUENTIAL).body).read_text() for path in ("/s/n-", "/s/")
    ]
    assert names == ["/s/n-0000000001", "/s/0000000002"]


def test_set_and_delete_ask_for_the_version(guest):
    guest.create("/a", None)
    assert guest.set("/a", b"1", 0).stat.version == 1
    assert guest.set("/a", b"1", 0).error == -103
    assert guest.set("/none").error == -101
    assert guest.set("bad").error == -8
    assert guest.delete("/a", 0).error == -103
    guest.create("/a/b")
    assert guest.delete("/a").error == -111
    assert guest.delete("/a/b").error == 0
    assert guest.delete("/zookeeper").error == -8


def test_null_and_empty_data_stay_apart(guest):
    guest.create("/null", None)
    guest.create("/empty", b"")
    assert guest.get("/null").reader.read_buffer() is None
    assert guest.get("/empty").reader.read_buffer() == b""


def set_acl(path, entries, version=-1):
    return numbers.SET_ACL, records.pack_set_acl(path, entries, version)


def test_acls_are_set_and_asked_for_by_version(guest):
    guest.create("/a")
    guest.auth(b"u:p")
    mine = [records.AclEntry(31, "auth", "")]
    answer = guest.ask(*set_acl("/a", mine, 0))
    assert (answer.stat.aversion, answer.stat.version) == (1, 0)
    assert guest.ask(*set_acl("/a", mine, 0)).error == -103
    assert guest.ask(*set_acl("/a", [])).error == -114
    assert guest.ask(*set_acl("/none", mine)).error == -101


def test_a_guarded_node_is_for_its_owner_alone(house, guest):
    guest.auth(b"u:p")
    guest.create("/mine", b"1", acl=[records.AclEntry(31, "auth", "")])
    other = house.guest()
    assert other.get("/mine").error == -102
    assert other.exists("/mine").error == -102
    assert other.set("/mine").error == -102
    assert other.create("/mine/c").error == -102
    assert guest.create("/mine/c").error == 0
    assert other.delete("/mine/c").error == -102
    other.auth(b"u:p")
    assert other.get("/mine").reader.read_buffer() == b"1"
    assert other.delete("/mine/c").error == 0


def test_whoever_is_super_may_do_everything(house, guest):
    guest.auth(b"u:p")
    guest.create("/mine", acl=[records.AclEntry(0, "auth", "")])
    house.hall.super_digest = "root:" + "x"
    boss = house.guest()
    boss.auth(b"root:y")
    assert boss.get("/mine").error == -102
    house.hall.super_digest = digest_of(b"root:y")
    boss.auth(b"root:y")
    assert boss.get("/mine").error == 0
    assert boss.set("/zookeeper/config").error == 0


# Multi.


def create(path, data=b"", op=numbers.CREATE, acl=WORLD, flags=0):
    return op, records.pack_create(records.Create(path, data, acl, flags, 0), op)


def put(path, data=b"", version=-1):
    return numbers.SET_DATA, records.pack_set_data(path, data, version)


def remove(path, version=-1):
    return numbers.DELETE, records.pack_path_version(path, version)


def check(path, version=-1):
    return numbers.CHECK, records.pack_path_version(path, version)


def results(answer):
    """Return (type, error, result) of each operation."""
    reader, found = answer.reader, []
    while True:
        kind, done, error = reader.read_int(), reader.read_bool(), reader.read_int()
        if done:
            assert (kind, error, reader.left()) == (-1, -1, 0)
            return found
        result = None
        if kind in (1, 15):
            result = reader.read_text()
        if kind in (15, 5):
            result = (result, records.read_stat(reader).version)
        if kind == -1:
            assert reader.read_int() == error
        found.append((kind, error, result))


def test_a_multi_answers_each_operation_and_takes_one_zxid(guest):
    answer = guest.multi(
        create("/a", b"1"), create("/a/s-", op=15, flags=2), put("/a", b"2", 0), check("/a", 1),
        remove("/a/s-0000000000"), create("/c", op=19),
    )  # fmt: skip
    assert answer.error == 0
    assert results(answer) == [
        (1, 0, "/a"),
        (15, 0, ("/a/s-0000000000", 0)),
        (5, 0, (None, 1)),
        (13, 0, None),
        (2, 0, None),
        (15, 0, ("/c", 0)),
    ]
    assert guest.exists("/a").stat.mzxid == guest.exists("/c").stat.czxid == answer.zxid


@pytest.mark.parametrize(
    ("culprit", "error"),
    [
        (check("/a", 7), -103),
        (create("/b", acl=[]), -114),
        (create("/b", flags=9), -8),
        (put("bad"), -8),
        (remove("/none"), -101),
        ((5, records.pack_set_data("/", b"", -1).replace(b"\0\0\0\1/", b"\xff" * 4)), -8),
    ],
)
def test_a_multi_that_fails_names_the_culprit_and_changes_nothing(guest, culprit, error):
    guest.create("/a")
    guest.get("/a", watch=True)
    before = guest.exists("/").stat
    answer = guest.multi(put("/a", b"x"), create("/n"), culprit, remove("/a"))
    assert answer.error == 0
    assert results(answer) == [(-1, 0, None), (-1, 0, None), (-1, error, None), (-1, -2, None)]
    assert guest.events == []
    assert guest.exists("/").stat == before
    assert guest.exists("/a").stat.version == 0


def test_an_empty_multi_has_only_its_end(guest):
    assert results(guest.multi()) == []


@pytest.mark.parametrize("op", [4, 7, 14, 16, -11, 99])
def test_what_has_no_place_in_a_multi_is_refused_as_a_whole(guest, op):
    assert guest.multi((op, b"\0\0\0\1/" + bytes(20))).error == numbers.MARSHALLING_ERROR


def test_a_multi_without_its_end_is_cut_short():
    body = records.pack_multi_header(2, done=False, error=-1) + remove("/a")[1]
    with pytest.raises(JuteError):
        writes.multi_of(Reader(body), ())


def test_events_of_a_multi_come_in_its_order(guest):
    guest.create("/a")
    for path in ("/a", "/n"):
        guest.exists(path, watch=True)
    guest.children("/", watch=True)
    guest.multi(put("/a"), create("/n"), remove("/a"))
    assert guest.events == [
        (numbers.NODE_DATA_CHANGED, "/a"),
        (numbers.NODE_CREATED, "/n"),
        (numbers.NODE_CHILDREN_CHANGED, "/"),
    ]


def test_a_node_with_a_native_lock_is_not_empty(house, guest):
    guest.create("/l")
    house.replica.administer(ops.OPEN_SESSION, [b"p" * 16, 9_000, "", ""], lambda _applied: None)
    house.turn()
    holder = house.machine.revision
    house.replica.desk.outgoing.append(
        command_prefix(holder) + writes.pack([ops.ACQUIRE, 1, 1, "/l", False, True, 0, ""])
    )
    house.turn()
    assert guest.delete("/l").error == numbers.NOT_EMPTY
