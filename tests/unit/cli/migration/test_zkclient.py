import time

import pytest

from coordsvc.cli.migration import zkclient
from coordsvc.cli.migration.zkclient import Credentials, Request, ZkClient, ZkDenied, ZkGone
from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.records import Create, pack_create, pack_path_watch
from tests.unit.cli.migration.fakezookeeper import OPEN, FakeZooKeeper
from tests.unit.cli.migration.zookeeper_socket import Server


@pytest.fixture
def server():
    with Server(FakeZooKeeper()) as running:
        yield running


@pytest.fixture
def client(server):
    client = ZkClient([server.address])
    client.connect(1.0)
    yield client
    client.end()


def get(path):
    return Request(numbers.GET_DATA, pack_path_watch(path, False))


def create(path, data):
    return Request(numbers.CREATE, pack_create(Create(path, data, [OPEN], 0, 0), numbers.CREATE))


def test_answers_come_in_the_order_of_the_questions(client):
    count = 2 * zkclient.WINDOW + 3
    created = client.ask([create(f"/{i}", b"%d" % i) for i in range(count)])
    assert [reply.error for reply in created] == [0] * count
    answers = client.ask([get(f"/{i}") for i in range(count)] + [get("/none")])
    assert [each.body.read_buffer() for each in answers[:-1]] == [b"%d" % i for i in range(count)]
    assert answers[-1].error == numbers.NO_NODE
    assert client.last_zxid == count


def test_large_requests_wait_for_room(client):
    big = bytes(400_000)
    assert not any(reply.error for reply in client.ask([create(f"/{i}", big) for i in range(9)]))


def test_no_question_has_no_answer(client):
    assert client.ask([]) == []


def test_an_event_among_answers_is_kept_apart(server, client):
    server.tell("/x")
    client.ask([get("/")])
    server.tell("/y")
    client.wait(5.0)
    assert {event.path for event in client.events} <= {"/x", "/y"}
    assert client.events[0].path == "/x"


def test_waiting_ends_with_its_time(client):
    began = time.monotonic()
    client.wait(0.05)
    assert 0.05 <= time.monotonic() - began < 5


def test_a_silent_client_sends_signs_of_life():
    with Server(FakeZooKeeper(), timeout_ms=150) as server:
        client = ZkClient([server.address])
        client.connect(1.0)
        client.wait(0.4)
        assert server.pings >= 3
        client.end()


def test_a_server_that_does_not_answer_signs_of_life_is_given_up():
    with Server(FakeZooKeeper(), timeout_ms=150) as server:
        server.answers_pings = False
        client = ZkClient([server.address])
        client.connect(1.0)
        with pytest.raises(ZkGone, match="silent"):
            client.wait(5.0)
        client.close()


def test_a_lost_connection_is_told_and_can_be_made_again(server, client):
    server.drop_after = 1
    with pytest.raises(ZkGone):
        client.ask([get("/"), get("/"), get("/")])
    client.connect(1.0)
    assert client.ask([get("/")])[0].error == 0
    assert server.connections == 2


def test_the_next_server_is_tried_until_patience_ends(server):
    client = ZkClient([("127.0.0.1", 1), server.address])
    client.connect(1.0)
    assert client.ask([get("/")])[0].error == 0
    client.end()
    nobody = ZkClient([("127.0.0.1", 1)])
    with pytest.raises(ZkGone, match=r"no server answers \(127.0.0.1:1: .*refused"):
        nobody.connect(0.0)
    with pytest.raises(ZkGone, match="not connected"):
        nobody.ask([get("/")])
    nobody.end()


def test_credentials_are_shown_and_may_be_refused(server):
    good = ZkClient([server.address], [Credentials("digest", b"secret")])
    good.connect(1.0)
    good.end()
    with pytest.raises(ZkDenied, match="scheme digest"):
        ZkClient([server.address], [Credentials("digest", b"wrong")]).connect(1.0)


def test_a_session_that_is_refused_is_no_connection():
    with Server(FakeZooKeeper(), timeout_ms=0) as server:
        with pytest.raises(ZkGone, match="refused"):
            ZkClient([server.address]).connect(0.0)
