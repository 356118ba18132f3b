import contextlib
import dataclasses
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from coordsvc.cli.shared import Failure, Shared
from coordsvc.cli.web import fetch, stream


@pytest.fixture
def site():
    """An HTTP server that answers with `site.reply` and keeps what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            size = int(self.headers.get("Content-Length") or 0)
            server.seen.append((self.command, self.path, self.rfile.read(size), dict(self.headers)))
            status, body = server.reply
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_DELETE = do_GET

        def log_message(self, *_arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.seen, server.reply = [], (200, b"{}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def options_of(*servers) -> Shared:
    places = tuple(f"127.0.0.1:{s if isinstance(s, int) else s.server_port}" for s in servers)
    return Shared(("127.0.0.1:1",), places, "text", quiet=False, timeout_s=5.0)


def test_json_is_asked_and_answered(site, monkeypatch):
    monkeypatch.setenv("COORDSVC_TOKEN", "secret")
    site.reply = (200, b'{"a": 1}')
    assert fetch(options_of(site), "POST", "/x", {"to": "n2"}) == {"a": 1}
    ((method, path, body, headers),) = site.seen
    assert (method, path, json.loads(body)) == ("POST", "/x", {"to": "n2"})
    assert headers["Authorization"] == "Bearer secret"


def test_an_empty_answer_is_nothing(site):
    site.reply = (204, b"")
    assert fetch(options_of(site), "DELETE", "/x") is None


def test_a_node_that_is_down_is_passed_over(site):
    assert fetch(options_of(1, site), "GET", "/x") == {}


def test_a_node_that_knows_no_leader_is_passed_over(site):
    class Alone(BaseHTTPRequestHandler):
        def do_GET(self):
            body = b'{"code": "no_quorum", "detail": "turned away"}'
            self.send_response(503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments):
            pass

    alone = HTTPServer(("127.0.0.1", 0), Alone)
    threading.Thread(target=alone.handle_request).start()
    assert fetch(options_of(alone, site), "GET", "/x") == {}
    alone.server_close()


def test_nobody_to_ask_is_unreachable():
    with pytest.raises(Failure, match="no node can be asked") as caught:
        fetch(options_of(1), "GET", "/x")
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("reply", "exit_code", "text"),
    [
        ((404, {"code": "session_expired", "detail": "no session 9"}), 7, "no session 9"),
        ((409, {"code": "something_new", "detail": "no"}), 4, "no"),
        ((503, {"code": "no_quorum"}), 5, "no_quorum"),
        ((403, ["?"]), 6, "HTTP 403 Forbidden"),
        ((500, {}), 1, "HTTP 500 Internal Server Error"),
    ],
)
def test_a_problem_becomes_an_exit_code(site, reply, exit_code, text):
    site.reply = (reply[0], json.dumps(reply[1]).encode())
    with pytest.raises(Failure) as caught:
        fetch(options_of(site), "GET", "/x")
    assert (caught.value.exit_code, str(caught.value)) == (exit_code, text)


def test_a_stream_comes_in_pieces_as_it_is(site):
    site.reply = (200, b"\xff" * 600_000)
    pieces = list(stream(options_of(site), "/v1/snapshot"))
    assert b"".join(pieces) == site.reply[1]
    assert len(pieces) > 1


@pytest.fixture
def mute():
    """A node that takes a request and dies before it has answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def die():
            with contextlib.suppress(OSError):
                while True:
                    peer, _ = server.accept()
                    peer.recv(65_536)
                    peer.close()

        threading.Thread(target=die, daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_what_may_have_been_done_is_not_asked_of_another_node(site, mute, method):
    """It would answer that there is no such session, or that the member exists already."""
    with pytest.raises(Failure, match="may have been done") as failure:
        fetch(options_of(mute, site), method, "/x")
    assert failure.value.exit_code == 124
    assert site.seen == []
    assert fetch(options_of(mute, site), "GET", "/x") == {}


def test_a_place_that_is_none_is_passed_over(site):
    options = options_of(site)
    odd = dataclasses.replace(options, http_endpoints=("a..b:1", *options.http_endpoints))
    assert fetch(odd, "GET", "/x") == {}
