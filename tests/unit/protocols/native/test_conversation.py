"""The server's side of a native connection, with a real replica behind it."""

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc.base import limits
from coordsvc.replica.codec import command_prefix
from coordsvc_client.wire import codes, ops
from coordsvc_client.wire.framing import encode_frame
from tests.unit.protocols.native.conftest import SERVERS, House


def test_a_greeting_opens_a_session(house):
    (welcome,) = house.guest().hello(timeout_ms=1)
    kind, session, password, timeout_ms, revision, node, leader, address, *more = welcome
    cluster, formerly, servers = more
    assert (formerly, servers) == ([], SERVERS)
    assert (kind, password, node, leader, cluster) == (ops.WELCOME, b"password", "a", "a", "one")
    assert session == revision
    assert timeout_ms == 1_000, "within the server's bounds"
    assert address == "a.example:1"


def test_requests_behind_the_greeting_are_carried_out_after_it(house):
    guest = house.guest()
    told = guest.hello(behind=[[ops.PUT, 1, 1, "/a", b"x", True, []], [ops.PING, 2, 0, 0]])
    assert sorted(each[0] for each in told) == [ops.WELCOME, 1, 2]
    assert told[0][0] == ops.WELCOME


def test_garbage_behind_the_greeting_costs_only_that_connection(house):
    guest, other = house.guest(), house.guest()
    greeting = encode_frame([ops.HELLO, ops.MAGIC, [1], 0, b"password", 1_000, 0, "me"])
    guest.talk.receive_data(greeting + b"\x00\x00\x00\x01\xc1", house.now)
    assert [each[0] for each in guest.hear()] == [ops.WELCOME, ops.GOODBYE]
    assert guest.talk.closed
    assert other.hello()[0][0] == ops.WELCOME


def test_what_may_wait_for_the_session_is_bounded():
    house = House(("a", "b"))  # nobody is elected, no session is opened
    guest = house.guest()
    guest.hello()
    guest.send(*([1] * (limits.REQUESTS_IN_FLIGHT_MAX + 1)))
    assert guest.talk.clogged, "nothing more is read"
    guest.send(*([1] * limits.REQUESTS_IN_FLIGHT_MAX))
    assert guest.hear()[-1][:2] == [ops.GOODBYE, codes.OVERLOADED]


def test_a_client_comes_back_however_much_it_has_under_way(house, guest):
    """It sends all of it behind its greeting, and would do so again and again."""
    session = guest.talk.session
    again = house.guest()
    again.send([ops.HELLO, ops.MAGIC, [1], session, b"password", 10_000, 0, "me"])
    assert not again.talk.clogged
    for number in range(1, 6):
        again.send([ops.PUT, number, 1, f"/{number}", bytes(1_000_000), True, []])
    assert again.talk.clogged
    told = again.hear()
    assert told[0][0] == ops.WELCOME
    assert [each[:2] for each in told[1:]] == [[number, codes.OK] for number in range(1, 6)]
    assert not again.talk.clogged


def test_a_connection_without_a_session_only_reads(house):
    guest = house.guest()
    assert guest.hello(session=ops.NO_SESSION, password=b"")[0][:2] == [ops.WELCOME, 0]
    guest.put("/a")
    guest.read(ops.STAT, "/")
    told = guest.hear()
    assert [each[:2] for each in told] == [[1, codes.SESSION_EXPIRED], [2, codes.OK]]


