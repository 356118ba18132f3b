import os
import socket

import pytest

from coordsvc_client import blocking
from coordsvc_client.blocking import NEVER, CallFailed, Connection, Unreachable, clock_ms
from coordsvc_client.claims import ClaimState
from coordsvc_client.conversation import State
from coordsvc_client.wire import codes, ops
from tests.unit.fakeserver import SESSION, STAT, FakeServer

WAIT_S = 10.0


@pytest.fixture
def reader(server):
    with Connection([server.endpoint], with_session=False) as connection:
        yield connection


@pytest.fixture
def writer(server):
    with Connection([server.endpoint], name="me") as connection:
        yield connection


@pytest.fixture
def nobody():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def test_a_read_needs_no_session(server, reader):
    server.answers[ops.GET] = (codes.OK, [b"x", STAT])
    answer = reader.call(ops.GET, "/a", timeout_s=WAIT_S)
    assert answer.value == [b"x", STAT]
    assert server.hellos[0][3] == ops.NO_SESSION
    assert server.asked(ops.GET) == [["/a"]]


def test_a_write_opens_a_session_and_the_end_closes_it(server):
    server.answers[ops.PUT] = (codes.OK, [True, STAT])
    with Connection([server.endpoint], name="me") as connection:
        connection.call(ops.PUT, "/a", b"x", True, [], timeout_s=WAIT_S)
        assert connection.conversation.session == SESSION
        assert connection.state is State.CONNECTED
    assert server.hellos[0][3] == 0
    assert server.hellos[0][7] == "me"
    assert server.asked(ops.CLOSE) == [[]]


def test_a_refusal_is_raised_with_its_code_and_text(server, reader):
    server.answers[ops.GET] = (codes.NO_NODE, "it says")
    with pytest.raises(CallFailed, match="it says") as caught:
        reader.call(ops.GET, "/a", timeout_s=WAIT_S)
    assert caught.value.code == codes.NO_NODE
    server.answers[ops.GET] = (codes.NO_NODE, None)
    with pytest.raises(CallFailed, match="no node"):
        reader.call(ops.GET, "/a", timeout_s=WAIT_S)


def test_an_answer_that_does_not_come_is_a_timeout(server, reader):
    reader.open(timeout_s=WAIT_S)
    server.silent = True
    with pytest.raises(CallFailed) as caught:
        reader.call(ops.GET, "/a", timeout_s=0.05)
    assert caught.value.code == codes.TIMED_OUT


def test_a_write_without_an_answer_may_have_happened(server, writer):
    writer.open(timeout_s=WAIT_S)
    server.silent = True
    with pytest.raises(CallFailed) as caught:
        writer.call(ops.SET, "/a", b"", -1, [], timeout_s=0.05)
    assert caught.value.code == codes.OUTCOME_UNKNOWN


def test_nobody_at_all_is_told_soon(nobody, monkeypatch):
    monkeypatch.setattr(blocking, "PATIENCE_MS", 0)
    refused = pytest.raises(Unreachable, match="Connection refused")
    with Connection([nobody]) as connection, refused:
        connection.open(timeout_s=WAIT_S)
    with Connection([nobody], with_session=False) as connection, refused:
        connection.call(ops.GET, "/a", timeout_s=WAIT_S)
    with Connection([nobody]) as connection, pytest.raises(Unreachable):
        connection.acquire("/l", timeout_s=0)


def test_nobody_in_time_is_unreachable(nobody):
    with Connection([nobody], with_session=False) as connection:
        with pytest.raises(Unreachable, match="Connection refused"):
            connection.open(timeout_s=0.03)
        with pytest.raises(Unreachable, match="Connection refused"):
            connection.call(ops.GET, "/a", timeout_s=0.03)


def test_a_server_that_cannot_serve_says_why(server):
    server.goodbye = [codes.NO_QUORUM, "no quorum here"]
    why = pytest.raises(Unreachable, match="no quorum here")
    with Connection([server.endpoint]) as connection, why:
        connection.open(timeout_s=0.05)


def test_another_server_is_found_and_the_request_goes_there(server, nobody):
    server.answers[ops.GET] = (codes.OK, [b"x", STAT])
    with Connection([nobody, server.endpoint], with_session=False) as connection:
        assert connection.call(ops.GET, "/a", timeout_s=WAIT_S).value == [b"x", STAT]


