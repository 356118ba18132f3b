import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from coordsvc import healthcheck


class Node(BaseHTTPRequestHandler):
    """Answers as the server that made it says."""

    def do_GET(self):
        status, text = self.server.answers[self.path]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def node():
    with HTTPServer(("127.0.0.1", 0), Node) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_ready_node_is_healthy(node, monkeypatch, capsys):
    node.answers = {"/readyz": (200, b"ok\n")}
    monkeypatch.setenv("COORDSVC_HTTP_ADDRESS", f"127.0.0.1:{node.server_port}")
    assert healthcheck.main([]) == 0
    assert capsys.readouterr().out == "ok\n"


def test_a_node_that_listens_everywhere_is_asked_on_this_machine(node):
    node.answers = {"/readyz": (200, b"ok\n")}
    assert healthcheck.main([f"0.0.0.0:{node.server_port}"]) == 0


def test_a_node_that_is_not_ready_says_why(node, capsys):
    node.answers = {"/readyz": (503, b"[-]leader no leader is known\nnot ok\n")}
    assert healthcheck.main([f"127.0.0.1:{node.server_port}"]) == 1
    assert "no leader is known" in capsys.readouterr().out


def test_a_node_that_is_not_there_is_not_healthy(node, capsys):
    port = node.server_port
    node.socket.close()
    assert healthcheck.main([f"127.0.0.1:{port}"]) == 1
    assert f"no answer from 127.0.0.1:{port}" in capsys.readouterr().out


@pytest.mark.parametrize("address", ["", "8181", "localhost", "localhost:", ":8181", "h:-1"])
def test_what_is_no_address_is_said_to_be_none(address):
    with pytest.raises(ValueError, match="is not host:port"):
        healthcheck.place_of(address)
    assert not address or healthcheck.main([address]) == 1


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("n1:8181", ("n1", 8181)),
        ("0.0.0.0:1", ("127.0.0.1", 1)),
        ("[::]:1", ("::1", 1)),
        ("[fe80::1]:1", ("fe80::1", 1)),
    ],
)
def test_an_address_is_read(address, place):
    assert healthcheck.place_of(address) == place