def test_a_session_is_taken_up_again(house, guest):
    session = guest.talk.session
    thief, owner, late = house.guest(), house.guest(), house.guest()
    assert thief.hello(session, b"guessed!")[0][:2] == [ops.GOODBYE, codes.BAD_PASSWORD]
    assert owner.hello(session)[0][:2] == [ops.WELCOME, session]
    assert guest.hear()[-1][:2] == [ops.GOODBYE, codes.SESSION_MOVED]
    assert late.hello(999)[0][:2] == [ops.GOODBYE, codes.SESSION_EXPIRED]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (encode_frame([1, 2, 3]), codes.BAD_FRAME),
        (encode_frame({"a": 1}), codes.BAD_FRAME),
        (b"GET / HTTP/1.1\r\n\r\n", codes.BAD_FRAME),
        (b"\x00\x00\x00\x00", codes.BAD_FRAME),
        (encode_frame([ops.HELLO, ops.MAGIC, [9], 0, b"password", 1, 0, ""]), codes.UNSUPPORTED),
    ],
)
def test_a_stranger_is_told_why_and_closed(house, data, code):
    guest = house.guest()
    guest.talk.receive_data(data, house.now)
    assert [each[:2] for each in guest.hear()] == [[ops.GOODBYE, code]]
    assert guest.talk.closed
    guest.talk.receive_data(data, house.now)
    assert guest.hear() == []


@pytest.mark.parametrize(
    "request_", [5, [], [1, 2], ["get", 1, 1], [32, "1", 0], [32, 0, 0], [32, -5, 0], [True, 1, 1]]
)
def test_what_is_no_request_ends_the_connection(guest, request_):
    guest.send(request_)
    assert guest.hear()[-1][:2] == [ops.GOODBYE, codes.BAD_FRAME]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ([99, 1, 1], codes.UNSUPPORTED),
        ([ops.OPEN_SESSION, 1, 1, b"password", 5, "", ""], codes.UNSUPPORTED),
        ([ops.EXPIRE_SESSION, 1, 1, 2], codes.UNSUPPORTED),
        ([ops.CREATE, 1, 1], codes.MALFORMED),
        ([ops.PUT, 1, 2, "/a", b"", True, []], codes.MALFORMED),
        ([ops.PUT, 1, 1, "/a", bytes(limits.DATA_BYTES_MAX + 1), True, []], codes.TOO_LARGE),
        ([ops.CHECK_VERSION, 1, 1, "/a", 0], codes.UNSUPPORTED),
        ([ops.GET, 1, 0, 0], codes.MALFORMED),
        ([ops.GET, 1, 9, 0, "/"], codes.MALFORMED),
    ],
)
def test_a_bad_request_is_refused_and_never_gets_into_the_log(house, guest, request_, code):
    last = house.replica.raft.last_index
    guest.send(request_)
    assert [each[:2] for each in guest.hear()] == [[1, code]]
    assert house.replica.raft.last_index == last


def test_a_serial_is_not_used_twice_at_a_time(guest):
    request = [ops.PUT, 1, 1, "/a", b"", True, []]
    guest.send(request, request)
    assert sorted(each[1] for each in guest.hear()) == [codes.OK, codes.MALFORMED]


def test_too_many_requests_at_a_time_are_refused(guest, monkeypatch):
    monkeypatch.setattr(limits, "REQUESTS_IN_FLIGHT_MAX", 3)
    for _ in range(5):
        guest.read(ops.PING)
    assert sorted(each[1] for each in guest.hear()) == [codes.OK] * 3 + [codes.OVERLOADED] * 2
    for _ in range(3):
        guest.read(ops.PING)
    assert [each[1] for each in guest.hear()] == [codes.OK] * 3, "there is room again"


def test_too_many_mutations_at_a_time_end_the_connection(guest, monkeypatch):
    """To refuse one and take the next would change the order of a session's writes."""
    monkeypatch.setattr(limits, "REQUESTS_IN_FLIGHT_MAX", 2)
    for name in "abc":
        guest.put(f"/{name}")
    assert [ops.GOODBYE, codes.OVERLOADED] in [each[:2] for each in guest.hear()]
    assert guest.talk.closed


def test_answers_that_wait_to_be_sent_are_bounded(guest, monkeypatch):
    guest.put("/a", bytes(600))
    guest.hear()
    monkeypatch.setattr(limits, "OUTBOX_BYTES_MAX", 1_000)
    for _ in range(4):
        guest.read(ops.GET, "/a")
    assert [each[1] for each in guest.hear()] == [codes.OK] * 2 + [codes.OVERLOADED] * 2
    guest.read(ops.GET, "/a")
    assert guest.hear()[0][1] == codes.OK, "what was there is sent"


