"""The client's side of a connection, with a server by hand."""

import pytest

from coordsvc_client.conversation import HELLO_WAIT_MS, REFUSALS_MAX, State
from coordsvc_client.requests import NEVER
from coordsvc_client.silence import SILENCE_MS
from coordsvc_client.wire import codes, ops
from coordsvc_client.wire.framing import encode_frame
from tests.unit.client.conftest import Talk


def test_a_greeting_that_opens_a_session_holds_requests_back_until_the_welcome():
    talk = Talk(client_name="me")
    talk.conversation.requests.mutate(ops.CLOSE, (), talk.done)
    talk.conversation.begin(0)
    assert talk.sent() == [[0, "coordsvc", [1], 0, b"password-1", 10_000, 0, "me"]]
    talk.welcome()
    assert talk.sent() == [[ops.CLOSE, 1, 1]]
    assert talk.states == [State.CONNECTED]
    assert talk.conversation.session == 77


def test_a_greeting_that_reattaches_is_followed_by_open_requests_and_a_ping(open_talk):
    talk = open_talk
    talk.conversation.requests.mutate(ops.CLOSE, (), talk.done)
    talk.sent(now=5)
    talk.conversation.end(10)
    assert talk.states == [State.CONNECTED, State.SUSPENDED]
    talk.conversation.begin(20)
    assert talk.sent(now=20) == [
        [0, "coordsvc", [1], 77, b"given", 10_000, 50, ""],
        [ops.CLOSE, 1, 1],
    ]
    talk.welcome(now=30)
    assert talk.sent(now=30) == [[ops.PING, 2, ops.LINEARIZABLE, 50]]
    assert talk.conversation.lease.proved_at == 0, "a welcome alone proves nothing"
    talk.say([2, codes.OK, 60, None], now=40)
    assert talk.conversation.lease.proved_at == 30


def test_a_client_without_a_session_reads_behind_its_greeting():
    talk = Talk(with_session=False)
    talk.conversation.requests.read(ops.GET, ("/a",), talk.done)
    talk.conversation.begin(0)
    assert [frame[0] for frame in talk.sent()] == [ops.HELLO, ops.GET]
    talk.welcome(session=0)
    talk.say([1, codes.OK, 60, "value"])
    assert talk.answers == [(codes.OK, 60, "value")]
    assert talk.states == [State.CONNECTED]
    assert talk.conversation.session == ops.NO_SESSION


@pytest.mark.parametrize(
    ("consistency", "code", "proves"),
    [
        (ops.LINEARIZABLE, codes.OK, True),
        (ops.LINEARIZABLE, codes.NO_NODE, True),
        (ops.SEQUENTIAL, codes.OK, False),
        (ops.STALE, codes.OK, False),
        (ops.LINEARIZABLE, codes.NO_QUORUM, False),
        (ops.LINEARIZABLE, codes.MALFORMED, False),
        (ops.LINEARIZABLE, codes.BAD_PATH, False),
    ],
)
def test_only_an_answer_of_the_whole_cluster_proves_the_lease(open_talk, consistency, code, proves):
    open_talk.conversation.requests.read(ops.GET, ("/a",), open_talk.done, consistency=consistency)
    open_talk.sent(now=1_000)
    open_talk.say([1, code, 60, None], now=2_000)
    assert open_talk.conversation.lease.proved_at == (1_000 if proves else 0)


def test_the_newest_revision_seen_goes_with_the_next_read(open_talk):
    open_talk.conversation.requests.read(ops.GET, ("/a",), open_talk.done)
    open_talk.sent()
    open_talk.say([1, codes.OK, 900, None])
    open_talk.conversation.requests.read(ops.GET, ("/a",), open_talk.done)
    assert open_talk.sent()[0][3] == 900


@pytest.mark.parametrize(
    "message",
    [
        [ops.EVENT, 1, ops.CHANGED, "/a", 900, [0] * 13, b"new"],
        [ops.LOCK_EVENT, "/l", 3, ops.HELD, 900, 900],
    ],
)
def test_what_an_event_has_shown_is_not_read_older_elsewhere(open_talk, message):
    open_talk.say(message)
    open_talk.conversation.requests.read(
        ops.GET, ("/a",), open_talk.done, consistency=ops.SEQUENTIAL
    )
    assert open_talk.sent()[0][3] == 900
    open_talk.conversation.end(10)
    assert open_talk.conversation.greet(20).hello.count(encode_frame(900)[4:]) == 1


def test_the_lease_ends_by_the_clock_and_comes_back_with_a_proof(open_talk):
    talk = open_talk
    talk.conversation.end(100)
    assert talk.conversation.deadline() == 9_000
    talk.conversation.wake(8_999)
    assert talk.states[-1] is State.SUSPENDED
    talk.conversation.wake(9_000)
    assert talk.states[-1] is State.LOST
    talk.conversation.begin(9_500)
    talk.welcome(now=9_600)
    assert talk.states[-1] is State.LOST
    talk.sent(now=9_600)
    talk.say([1, codes.OK, 60, None], now=9_700)
    assert talk.states[-1] is State.CONNECTED