def test_after_a_broken_connection_the_request_is_sent_again(server, reader):
    def first_broken(_arguments):
        server.answers[ops.GET] = (codes.OK, [b"x", STAT])
        server.drop()
        return codes.OK, None

    reader.open(timeout_s=WAIT_S)
    server.answers[ops.GET] = first_broken
    assert reader.call(ops.GET, "/a", timeout_s=WAIT_S).value == [b"x", STAT]
    assert len(server.hellos) == 2


def test_after_a_broken_connection_the_leader_is_asked_first(server, nobody):
    other = FakeServer()
    try:
        server.leader_address = other.endpoint
        other.answers[ops.GET] = (codes.OK, [b"leader", STAT])
        with Connection([server.endpoint], with_session=False) as connection:
            connection.open(timeout_s=WAIT_S)
            server.drop()
            value = connection.call(ops.GET, "/a", timeout_s=WAIT_S).value
            assert value == [b"leader", STAT]
    finally:
        other.close()


def test_a_large_write_leaves_in_pieces(server, writer):
    server.answers[ops.SET] = (codes.OK, STAT)
    data = b"x" * 3_000_000
    writer.call(ops.SET, "/a", data, -1, [], timeout_s=WAIT_S)
    assert server.asked(ops.SET)[0][1] == data


def test_a_watch_yields_changes_without_an_end(server, reader):
    server.answers[ops.WATCH] = (codes.OK, 7)
    server.events = [
        [ops.EVENT, None, ops.CREATED, "/a/b", 8, STAT, b"1"],
        [ops.EVENT, None, ops.DELETED, "/a/b", 9, STAT, None],
    ]
    changes = reader.watch("/a", mode=ops.WATCH_SUBTREE)
    first, second = next(changes), next(changes)
    assert (first.kind, first.path, first.revision, first.data) == (ops.CREATED, "/a/b", 8, b"1")
    assert (second.kind, second.revision) == (ops.DELETED, 9)


def test_a_watch_that_cannot_go_on_says_so(server, reader):
    server.answers[ops.WATCH] = (codes.BAD_PATH, "no path")
    with pytest.raises(CallFailed, match="no path"):
        next(reader.watch("a", mode=ops.WATCH_NODE))


def test_a_free_lock_is_held_at_once(server, writer):
    server.answers[ops.ACQUIRE] = (codes.OK, [ops.HELD, 11, 12, 0])
    server.answers[ops.RELEASE] = (codes.OK, True)
    claim = writer.acquire("/l", timeout_s=0, note="n")
    assert (claim.state, claim.token) == (ClaimState.HELD, 12)
    assert server.asked(ops.ACQUIRE) == [["/l", False, False, 0, "n"]]
    writer.release(claim, timeout_s=WAIT_S)
    assert server.asked(ops.RELEASE) == [["/l", 11]]


def test_a_taken_lock_is_waited_for(server, writer):
    server.answers[ops.ACQUIRE] = (codes.OK, [ops.WAITING, 11, 0, 1])
    server.events = [[ops.LOCK_EVENT, "/l", 11, ops.HELD, 15, 15]]
    claim = writer.acquire("/l", timeout_s=None, shared=True)
    assert (claim.state, claim.token) == (ClaimState.HELD, 15)
    assert server.asked(ops.ACQUIRE)[0][1:3] == [True, True]


def test_a_lock_is_waited_for_beyond_the_session(server, writer):
    writer.open(timeout_s=WAIT_S)

    def acquire(_arguments):
        if len(server.asked(ops.ACQUIRE)) == 1:
            server.push([ops.GOODBYE, codes.SESSION_EXPIRED, "it took too long"])
            return codes.OK, [ops.WAITING, 11, 0, 1]
        return codes.OK, [ops.HELD, 21, 22, 0]

    server.answers[ops.ACQUIRE] = acquire
    claim = writer.acquire("/l", timeout_s=None)
    assert (claim.state, claim.token) == (ClaimState.HELD, 22)


def test_a_lock_that_does_not_become_free_in_time_is_left(server, writer):
    writer.open(timeout_s=WAIT_S)
    server.answers[ops.ACQUIRE] = (codes.OK, [ops.WAITING, 11, 0, 1])
    with pytest.raises(CallFailed) as caught:
        writer.acquire("/l", timeout_s=0.05)
    assert caught.value.code == codes.LOCKED
    writer.close()
    assert server.asked(ops.RELEASE) == [["/l", 11]], "a claim left behind would block others"


def test_a_refused_claim_raises(server, writer):
    server.answers[ops.ACQUIRE] = (codes.LOCKED, None)
    with pytest.raises(CallFailed) as caught:
        writer.acquire("/l", timeout_s=0)
    assert caught.value.code == codes.LOCKED