def test_reads_state_their_revision(house, guest):
    guest.put("/a", b"x")
    guest.hear()
    guest.read(ops.GET, "/a")
    guest.read(ops.GET, "/none", consistency=ops.STALE)
    guest.read(ops.STATUS)
    told = {each[0]: each for each in guest.hear()}
    assert told[3][1] == codes.NO_NODE, "it did not wait"
    assert told[2][1:3] == [codes.OK, house.replica.applied]
    assert told[4][3] == [["node", "a"]]


# Locks, leaders, the end.


def test_a_grant_is_passed_on_to_who_waits(house, guest):
    other = house.guest()
    other.hello()
    acquire = (ops.ACQUIRE, "/lock", False, True, 0, "")
    guest.mutate(*acquire)
    (answer,) = guest.hear()
    other.mutate(*acquire)
    other.hear()
    guest.mutate(ops.RELEASE, "/lock", answer[3][1])
    guest.hear()
    (grant,) = other.hear()
    assert (grant[0], grant[1], grant[3]) == (ops.LOCK_EVENT, "/lock", ops.HELD)
    assert grant[4] > answer[3][2], "tokens grow"


def test_who_leads_is_passed_on(house, guest):
    guest.talk.leader_changed("b", 7)
    guest.talk.leader_changed(None, 8)
    assert guest.hear() == [
        [ops.LEADER, "b", "b.example:1", 7, SERVERS],
        [ops.LEADER, "", "", 8, SERVERS],
    ]


def test_a_client_that_is_gone_is_forgotten(house, guest):
    guest.read(ops.WATCH, "/", ops.WATCH_SUBTREE, 0, False)
    guest.put("/a")
    guest.talk.lost()
    house.turn()
    assert guest.talk.closed
    assert len(house.replica.watches) == 0
    assert "/a" in house.replica.machine.tree.nodes, "what it sent takes effect"
    assert house.replica.desk.attached == {}


@pytest.mark.parametrize("session", [0, ops.NO_SESSION])
def test_who_has_seen_more_is_taken_in_when_the_server_has_caught_up(house, session):
    guest, seen = house.guest(), house.replica.applied + 2
    assert guest.hello(session, seen=seen) == []
    for name in "ab":
        other = house.guest()
        other.hello()
        other.put(f"/{name}")
        other.hear()
    (welcome,) = [message for message in guest.hear() if message[0] == ops.WELCOME]
    assert welcome[4] >= seen


@pytest.mark.parametrize("session", [0, ops.NO_SESSION])
def test_a_server_that_was_set_back_takes_nobody_in_who_has_seen_more(house, session):
    guest = house.guest()
    sessions = len(house.replica.machine.sessions.by_id)
    assert guest.hello(session, seen=10**9) == []
    house.now += 6_000
    house.replica.wake(house.now)
    assert [message[:2] for message in guest.hear()] == [[ops.GOODBYE, codes.BEHIND]]
    assert len(house.replica.machine.sessions.by_id) == sessions, "no session was opened"


def test_a_welcome_names_what_the_cluster_was_called_before(house):
    assert house.guest().hello()[0][8:10] == ["one", []]
    house.hall.formerly = lambda: ("old", "older")
    assert house.guest().hello()[0][8:10] == ["one", ["old", "older"]]


def test_a_stopping_server_takes_nobody_in(house):
    house.replica.stopping = True
    assert house.guest().hello()[0][:2] == [ops.GOODBYE, codes.STOPPING]


def test_a_server_whose_state_differs_takes_nobody_in(house):
    house.replica.health.differs = True
    assert house.guest().hello()[0][:2] == [ops.GOODBYE, codes.BEHIND]
    assert house.guest().hello(session=ops.NO_SESSION)[0][:2] == [ops.GOODBYE, codes.BEHIND]


