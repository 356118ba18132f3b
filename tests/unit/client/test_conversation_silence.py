"""A server that falls silent: knocks, and a greeting said beside the conversation."""

from coordsvc_client.conversation import State
from coordsvc_client.wire import codes, ops
from coordsvc_client.wire.framing import encode_frame


def test_an_unanswered_request_makes_it_knock_and_then_find_the_server_silent(open_talk):
    talk = open_talk
    talk.conversation.requests.read(ops.GET, ("/a",), talk.done)
    talk.sent(now=100)
    assert talk.conversation.deadline() == 600
    talk.conversation.wake(600)
    assert talk.sent(now=600) == [[ops.PING, 2, ops.STALE, 0]]
    talk.conversation.wake(1_099)
    assert not talk.conversation.silence.is_silent
    talk.conversation.wake(1_100)
    assert talk.conversation.silence.is_silent
    assert talk.conversation.farewell is None, "it may yet speak"
    assert talk.conversation.deadline() > 1_100, "what was found out is not due again"
    talk.say([2, codes.OK, 50, None], now=1_200)
    assert not talk.conversation.silence.is_silent


def test_a_server_that_answers_knocks_is_not_silent_however_long_its_cluster_takes(open_talk):
    talk = open_talk
    talk.conversation.requests.mutate(ops.CLOSE, (), talk.done)
    for now in range(0, 2_400, 100):
        talk.conversation.wake(now)
        for op, serial, *rest in talk.sent(now=now):
            if op == ops.PING and rest[0] == ops.STALE:
                talk.say([serial, codes.OK, 50, None], now=now + 1)
        assert not talk.conversation.silence.is_silent


def test_a_knock_proves_no_lease(open_talk):
    talk = open_talk
    talk.conversation.requests.mutate(ops.CLOSE, (), talk.done)
    talk.sent(now=100)
    talk.conversation.wake(600)
    talk.sent(now=600)
    talk.say([2, codes.OK, 50, None], now=600)
    assert talk.conversation.lease.proved_at == 0


def test_a_greeting_said_beside_the_conversation_is_gone_on_with(open_talk):
    talk = open_talk
    talk.conversation.requests.mutate(ops.CLOSE, (), talk.done)
    talk.sent(now=5)
    greeting = talk.conversation.greet(1_000)
    welcome = [ops.WELCOME, 77, b"given", 10_000, 60, "n2", "n1", "n1:1", "c"]
    greeting.receive(encode_frame([welcome]))
    talk.conversation.end(1_010)
    talk.conversation.begin(1_010, greeting)
    assert (talk.conversation.node, talk.conversation.revision) == ("n2", 60)
    assert [frame[0] for frame in talk.sent(now=1_010)] == [ops.PING, ops.CLOSE]
    assert talk.states == [State.CONNECTED, State.SUSPENDED, State.CONNECTED]


def test_a_greeting_that_finds_the_session_expired_ends_it(open_talk):
    talk = open_talk
    greeting = talk.conversation.greet(1_000)
    greeting.receive(encode_frame([[ops.GOODBYE, codes.SESSION_EXPIRED, "gone"]]))
    talk.conversation.end(1_010)
    talk.conversation.begin(1_010, greeting)
    assert talk.conversation.session == 0
    assert talk.conversation.farewell.code == codes.SESSION_EXPIRED