def test_a_claim_without_an_answer_is_given_up(server, writer, monkeypatch):
    monkeypatch.setattr(blocking, "ANSWER_MS", 50)
    writer.open(timeout_s=WAIT_S)
    server.silent = True
    with pytest.raises(CallFailed):
        writer.acquire("/l", timeout_s=0)


def test_a_broken_lock_is_seen_in_the_next_turn(server, writer):
    server.answers[ops.ACQUIRE] = (codes.OK, [ops.HELD, 11, 12, 0])
    claim = writer.acquire("/l", timeout_s=0)
    server.push([ops.LOCK_EVENT, "/l", 11, ops.GONE, 0, 20])
    until = clock_ms() + 5_000
    while claim.state is ClaimState.HELD and clock_ms() < until:
        writer.turn(until)
    assert claim.state is ClaimState.GONE
    writer.release(claim, timeout_s=0)


def test_a_lease_that_cannot_be_renewed_ends_the_claim_before_the_servers_time(server, monkeypatch):
    server.timeout_ms = 1_000
    server.answers[ops.ACQUIRE] = (codes.OK, [ops.HELD, 11, 12, 0])
    connection = Connection([server.endpoint], timeout_ms=1_000)
    claim = connection.acquire("/l", timeout_s=0)
    proved_at = connection.conversation.lease.proved_at
    server.silent = True
    while claim.state is ClaimState.HELD:
        connection.turn(NEVER)
    assert clock_ms() - proved_at < 1_000
    assert connection.state is State.LOST
    monkeypatch.setattr(blocking, "FAREWELL_MS", 20)
    connection.close()


def test_a_turn_tells_which_other_descriptor_is_ready(writer):
    writer.open(timeout_s=WAIT_S)
    reading, writing = os.pipe()
    try:
        assert writer.turn(clock_ms(), also=[reading]) == []
        os.write(writing, b"x")
        ready = []
        while not ready:
            ready = writer.turn(NEVER, also=[reading])
        assert ready == [reading]
    finally:
        os.close(reading)
        os.close(writing)


def test_the_end_of_a_session_does_not_wait_for_a_silent_server(server, monkeypatch):
    monkeypatch.setattr(blocking, "FAREWELL_MS", 20)
    connection = Connection([server.endpoint])
    connection.open(timeout_s=WAIT_S)
    server.silent = True
    connection.close()
    connection.close()
    assert server.asked(ops.CLOSE) == [[]]


def test_a_silent_server_is_left_for_one_that_answers(server, nobody):
    other = FakeServer()
    other.answers[ops.SET] = (codes.OK, STAT)
    try:
        endpoints = [server.endpoint, nobody, other.endpoint]
        with Connection(endpoints, silence_ms=60) as connection:
            connection.open(timeout_s=WAIT_S)
            server.silent = True
            server.leader_address = server.endpoint
            connection.call(ops.SET, "/a", b"", -1, [], timeout_s=WAIT_S)
            assert len(server.hellos) == len(other.hellos) == 1
            assert connection.state is State.CONNECTED
        assert other.asked(ops.CLOSE) == [[]]
        assert ops.PING in [op for op, _ in server.requests], "it was knocked at"
    finally:
        other.close()


def test_a_silent_server_that_speaks_again_is_stayed_with(server):
    with (
        socket.create_server(("127.0.0.1", 0)) as hung,
        Connection(
            [server.endpoint, f"127.0.0.1:{hung.getsockname()[1]}"],
            with_session=False,
            silence_ms=40,
        ) as connection,
    ):
        connection.open(timeout_s=WAIT_S)
        server.silent = True
        with pytest.raises(CallFailed):
            connection.call(ops.GET, "/a", timeout_s=0.2)
        assert connection.conversation.silence.is_silent
        server.silent = False
        server.answers[ops.GET] = (codes.OK, [b"x", STAT])
        assert connection.call(ops.GET, "/a", timeout_s=WAIT_S).value == [b"x", STAT]
        assert not connection.conversation.silence.is_silent
        assert len(server.hellos) == 1


def test_a_server_that_hangs_from_the_start_costs_little_time(server):
    with socket.create_server(("127.0.0.1", 0)) as hung:
        endpoints = [f"127.0.0.1:{hung.getsockname()[1]}", server.endpoint]
        with Connection(endpoints, silence_ms=50) as connection:
            connection.open(timeout_s=1)
            assert len(server.hellos) == 1