def test_while_a_disk_is_full_only_what_does_not_grow_is_taken(house, guest):
    guest.put("/a")
    guest.hear()
    house.replica.measured(0)
    refused = guest.put("/b")
    taken = guest.mutate(ops.DELETE, "/a", -1, False, [])
    read = guest.read(ops.PING)
    told = {serial: (code, value) for serial, code, _, value in guest.hear()}
    assert told[refused] == (codes.DISK_FULL, "little room is left on the disk of a")
    assert (told[taken][0], told[read][0]) == (codes.OK, codes.OK)
    house.replica.measured(10**12)
    again = guest.put("/b")
    assert [each[:2] for each in guest.hear()] == [[again, codes.OK]]


def test_answers_too_large_for_one_frame_come_in_several(guest):
    for name in "abcde":
        guest.put(f"/{name}", bytes(limits.DATA_BYTES_MAX))
        guest.hear()
    for name in "abcde":
        guest.read(ops.GET, f"/{name}")
    guest.house.turn()
    data = guest.talk.data_to_send()
    assert int.from_bytes(data[:4], "big") <= limits.FRAME_BYTES_MAX
    assert len(data) > limits.FRAME_BYTES_MAX


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.booleans())
def test_random_bytes_cost_at_most_the_connection(data, framed):
    house = HOUSE
    guest = house.guest()
    guest.hello(session=ops.NO_SESSION, password=b"")
    framed_data = len(data).to_bytes(4, "big") + data if framed else data
    guest.talk.receive_data(framed_data, house.now)
    guest.hear()
    other = house.guest()
    assert other.hello(session=ops.NO_SESSION, password=b"")[0][0] == ops.WELCOME
    other.talk.lost()
    guest.talk.lost()


HOUSE = House()


def test_what_came_behind_a_mutation_that_was_refused_is_not_done(house, guest, monkeypatch):
    monkeypatch.setattr(limits, "REQUESTS_IN_FLIGHT_MAX", 1)
    guest.talk.receive_data(
        b"".join(
            encode_frame([ops.PUT, serial, 1, f"/{serial}", b"", False, []])
            for serial in (1001, 1002, 1003)
        ),
        0,
    )
    assert [each[:2] for each in guest.hear()][-1] == [ops.GOODBYE, codes.OVERLOADED]
    assert not guest.talk.pending
    assert "/1003" not in house.replica.machine.tree.nodes


def test_what_an_acl_keeps_from_a_client_it_is_told_nowhere(house, guest):
    def enter(session, op, *arguments):
        guest.serial += 1
        request = msgpack.packb([op, guest.serial, guest.serial, *arguments])
        house.replica.desk.outgoing.append(command_prefix(session) + request)
        return guest.hear()

    def ask(op, *arguments):
        serial = guest.read(op, *arguments) if op in ops.READS else guest.mutate(op, *arguments)
        return next(told for told in guest.hear() if told[0] == serial)

    mine, others = [[31, "ip", "10.0.0.0/8"]], [[31, "ip", "11.0.0.0/8"]]
    enter(guest.talk.session, ops.CREATE_ACL, "/hidden", b"secret", 0, False, 0, others)
    enter(guest.talk.session, ops.CREATE_ACL, "/shown", b"", 0, False, 0, mine)
    for op, *arguments in (
        (ops.GET, "/hidden"),
        (ops.STAT, "/hidden"),
        (ops.CHILDREN, "/hidden", 0, None, 0, False),
        (ops.LOCK_GET, "/hidden"),
        (ops.SET, "/hidden", b"", -1, []),
        (ops.ACQUIRE, "/hidden", False, True, 0, ""),
    ):
        assert ask(op, *arguments)[1] == codes.DENIED, op
    assert ask(ops.GET, "/shown")[1] == codes.OK
    names = ask(ops.CHILDREN, "/", 0, None, 0, True)[3][0]
    assert [name for name, _data, _stat in names] == ["shown"]
    told = guest.read(ops.WATCH, "/", ops.WATCH_SUBTREE, 1, True) and guest.hear()
    told += enter(0, ops.SET, "/hidden", b"new", -1, [])
    told += enter(0, ops.SET, "/shown", b"new", -1, [])
    assert [each[3] for each in told if each[0] == ops.EVENT] == ["/shown", "/shown"]
    assert ask(ops.LOCK_LIST, "/", 0, None)[3] == []