@pytest.mark.parametrize("code", [codes.SESSION_EXPIRED, codes.BAD_PASSWORD])
def test_a_refused_session_is_gone_and_what_was_sent_behind_the_greeting_was_not_done(
    open_talk, code
):
    talk = open_talk
    talk.conversation.end(10)
    talk.conversation.requests.mutate(ops.CLOSE, (), talk.done)
    talk.conversation.begin(20)
    talk.sent(now=20)
    talk.say([ops.GOODBYE, code, "no"], now=30)
    assert talk.answers == [(codes.SESSION_EXPIRED, 0, "the session has ended")]
    assert talk.states[-1] is State.LOST
    assert talk.conversation.farewell.code == code
    talk.conversation.end(40)
    talk.conversation.begin(50)
    assert talk.sent(now=50)[0][3:5] == [0, b"password-2"]


def test_answers_behind_the_word_of_expiry_in_one_frame_are_heard(open_talk):
    talk = open_talk
    for _ in range(3):
        talk.conversation.requests.mutate(ops.CLOSE, (), talk.done)
    talk.sent()
    talk.say([1, codes.SESSION_EXPIRED, 0, "x"], [2, codes.OK, 70, True])
    assert [code for code, _, _ in talk.answers] == [
        codes.SESSION_EXPIRED,
        codes.OK,
        codes.OUTCOME_UNKNOWN,
    ]


def test_a_full_disk_refuses_for_good_but_not_what_an_earlier_copy_may_have_done(open_talk):
    talk = open_talk
    talk.conversation.requests.mutate(ops.CREATE, (), talk.done)
    talk.conversation.requests.mutate(ops.CREATE, (), talk.done)
    talk.sent()
    talk.say([1, codes.DISK_FULL, 0, "no room"])
    talk.conversation.end(0)
    talk.conversation.begin(0)
    talk.sent()
    talk.welcome(session=7)
    talk.sent()
    talk.say([2, codes.DISK_FULL, 0, "no room"])
    assert [code for code, _, _ in talk.answers] == [codes.DISK_FULL, codes.OUTCOME_UNKNOWN]


def test_a_claim_that_may_have_got_its_lock_is_asked_for_until_that_is_known(open_talk):
    talk = open_talk
    talk.conversation.requests.mutate(ops.ACQUIRE, ("/l", False, True, 0, ""), talk.done)
    talk.sent()
    talk.conversation.end(0)
    talk.conversation.begin(0)
    talk.sent()
    talk.welcome(session=7)
    talk.sent()
    talk.say([1, codes.DISK_FULL, 0, "no room"])
    assert talk.answers == []
    talk.conversation.wake(10_000)
    talk.sent()
    talk.say([1, codes.OK, 20, [ops.HELD, 20, 20, 0]])
    assert [code for code, _, _ in talk.answers] == [codes.OK]


def test_a_read_refused_for_an_expired_session_is_asked_again_in_the_next(open_talk):
    talk = open_talk
    talk.conversation.requests.read(ops.GET, ("/a",), talk.done)
    talk.sent()
    talk.say([1, codes.SESSION_EXPIRED, 0, "x"])
    assert talk.answers == []
    talk.conversation.end(0)
    talk.conversation.begin(0)
    talk.sent()
    talk.welcome(session=99)
    assert [frame[:2] for frame in talk.sent()] == [[ops.GET, 1]]


def test_a_server_that_keeps_on_refusing_is_left(open_talk):
    talk = open_talk
    talk.conversation.requests.read(ops.GET, ("/a",), talk.done)
    now = 0
    for _ in range(REFUSALS_MAX):
        assert talk.conversation.farewell is None
        assert [frame[1] for frame in talk.sent(now) if frame[0] == ops.GET] == [1]
        talk.say([1, codes.NO_QUORUM, 0, "x"], now=now)
        now += 501
        talk.conversation.wake(now)
    assert talk.conversation.farewell.code == codes.NO_QUORUM


def test_a_stopping_server_is_left_at_once(open_talk):
    open_talk.conversation.requests.read(ops.GET, ("/a",), open_talk.done)
    open_talk.sent()
    open_talk.say([1, codes.STOPPING, 0, "x"])
    assert open_talk.conversation.farewell.code == codes.STOPPING


def test_a_greeting_without_an_answer_is_given_up():
    talk = Talk()
    talk.conversation.begin(0)
    talk.conversation.wake(SILENCE_MS)
    assert talk.conversation.deadline() == HELLO_WAIT_MS
    talk.conversation.wake(HELLO_WAIT_MS - 1)
    assert talk.conversation.farewell is None
    talk.conversation.wake(HELLO_WAIT_MS)
    assert talk.conversation.farewell is not None


