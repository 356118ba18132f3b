import select
import socket

import pytest

from coordsvc_client.conversation import HELLO_WAIT_MS, Conversation
from coordsvc_client.detour import Detour
from coordsvc_client.greeting import Verdict
from coordsvc_client.wire import codes, ops


@pytest.fixture
def hung():
    """A server whose process stands still: the kernel takes connections, nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def refusing():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def conversation():
    return Conversation(make_password=lambda: b"p", timeout_ms=10_000, with_session=False)


def search(detour, turns=20):
    """Go on, at time 0, until a server is found or nothing moves for a moment."""
    for _ in range(turns):
        found = detour.advance(0)
        interest = detour.interest()
        if found is not None or interest is None:
            return found
        poller = select.poll()
        poller.register(*interest)
        if not poller.poll(200):
            return None
    return None


def test_a_server_that_lets_us_in_is_found(server, refusing, conversation):
    detour = Detour(conversation, [refusing, server.endpoint])
    found = search(detour)
    assert found.endpoint == server.endpoint
    assert found.greeting.verdict is Verdict.TAKE
    assert server.hellos[0][3] == ops.NO_SESSION
    detour.close()
    assert found.socket.fileno() >= 0, "it belongs to the finder"
    found.socket.close()


def test_one_that_hangs_too_is_given_up_in_time_and_the_next_one_tried(server, hung, conversation):
    detour = Detour(conversation, [hung, server.endpoint])
    assert search(detour) is None
    assert detour.deadline() == conversation.patience_ms() < HELLO_WAIT_MS
    assert detour.advance(detour.deadline()) is None
    found = search(detour)
    assert found.endpoint == server.endpoint
    found.socket.close()
    detour.close()


def test_one_that_cannot_serve_is_passed_over(server, conversation):
    server.goodbye = [codes.NO_QUORUM, "not now"]
    detour = Detour(conversation, [server.endpoint])
    assert search(detour) is None
    assert len(server.hellos) == 1
    assert detour.advance(0) is None
    assert detour.deadline() > 0, "a pause before the next round"
    detour.close()


def test_one_that_closes_the_connection_is_passed_over(conversation):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        detour = Detour(conversation, [f"127.0.0.1:{listener.getsockname()[1]}"])
        while detour.deadline() != conversation.patience_ms():
            assert detour.advance(0) is None
        listener.accept()[0].close()
        assert search(detour) is None
        assert detour.interest() is None
        detour.close()


def test_it_can_be_given_up_at_any_time(hung, conversation):
    detour = Detour(conversation, [hung])
    detour.close()
    search(detour)
    detour.close()
    assert detour.interest() is None
