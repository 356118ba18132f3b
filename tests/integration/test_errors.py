"""Wrong requests, broken frames, hostile bytes, lazy readers: each costs itself at most."""

from __future__ import annotations

import random
import socket
import time
from pathlib import Path

import pytest

from coordsvc.base import limits
from coordsvc.base.vocabulary import codes, ops
from tests.integration.raw import Raw, frame

pytestmark = pytest.mark.integration

PLAIN = (b"x", ops.PERSISTENT, False, False, 0, [])
"""What follows the path in CREATE."""


@pytest.fixture(scope="module")
def addresses(shared_cluster):
    return {plan.name: plan.client_address for plan in shared_cluster.plans}


@pytest.fixture
def leader(shared_cluster, addresses):
    return addresses[shared_cluster.leader()]


@pytest.fixture(autouse=True)
def nothing_died(shared_cluster):
    """After each test the same processes serve as before."""
    before = [node.pid for node in shared_cluster.nodes.values()]
    yield
    assert [node.death() for node in shared_cluster.nodes.values()] == [None] * len(before)
    for plan in shared_cluster.plans:
        with Raw(plan.client_address) as after:
            assert after.hello()[0] == ops.WELCOME
            assert after.ask(ops.PUT, "/alive", b"", False, [])[1] == codes.OK


def deep(levels):
    return "/" + "/".join("d" for _ in range(levels))


ERRORS = [
    ("a path without a slash", codes.BAD_PATH, ops.CREATE, "x", *PLAIN),
    ("a path with an empty part", codes.BAD_PATH, ops.DELETE, "/x//y", -1, False, []),
    ("a path with a dot", codes.BAD_PATH, ops.CREATE, "/e/..", *PLAIN),
    ("a watch where nothing can be", codes.BAD_PATH, ops.WATCH, "/x//y", 0, 0, False),
    ("a path with a zero", codes.BAD_PATH, ops.CREATE, "/x\0", *PLAIN),
    ("a path too long", codes.BAD_PATH, ops.CREATE, "/" + "x" * 5000, *PLAIN),
    ("a path too deep", codes.BAD_PATH, ops.CREATE, deep(200), b"", 0, False, True, 0, []),
    ("too much data", codes.TOO_LARGE, ops.PUT, "/e", b"x" * (limits.MIB + 1), False, []),
    ("a node that is not there", codes.NO_NODE, ops.GET, "/e/no"),
    ("a parent that is not there", codes.NO_NODE, ops.CREATE, "/e/no/child", *PLAIN),
    ("a node that is there", codes.NODE_EXISTS, ops.CREATE, "/e", *PLAIN),
    ("another version", codes.BAD_VERSION, ops.SET, "/e", b"", 99, []),
    ("a delete with children", codes.NOT_EMPTY, ops.DELETE, "/e", -1, False, []),
    ("children of an ephemeral", codes.NO_CHILDREN_FOR_EPHEMERALS, ops.CREATE, "/e/e/x", *PLAIN),
    ("a stale token", codes.STALE_TOKEN, ops.PUT, "/e", b"", False, [["/e", 1]]),
    ("a token to check", codes.STALE_TOKEN, ops.TOKEN_GET, "/e", 1),
    ("a claim that is not there", codes.NO_LOCK_REQUEST, ops.RELEASE, "/e", 12345),
    ("arguments of another type", codes.MALFORMED, ops.CREATE, 7, *PLAIN),
    ("too few arguments", codes.MALFORMED, ops.SET, "/e"),
    ("arguments of a read of another type", codes.MALFORMED, ops.GET, b"/e"),
    ("too few arguments of a read", codes.MALFORMED, ops.CHILDREN, "/e"),
    ("an operation that is not there", codes.UNSUPPORTED, 31),
    ("an operation of the servers", codes.UNSUPPORTED, ops.EXPIRE_SESSION, 1),
]


@pytest.mark.parametrize(
    ("code", "request_"), [(c, r) for _, c, *r in ERRORS], ids=[e[0] for e in ERRORS]
)
def test_a_wrong_request_gets_its_code_and_nothing_else_happens(leader, code, request_):
    with Raw(leader) as raw:
        assert raw.hello()[0] == ops.WELCOME
        raw.ask(ops.CREATE, "/e", *PLAIN)
        raw.ask(ops.CREATE, "/e/e", b"", ops.EPHEMERAL, False, False, 0, [])
        answer = raw.ask(*request_)
        assert answer[1] == code, answer
        assert raw.ask(ops.GET, "/e")[1] == codes.OK
        assert raw.ask(ops.CLOSE)[1] == codes.OK