def test_a_ping_goes_out_first_and_its_silence_ends_the_connection(open_talk):
    talk = open_talk
    talk.conversation.requests.read(ops.GET, ("/a",), talk.done)
    talk.conversation.wake(2_500)
    assert [frame[0] for frame in talk.sent(now=2_500)] == [ops.PING, ops.GET]
    talk.conversation.wake(2_500 + 3_332)
    assert talk.conversation.farewell is None
    talk.conversation.wake(2_500 + 3_333)
    assert talk.conversation.farewell is not None


def test_nothing_new_is_sent_while_draining(open_talk):
    talk = open_talk
    talk.conversation.draining = True
    talk.conversation.requests.read(ops.GET, ("/a",), talk.done)
    assert talk.sent() == []
    assert talk.conversation.is_idle


def test_a_server_of_another_cluster_is_left(open_talk):
    open_talk.conversation.end(0)
    open_talk.conversation.begin(0)
    open_talk.welcome(cluster="other")
    assert "other" in open_talk.conversation.farewell.text
    assert not open_talk.conversation.welcomed


def test_a_cluster_restored_from_the_one_it_knew_is_taken(open_talk):
    for name, more in (("new", [["c"]]), ("newer", [["new", "c"], "and later fields"])):
        open_talk.conversation.end(0)
        open_talk.conversation.begin(0)
        open_talk.welcome(cluster=name, more=more)
        assert open_talk.conversation.welcomed
        assert open_talk.conversation.cluster == name
    open_talk.conversation.end(0)
    open_talk.conversation.begin(0)
    open_talk.welcome(cluster="other", more=[["x"]])
    assert not open_talk.conversation.welcomed


def test_who_leads_is_kept(open_talk):
    open_talk.say([ops.LEADER, "n3", "h3:1", 9, ["h1:1", "h3:1"]])
    assert open_talk.conversation.servers == ("h1:1", "h3:1")
    open_talk.say([ops.LEADER, "n3", "h3:1", 9])
    assert open_talk.conversation.servers == ("h1:1", "h3:1")
    assert (open_talk.conversation.leader, open_talk.conversation.leader_address) == ("n3", "h3:1")


@pytest.mark.parametrize(
    "frame",
    [
        encode_frame(5),
        encode_frame([5]),
        encode_frame([["x"]]),
        encode_frame([[]]),
        encode_frame([[1, 2]]),
        encode_frame([[ops.WELCOME, 1, b"", 5]]),
        encode_frame([[ops.EVENT, 1]]),
        b"\0\0\0\0",
        b"\0\0\0\1\xc1",
    ],
)
def test_what_is_no_protocol_ends_the_connection_and_nothing_else(frame):
    talk = Talk()
    talk.conversation.begin(0)
    talk.conversation.receive_data(frame, 0)
    assert talk.conversation.farewell.code == codes.BAD_FRAME
    talk.conversation.end(0)
    assert talk.conversation.deadline() == NEVER


def test_messages_of_later_versions_are_passed_over(open_talk):
    open_talk.say([-77, "new"], [999, codes.OK, 5, None, "more"])
    assert open_talk.conversation.farewell is None


def test_an_error_of_a_callback_is_not_taken_for_one_of_the_server(open_talk):
    def wrong(code, revision, value):
        raise TypeError("mine")

    open_talk.conversation.requests.read(ops.GET, ("/a",), wrong)
    open_talk.sent()
    with pytest.raises(TypeError, match="mine"):
        open_talk.say([1, codes.OK, 5, None])


def test_to_open_a_session_more_patience_is_needed_than_to_attach_one(open_talk):
    assert open_talk.conversation.patience_ms() == SILENCE_MS
    assert Talk().conversation.patience_ms() == HELLO_WAIT_MS


def test_nothing_that_begins_later_is_due_before_the_calm_is_over(open_talk):
    talk, conversation = open_talk, open_talk.conversation
    assert conversation.calm_ms == 0, "a welcome changes much: the deadline is to be asked for"
    conversation.deadline()
    assert conversation.calm_ms == SILENCE_MS // 2
    conversation.requests.read(ops.GET, ("/a",), talk.done)
    talk.sent(now=300)
    assert conversation.deadline() >= 300 + conversation.calm_ms
    talk.say([1, codes.OK, 51, None], now=400)
    assert conversation.calm_ms, "an answer changes nothing"
    conversation.end(500)
    assert conversation.calm_ms == 0


def test_a_lease_that_is_proved_late_may_end_soon(open_talk):
    talk, conversation = open_talk, open_talk.conversation
    conversation.requests.read(ops.GET, ("/a",), talk.done)
    talk.sent(now=100)
    conversation.wake(9_000)
    conversation.deadline()
    assert (conversation.state, conversation.calm_ms > 0) == (State.LOST, True)
    talk.say([1, codes.OK, 51, None], now=9_050)
    assert (conversation.state, conversation.calm_ms) == (State.CONNECTED, 0)
    assert conversation.deadline() <= 9_100
