import select
import socket
import threading

import pytest

from coordsvc_client import dialing
from coordsvc_client.dialing import NEVER, Dialer, Resolution, host_and_port


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def endpoint_of(server) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def advance(dialer: Dialer, now: int):
    """Go on until it is connected or begins a pause."""
    for _ in range(100):
        connected = dialer.advance(now)
        interest = dialer.interest()
        if connected is not None or interest is None:
            return connected
        poller = select.poll()
        poller.register(*interest)
        poller.poll(5_000)
    raise AssertionError("it goes on for ever")


def test_a_server_that_was_told_of_is_tried_too(listener, closed_port):
    dialer = Dialer([f"127.0.0.1:{closed_port}"])
    dialer.learn([endpoint_of(listener), "nonsense"])
    connected = advance(dialer, 0) or advance(dialer, 1_000)
    connected.close()
    assert dialer.endpoint == endpoint_of(listener)
    dialer.close()


@pytest.mark.parametrize("text", ["", "host", "host:", ":1", "host:x", "host:70000"])
def test_an_endpoint_is_a_host_and_a_port(text):
    with pytest.raises(ValueError, match="is not host:port"):
        host_and_port(text)


def test_an_ipv6_endpoint_is_in_brackets():
    assert host_and_port("[::1]:2181") == ("::1", 2181)


def test_a_number_is_resolved_at_once():
    resolution = Resolution("127.0.0.1:7")
    assert resolution.places == [(socket.AF_INET, ("127.0.0.1", 7))]
    assert resolution.done_fd == -1
    resolution.close()


def test_a_name_is_resolved_in_the_background(listener, monkeypatch):
    asked = threading.Event()

    def slow(_host, port, *, flags, **_options):
        if flags:
            raise socket.gaierror(socket.EAI_NONAME, "not a number")
        asked.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))]

    monkeypatch.setattr(dialing.socket, "getaddrinfo", slow)
    dialer = Dialer([f"node:{listener.getsockname()[1]}"])
    assert dialer.advance(0) is None
    assert dialer.deadline() == NEVER
    asked.set()
    connected = advance(dialer, 0)
    assert connected is not None
    connected.close()


def test_a_name_that_nobody_knows_is_told(monkeypatch):
    def unknown(*_arguments, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(dialing.socket, "getaddrinfo", unknown)
    dialer = Dialer(["nobody:1"])
    assert advance(dialer, 0) is None
    assert dialer.fault == "nobody: Name or service not known"


def test_the_first_server_that_answers_is_taken(listener, closed_port):
    dialer = Dialer([f"127.0.0.1:{closed_port}", endpoint_of(listener)])
    connected = advance(dialer, 0)
    assert connected.getpeername() == listener.getsockname()
    assert not connected.getblocking()
    connected.close()


def test_rounds_in_vain_are_further_and_further_apart(closed_port):
    dialer = Dialer([f"127.0.0.1:{closed_port}"], pause_ms_max=100)
    pauses, now = [], 0
    for _ in range(5):
        assert advance(dialer, now) is None
        pauses.append(dialer.deadline() - now)
        assert advance(dialer, dialer.deadline() - 1) is None
        now = dialer.deadline()
    assert pauses == [20, 40, 80, 100, 100]
    assert dialer.rounds == 5
    assert "Connection refused" in dialer.fault
    dialer.succeeded()
    assert dialer.rounds == 0


def test_the_preferred_server_comes_next(listener, closed_port):
    with socket.create_server(("127.0.0.1", 0)) as other:
        dialer = Dialer([endpoint_of(listener)])
        dialer.prefer("no address")
        dialer.prefer(endpoint_of(other))
        connected = advance(dialer, 0)
        assert connected.getpeername() == other.getsockname()
        connected.close()


def test_a_server_that_does_not_answer_is_given_up_in_time():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        fillers = []
        for _ in range(4):  # the queue of the listener is full: further attempts hang
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
            fillers.append(filler)
        dialer = Dialer([endpoint_of(full)])
        assert dialer.advance(1_000) is None
        assert dialer.deadline() == 1_000 + dialing.CONNECT_MS
        assert dialer.advance(dialer.deadline() - 1) is None
        assert dialer.interest() is not None
        assert dialer.advance(dialer.deadline()) is None
        assert dialer.interest() is None
        assert dialer.fault.endswith("Connection timed out")
        for filler in fillers:
            filler.close()
        dialer.close()


def test_an_attempt_can_be_given_up():
    with socket.create_server(("127.0.0.1", 0)) as server:
        dialer = Dialer([endpoint_of(server)])
        dialer._connect((socket.AF_INET, server.getsockname()), 0)
        dialer.close()
        assert dialer.interest() is None
    dialer._resolution = Resolution("127.0.0.1:1")
    dialer.close()
    assert dialer.interest() is None


def test_a_family_that_this_machine_has_not_is_passed_over(monkeypatch, listener):
    dialer = Dialer([endpoint_of(listener)])
    dialer._places.append((9999, ("x", 1)))
    connected = advance(dialer, 0)
    assert connected is not None
    connected.close()


def test_an_address_that_cannot_be_reached_at_all_is_passed_over(listener):
    dialer = Dialer(["255.255.255.255:1", endpoint_of(listener)])
    connected = advance(dialer, 0)
    assert connected.getpeername() == listener.getsockname()
    connected.close()


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"])
def test_what_cannot_be_the_name_of_a_host_is_passed_over(host, listener):
    dialer = Dialer([f"{host}:1", endpoint_of(listener)])
    connected = advance(dialer, 0) or advance(dialer, 1_000)
    connected.close()
    dialer.close()
