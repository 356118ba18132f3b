import itertools

import pytest

from coordsvc_client.conversation import Conversation
from coordsvc_client.wire import ops
from coordsvc_client.wire.framing import FrameSplitter, decode, encode_frame
from tests.unit.fakeserver import FakeServer


class Talk:
    """A conversation and a hand-written server."""

    def __init__(self, **options):
        passwords = (f"password-{number}".encode() for number in itertools.count(1))
        self.states = []
        options.setdefault("timeout_ms", 10_000)
        self.conversation = Conversation(
            make_password=lambda: next(passwords), on_state=self.states.append, **options
        )
        self.answers = []

    def sent(self, now=0):
        data = self.conversation.data_to_send(now)
        return [decode(body) for body in FrameSplitter().split(data)]

    def say(self, *messages, now=0):
        self.conversation.receive_data(encode_frame(list(messages)), now)

    def welcome(self, session=77, now=0, cluster="c", leader="n1", more=()):
        self.say(
            [ops.WELCOME, session, b"given", 10_000, 50, "n1", leader, "n1:1", cluster, *more],
            now=now,
        )

    def done(self, code, revision, value):
        self.answers.append((code, revision, value))

    def lock(self, changes):
        return self.conversation.claims.acquire(
            "/l",
            lambda claim: changes.append(claim.state),
            shared=False,
            wait=True,
            delay_ms=0,
            note="",
        )


@pytest.fixture
def server():
    fake = FakeServer()
    yield fake
    fake.close()


@pytest.fixture
def open_talk():
    talk = Talk()
    talk.conversation.begin(0)
    talk.sent()
    talk.welcome()
    return talk
