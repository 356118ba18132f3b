"""The server's side of a ZooKeeper connection, with a real replica behind it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc.base import limits
from coordsvc.base.vocabulary import codes, ops
from coordsvc.protocols.zookeeper import numbers, records
from coordsvc.protocols.zookeeper.jute import FRAME_BYTES_MAX, Reader, pack_buffer, pack_frame
from coordsvc.state import foreign
from coordsvc.state.commands import parse, read_entry
from coordsvc.state.events import Event

ANY_OP = [*numbers.OP_NAMES, -10, 20, 0, 99]


# From the beginning to the end.


def test_requests_may_follow_the_greeting_at_once(stranger):
    stranger.greet()
    stranger.send(numbers.PING, xid=-2)
    stranger.send(numbers.CREATE, records.pack_create(records.Create("/a", b"", None, 0, 0), 1))
    first, *rest = stranger.frames()
    assert len(first) == 37
    assert len(rest) == 2


def test_a_flood_before_the_session_stands_is_cut(stranger):
    stranger.greet()
    for _ in range(5):
        stranger.raw(pack_frame(bytes(FRAME_BYTES_MAX)))
    assert stranger.talk.closed


def test_a_write_behind_the_move_of_its_session_is_not_applied(house, guest):
    """As if the old connection were on another server, which does not know yet."""
    house.replica.desk.attached.pop(guest.session)
    house.replica.enter(
        type(guest)(house).talk, ops.ATTACH_SESSION, guest.session, guest.password, 9_000, "x:1", 0
    )
    house.turn()
    house.replica.desk.attached[guest.session] = guest.talk
    guest.send(numbers.CREATE, records.pack_create(records.Create("/late", b"", None, 0, 0), 1))
    guest.send(
        numbers.CREATE,
        records.pack_create(
            records.Create("/late", b"", [records.AclEntry(31, "world", "anyone")], 0, 0), 1
        ),
    )
    answers = guest.hear()
    assert [answer.error for answer in answers] == [numbers.INVALID_ACL]
    assert guest.talk.closed
    assert "/late" not in house.machine.tree.nodes


def test_closing_takes_the_ephemerals_along(house, guest):
    guest.create("/e", flags=numbers.EPHEMERAL)
    witness = house.guest()
    witness.exists("/e", watch=True)
    answer = guest.ask(numbers.CLOSE_SESSION)
    assert (answer.error, answer.body) == (0, b"")
    assert guest.talk.closed
    assert [each.event for each in witness.hear()] == [(numbers.NODE_DELETED, "/e")]
    assert guest.session not in house.machine.sessions.by_id


def test_a_silent_session_expires_and_its_connection_is_closed(house, guest):
    keeper = house.guest()
    for _ in range(12):
        house.pass_time(1_000)
        keeper.ask(numbers.PING, xid=-2)
    assert guest.session not in house.machine.sessions.by_id
    assert guest.talk.closed
    assert keeper.session in house.machine.sessions.by_id
    assert not keeper.talk.is_silent(house.now)
    assert keeper.talk.is_silent(house.now + 10_001)


# Order.


def test_replies_come_in_the_order_of_the_requests_also_those_of_reads(guest):
    xids = [
        guest.send(numbers.CREATE, CREATE_A),
        guest.send(numbers.GET_DATA, records.pack_path_watch("/a", False)),
        guest.send(numbers.SET_DATA, records.pack_set_data("/a", b"2", 0)),
        guest.send(numbers.GET_DATA, records.pack_path_watch("/a", False)),
        guest.send(numbers.CREATE, b"short"),
        guest.send(numbers.SYNC, b"\0\0\0\2/a"),
        guest.send(numbers.DELETE, records.pack_path_version("/a", 1)),
        guest.send(numbers.EXISTS, records.pack_path_watch("/a", False)),
    ]
    answers = guest.hear()
    assert [answer.xid for answer in answers] == xids
    assert [answer.error for answer in answers] == [0, 0, 0, 0, -5, 0, 0, -101]
    assert answers[1].reader.read_buffer() == b"1"
    assert answers[3].reader.read_buffer() == b"2"
    assert answers[5].body == b"\0\0\0\2/a"
    zxids = [answer.zxid for answer in answers]
    assert zxids == sorted(zxids)


CREATE_A = records.pack_create(
    records.Create("/a", b"1", [records.AclEntry(31, "world", "anyone")], 0, 0), 1
)


def test_syncs_go_on_at_once_and_writes_wait_for_them(guest):
    guest.create("/a", b"1")
    path, read = b"\0\0\0\2/a", records.pack_path_watch("/a", False)
    xids = [
        guest.send(op, body)
        for op, body in (
            *2 * ((numbers.SYNC, path), (numbers.GET_DATA, read)),
            (numbers.SET_DATA, records.pack_set_data("/a", b"2", 0)),
            *2 * ((numbers.SYNC, path), (numbers.GET_DATA, read)),
        )
    ]
    assert [len(guest.talk._line), len(guest.talk._held)] == [4, 5]
    answers = guest.hear()
    assert [answer.xid for answer in answers] == xids
    assert [answer.error for answer in answers] == [0] * len(xids)
    assert [answers[at].reader.read_buffer() for at in (1, 3, 6, 8)] == [b"1", b"1", b"2", b"2"]
    assert guest.talk.tally.received == 1 + len(xids), "each counts once, however often it waits"


def test_a_ping_takes_its_place_and_has_its_own_xid(guest):
    guest.send(numbers.CREATE, CREATE_A)
    guest.send(numbers.PING, xid=77)
    assert [answer.xid for answer in guest.hear()] == [1, -2]


def test_an_event_comes_before_the_reply_to_the_write_that_caused_it(guest):
    guest.create("/a")
    guest.get("/a", watch=True)
    assert guest.set("/a", b"new").error == 0
    assert guest.events == [(numbers.NODE_DATA_CHANGED, "/a")]
    assert guest.set("/a", b"newer").error == 0
    assert guest.events == []


def test_who_is_only_told_of_events_waits_for_a_slice(house, guest):
    guest.create("/a")
    guest.get("/a", watch=True)
    house.guest().set("/a")
    assert list(house.hall.told) == [guest.talk]
    assert guest.talk not in house.hall.dirty
    guest.send(numbers.PING)
    assert guest.talk in house.hall.dirty
    assert [answer.xid for answer in guest.hear()] == [-1, -2]


def test_who_authenticates_behind_a_write_does_so_before_the_next(guest):
    guest.send(numbers.CREATE, CREATE_A)
    guest.send(numbers.AUTH, records.pack_auth("digest", b"u:p"), xid=-4)
    create = records.Create("/mine", b"", [records.AclEntry(31, "auth", "")], 0, 0)
    guest.send(numbers.CREATE, records.pack_create(create, 1))
    answers = guest.hear()
    assert [(answer.xid, answer.error) for answer in answers] == [(1, 0), (-4, 0), (2, 0)]


def test_very_many_writes_wait_for_one_another(guest):
    guest.create("/a")
    count = limits.REQUESTS_IN_FLIGHT_MAX + 500
    for _ in range(count):
        guest.send(numbers.SET_DATA, records.pack_set_data("/a", b"x", -1))
    answers = []
    while len(answers) < count:
        heard = guest.hear()
        assert heard
        answers += heard
    assert [answer.xid for answer in answers] == list(range(2, count + 2))
    assert answers[-1].stat.version == count


def test_large_writes_make_it_stop_reading_until_they_are_done(guest):
    data = bytes(1_000_000)
    body = pack_frame(
        records.pack_request_header(1, numbers.SET_DATA) + records.pack_set_data("/", data, -1)
    )
    for _ in range(20):
        guest.raw(body)
    assert guest.talk.clogged
    answers = []
    while len(answers) < 20:
        answers += guest.hear()
    assert not guest.talk.clogged
    assert len(guest.talk.pending) == 0


def test_large_reads_in_line_count_as_well(guest):
    guest.send(numbers.CREATE, CREATE_A)
    body = records.pack_set_watches(
        records.SetWatches(0, ["/" + "x" * 900_000], [], [], [], []), numbers.SET_WATCHES
    )
    for _ in range(30):
        guest.send(numbers.SET_WATCHES, body, xid=-8)
    assert guest.talk.clogged
    answers = []
    while len(answers) < 31:
        answers += [answer for answer in guest.hear() if answer.xid != -1]
    assert not guest.talk.clogged


# What is wrong.


@pytest.mark.parametrize("op", [-10, 0, 20, 55])
def test_an_unknown_operation_is_refused_and_ends_it(guest, op):
    guest.send(numbers.CREATE, CREATE_A)
    guest.send(op)
    guest.send(numbers.PING, xid=-2)
    assert [answer.error for answer in guest.hear()] == [0, numbers.UNIMPLEMENTED]
    assert guest.talk.closed


@pytest.mark.parametrize("length", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\x10\0\0"])
def test_an_absurd_length_ends_it_without_a_word(guest, length):
    guest.raw(length)
    assert guest.frames() == []
    assert guest.talk.closed


def test_a_frame_without_a_header_ends_it(guest):
    guest.raw(pack_frame(b"123"))
    assert guest.talk.closed


@pytest.mark.parametrize("op", sorted(set(numbers.OP_NAMES) - {11, 16, 102, 107, -11}))
def test_a_body_that_is_too_short_is_told_so_and_life_goes_on(guest, op):
    assert guest.ask(op, b"\0\0").error == numbers.MARSHALLING_ERROR
    assert guest.create("/a").error == 0


def test_bytes_behind_a_request_are_ignored(guest):
    assert guest.ask(numbers.CREATE, CREATE_A + b"more").error == 0


def test_a_wrong_secret_is_refused_and_ends_it(guest):
    answer = guest.auth(b"x", scheme="kerberos")
    assert (answer.xid, answer.zxid, answer.error) == (-4, 0, numbers.AUTH_FAILED)
    assert guest.talk.closed


def test_growth_is_refused_while_a_disk_is_full_and_deletes_go_on(house, guest):
    guest.create("/a")
    house.replica.health.room.told("b", full=True)
    assert guest.set("/a", b"more").error == numbers.SYSTEM_ERROR
    delete = (numbers.DELETE, records.pack_path_version("/a", -1))
    assert guest.multi(delete, (numbers.SET_DATA, b"\0\0\0\1/" * 2 + b"\0" * 4)).error
    assert guest.multi(delete).error == 0


def test_one_that_does_not_read_is_cut_off(house, guest):
    guest.create("/a")
    guest.get("/a", watch=True)
    guest.talk.congested(True)
    house.guest().set("/a", b"1")
    assert guest.talk.closed
    assert not house.replica.watches.paths


@pytest.mark.parametrize("call", ["refused", "read_refused", "watch_lost"])
def test_what_cannot_be_gone_on_with_ends_it(guest, call):
    getattr(guest.talk, call)(1, codes.OVERLOADED, 5)
    assert guest.talk.closed
    guest.talk.notify(1, Event(1, "/a", 1, (), None))
    guest.talk.serve(object())
    guest.raw(b"anything")
    assert guest.frames() == []


def test_what_means_nothing_to_it_is_ignored(guest):
    guest.talk.leader_changed("b", 3)
    guest.talk.lock_changed(None, 1)
    assert guest.frames() == []


bodies = st.binary(max_size=40) | st.builds(
    lambda path, rest: pack_buffer(path) + rest,
    st.sampled_from([b"/", b"/a", b"/zookeeper/config", b"a", b"\xff", b"/\0"]),
    st.binary(max_size=30),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(ANY_OP), bodies), max_size=8), st.integers(1, 40))
def test_any_request_gets_an_answer_and_whatever_is_logged_can_be_applied(
    make_house, requests, cut
):
    house = make_house()
    guest = house.guest()
    before = house.replica.applied
    stream = b"".join(
        pack_frame(records.pack_request_header(xid, op) + body)
        for xid, (op, body) in enumerate(requests, 1)
    )
    for at in range(0, len(stream), cut):
        guest.raw(stream[at : at + cut])
    answered = [answer for answer in guest.hear() if answer.xid != -1]
    assert guest.talk.closed or len(answered) == len(requests)
    for _term, kind, _stamp, data in house.replica.raft.entries(before + 1, house.replica.applied):
        if kind:
            session, _, _, request = read_entry(data)
            read = foreign.parse if request[0] in ops.FOREIGN else parse
            read(request, internal=session == 0)  # raises if it could not be applied


@settings(deadline=None, max_examples=150)
@given(st.lists(st.binary(max_size=30), max_size=5), st.booleans())
def test_random_bytes_cost_the_connection_at_most(make_house, pieces, greeted):
    house = make_house()
    guest = house.guest() if greeted else house.guest(timeout=1)
    for piece in pieces:
        guest.raw(piece)
    house.turn()
    assert house.guest().session


def test_a_native_stat_is_zookeepers(guest, house):
    guest.create("/p")
    guest.create("/p/q", b"12", flags=numbers.EPHEMERAL)
    stat = guest.exists("/p/q").stat
    native = house.machine.tree.nodes["/p/q"]
    assert stat == records.Stat(
        native.czxid, native.mzxid, native.ctime, native.mtime, 0, 0, 0, guest.session, 2, 0,
        native.pzxid,
    )  # fmt: skip
    assert Reader(guest.children("/p").body).read_vector(Reader.read_text) == ["q"]


def test_the_longest_request_can_be_set(house):
    house.hall.frame_bytes_max = 100
    guest = house.guest()
    guest.send(numbers.EXISTS, records.pack_path_watch("/" + "a" * 60, False))
    (answer,) = guest.hear()
    assert answer.error == numbers.NO_NODE
    guest.send(numbers.EXISTS, records.pack_path_watch("/" + "a" * 90, False))
    assert guest.hear() == []
    assert guest.talk.closed


# Bounds.


@pytest.mark.parametrize("count", [2**31, 2**32 + 6])
def test_counts_beyond_32_bits_wrap_as_zookeepers_do(house, guest, count):
    """After so many writes of one node, or children of one parent, the node must go on."""
    guest.create("/a", b"1")
    guest.create("/a/b")
    node = house.machine.tree.nodes["/a"]
    node.version, node.creates = count, count // 2 + 1
    wrapped = (count + 2**31) % 2**32 - 2**31
    for answer in (guest.get("/a"), guest.get("/a", watch=True), guest.exists("/a")):
        assert (answer.error, answer.stat.version) == (0, wrapped)
    assert guest.set("/a", b"2").stat.version == wrapped + 1
    assert guest.children("/a").stat.cversion == (count + 2 - 1 + 2**31) % 2**32 - 2**31
    assert guest.set("/a", b"3", version=wrapped + 1).error == (0 if count < 2**32 else -103)


def test_answers_wait_with_their_requests_while_much_is_unsent(house, guest):
    """However much is asked for in one go, only so much is in memory."""
    guest.create("/a", bytes(1_000_000))
    read = records.pack_path_watch("/a", False)
    guest.set("/a", bytes(1_000_000))
    guest.send(numbers.SET_DATA, records.pack_set_data("/a", bytes(1_000_000), -1))
    xids = [guest.send(numbers.GET_DATA, read) for _ in range(100)]
    xids.append(guest.send(numbers.SET_DATA, records.pack_set_data("/a", b"2", -1)))
    xids += [guest.send(numbers.GET_DATA, read) for _ in range(100)]
    answers, most = [], 0
    while heard := guest.hear():
        answers += heard
        most = max(most, sum(len(each.body) for each in heard))
    assert [each.xid for each in answers][1:] == xids
    assert all(each.error == 0 for each in answers)
    assert most <= limits.OUTBOX_BYTES_MAX + 2_000_000


def test_a_client_that_does_not_read_gets_nothing_more_until_it_does(guest):
    guest.create("/a", bytes(1_000))
    guest.talk.congested(True)
    xid = guest.send(numbers.GET_DATA, records.pack_path_watch("/a", False))
    assert guest.hear() == []
    guest.talk.congested(False)
    assert [each.xid for each in guest.hear()] == [xid]