def test_a_watch_from_before_the_history_is_told_so(leader):
    with Raw(leader) as raw:
        raw.hello()
        data = bytes(limits.MIB - 100)
        for _ in range(limits.HISTORY_BYTES_MAX // limits.MIB + 1):
            assert raw.ask(ops.PUT, "/long-ago", data, False, [])[1] == codes.OK
        assert raw.ask(ops.WATCH, "/long-ago", 0, 1, False)[1] == codes.COMPACTED
        assert raw.ask(ops.GET, "/long-ago")[1] == codes.OK


def test_a_conflict_in_a_transaction_leaves_nothing_behind(leader):
    with Raw(leader) as raw:
        raw.hello()
        then = [[ops.CREATE, "/t", b"", 0, False, False, 0, []], [ops.DELETE, "/no", -1, False, []]]
        _, code, _, value = raw.ask(ops.TXN, [], then, [])
        assert (code, value[0]) == (codes.OK, False)
        assert [result[0] for result in value[1]] == [codes.ROLLED_BACK, codes.NO_NODE]
        assert raw.ask(ops.GET, "/t")[1] == codes.NO_NODE


def test_a_session_that_never_was_is_refused_with_a_reason(leader):
    with Raw(leader) as raw:
        answer = raw.hello(session=999_999_999)
        assert answer[:2] == [ops.GOODBYE, codes.SESSION_EXPIRED]
        assert answer[2]
        assert raw.message() is None


def test_a_wrong_password_is_refused_and_the_session_lives_on(leader):
    with Raw(leader) as owner, Raw(leader) as thief:
        owner.hello()
        answer = thief.hello(session=owner.session, password=b"guess-guess-guess")
        assert answer[:2] == [ops.GOODBYE, codes.BAD_PASSWORD]
        assert owner.ask(ops.PING)[1] == codes.OK


BROKEN = {
    "a length of zero": b"\0\0\0\0",
    "a length beyond the limit": b"\x7f\xff\xff\xff",
    "no MessagePack": b"\0\0\0\x01\xc1",
    "more than one value": b"\0\0\0\x02\x01\x01",
    "a map": frame({1: 2}),
    "no array": frame(7),
    "an array that is too short": frame([1]),
    "a serial that is none": frame([ops.GET, "one", 0, 0, "/"]),
    "a serial of zero": frame([ops.GET, 0, 0, 0, "/"]),
    "text that is no UTF-8": b"\0\0\0\x07\x94\x20\x01\x00\x00\xa1\xff",
    "arrays within arrays": b"\0\0\x10\0" + b"\x91" * 4095 + b"\x01",
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("greeted", [True, False], ids=["greeted", "not greeted"])
def test_a_broken_frame_ends_its_connection_with_a_reason_and_nothing_else(leader, broken, greeted):
    with Raw(leader) as other, Raw(leader) as raw:
        other.hello()
        if greeted:
            raw.hello()
        raw.socket.sendall(broken)
        words = raw.last_words()
        if not greeted and broken == bytes(4):
            assert words == [], "that is ZooKeeper's language, which has no word for it"
            return
        assert words[-1][0] == ops.GOODBYE
        assert words[-1][1] in (codes.BAD_FRAME, codes.UNSUPPORTED)
        assert words[-1][2]
        assert other.ask(ops.PING)[1] == codes.OK


@pytest.mark.parametrize("door", ["client", "peer", "http"])
def test_random_bytes_cost_at_most_their_connection(shared_cluster, leader, door):
    chance = random.Random(7)
    plan = next(p for p in shared_cluster.plans if p.client_address == leader)
    port = getattr(plan, f"{door}_port")
    term = shared_cluster.http(plan.name, "/v1/raft")["term"]
    with Raw(leader) as other:
        other.hello()
        for number in range(60):
            with socket.create_connection(("127.0.0.1", port), timeout=2) as stranger:
                junk = chance.randbytes(chance.choice((1, 3, 4, 64, 5000)))
                if number % 3 == 0:
                    junk = (len(junk)).to_bytes(4, "big") + junk
                stranger.sendall(junk)
                if number % 2:
                    stranger.shutdown(socket.SHUT_WR)
                    stranger.settimeout(2)
                    try:
                        while stranger.recv(4096):
                            pass
                    except ConnectionResetError:
                        pass
        assert other.ask(ops.PUT, "/junk", b"", False, [])[1] == codes.OK
    assert shared_cluster.http(plan.name, "/v1/raft")["term"] == term, "nobody was disturbed"


def test_random_requests_of_a_greeted_client_are_all_answered(leader):
    chance = random.Random(11)
    strange = [
        None, True, False, -1, 0, 1, 2, 3, 2**63, 2**64 - 1, -(2**63), 1.5, float("nan"), "", "/",
        "/a", "/a/b", "a", "/\ud7ff", "/" + "ä" * 2040, b"", b"x", b"x" * 100, [], [[]], [1],
        [["/a", 1]], [[32, "/a"]], [[3, "/a", b"", -1, []]], [[16, "/a", -1]],
    ]  # fmt: skip
    asked = 0
    for _ in range(12):
        with Raw(leader) as raw:
            raw.hello()
            for serial in range(1, 120):
                op = chance.choice((*range(1, 10), *range(16, 21), *range(30, 46), 64, 65, 66, 67))
                arguments = [chance.choice(strange) for _ in range(chance.randrange(9))]
                if op in ops.READS:
                    arguments[:0] = [chance.randrange(3), 0]
                else:
                    arguments[:0] = [serial]
                if op == ops.CLOSE and chance.randrange(10):
                    continue
                raw.send([op, serial, *arguments])
                answer = raw.reply(serial)
                assert isinstance(answer[1], int), answer
                assert answer[0] == serial, answer
                asked += 1
                if op == ops.CLOSE and answer[1] == codes.OK:
                    break
    assert asked > 400


def test_too_many_writes_at_once_end_the_connection_and_none_is_lost_or_done_twice(leader):
    """Sent in one go, they all arrive before the first of them can be answered."""
    serials = range(1, 3 * limits.REQUESTS_IN_FLIGHT_MAX)
    name = "/many-"
    with Raw(leader) as raw:
        _, session, password, *_ = raw.hello()
        raw.socket.sendall(b"".join(frame(create(serial, name)) for serial in serials))
        words = raw.last_words()
        assert words[-1][:2] == [ops.GOODBYE, codes.OVERLOADED]
        assert words[-1][2]
    with Raw(leader) as raw:
        assert raw.hello(session, password)[:2] == [ops.WELCOME, session]
        given = set()
        for start in range(0, len(serials), 500):
            some = serials[start : start + 500]
            raw.socket.sendall(b"".join(frame(create(serial, name, some[0])) for serial in some))
            # An answer to what the first connection sent may overtake the answer to a copy.
            replies = [raw.message() for _ in some]
            assert sorted(reply[0] for reply in replies) == list(some)
            assert {reply[1] for reply in replies} == {codes.OK}
            given.update(reply[3][0] for reply in replies)
        assert len(given) == len(serials)
        raw.send([ops.CHILDREN, 10**6, ops.LINEARIZABLE, 0, "/", 10_000, None, 0, False])
        present = {f"/{child}" for child in raw.reply(10**6)[3][0]}
        assert {path for path in present if path.startswith(name)} == given


def create(serial, path, floor=1):
    return [ops.CREATE, serial, floor, path, b"", ops.PERSISTENT, True, False, 0, []]


def test_too_many_reads_at_once_are_refused_as_overloaded(leader):
    serials = range(1, 3 * limits.REQUESTS_IN_FLIGHT_MAX)
    with Raw(leader) as raw:
        raw.hello()
        reads = (frame([ops.PING, serial, ops.LINEARIZABLE, 0]) for serial in serials)
        raw.socket.sendall(b"".join(reads))
        answered = dict(raw.message()[:2] for _ in serials)
        assert set(answered.values()) <= {codes.OK, codes.OVERLOADED}
        assert answered[1] == codes.OK
        assert raw.ask(ops.PUT, "/after", b"", False, [])[1] == codes.OK


WATCHES = 8
"""Each would cost as much memory as is written."""


def memory_of(node):
    status = Path(f"/proc/{node.pid}/status").read_text()
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return int(lines["VmRSS"].split()[0]) * 1024


def test_a_client_that_does_not_read_loses_its_watches_and_is_told(shared_cluster, leader):
    plan = next(p for p in shared_cluster.plans if p.client_address == leader)
    node = shared_cluster.nodes[plan.name]
    with Raw(leader, receive_buffer=4096) as lazy, Raw(leader) as writer:
        lazy.hello(timeout_ms=60_000)
        writer.hello()
        writer.ask(ops.PUT, "/lazy", b"", False, [])
        for _ in range(WATCHES):
            assert lazy.ask(ops.WATCH, "/lazy", ops.WATCH_SUBTREE, 0, True)[1] == codes.OK
        before = memory_of(node)
        block, sent = b"x" * (512 * limits.KIB), 0
        for _ in range(120):
            assert writer.ask(ops.PUT, "/lazy", block, False, [])[1] == codes.OK
            sent += len(block)
        grown = memory_of(node) - before
        assert sent > 5 * limits.OUTBOX_BYTES_MAX
        # The log kept for followers and the history of events take their share as well.
        assert grown < 2.5 * sent < WATCHES * sent
        lost = {}
        until = time.monotonic() + 10
        while len(lost) < WATCHES and time.monotonic() < until:
            message = lazy.message()
            if message[0] == ops.WATCH_LOST:
                lost[message[1]] = message[2]
        assert lost == dict.fromkeys(range(1, WATCHES + 1), codes.COMPACTED)
        assert lazy.ask(ops.GET, "/lazy")[1] == codes.OK
