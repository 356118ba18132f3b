"""A small blocking client of ZooKeeper's protocol: pipelined requests, events, reconnecting."""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.jute import FrameLengthError, FrameSplitter, JuteError, Reader
from coordsvc.protocols.zookeeper.jute import pack_frame as framed
from coordsvc.protocols.zookeeper.records import (
    ConnectRequest,
    ReplyHeader,
    WatcherEvent,
    pack_auth,
    pack_connect_request,
    pack_request_header,
    read_connect_response,
    read_reply_header,
    read_watcher_event,
)

SESSION_MS: Final = 30_000
CONNECT_S: Final = 5.0
ANSWER_S: Final = 30.0
BACK_S: Final = 60.0
"""How long to look for a server that answers before giving up."""
WINDOW: Final = 256
WINDOW_BYTES: Final = 1_000_000
REPLY_BYTES_MAX: Final = 256 * 1024 * 1024
"""A reply may list any number of children."""
_RECEIVE_BYTES: Final = 256 * 1024
_PING: Final = framed(pack_request_header(numbers.XID_PING, numbers.PING))


class ZkGone(Exception):
    """The connection is lost: what was not answered may or may not have been done."""


class ZkDenied(Exception):
    """The server does not take these credentials."""


class Request(NamedTuple):
    """One request: its operation, and its body as records pack it."""

    op: int
    body: bytes


class Reply(NamedTuple):
    """One answer; the body is there only if the error is 0."""

    error: int
    body: Reader


class Credentials(NamedTuple):
    """What to authenticate with, such as digest and `user:password`."""

    scheme: str
    secret: bytes


class ZkClient:
    """A connection with a session, to whichever of the servers answers."""

    def __init__(
        self, servers: Sequence[tuple[str, int]], credentials: Sequence[Credentials] = ()
    ) -> None:
        """Remember where to connect; `connect` does it."""
        self._servers = deque(servers)
        self._credentials = credentials
        self._socket: socket.socket | None = None
        self._splitter = FrameSplitter(REPLY_BYTES_MAX)
        self._bodies: deque[bytes] = deque()
        self._xid = 0
        self._timeout_s = SESSION_MS / 1000
        self._sent_at = 0.0
        self._heard_at = 0.0
        self.events: deque[WatcherEvent] = deque()
        """What watches have told; the owner takes them from the left."""
        self.last_zxid = 0

    # ------------------------------------------------------------------ the connection

    def connect(self, patience_s: float = BACK_S) -> None:
        """Open a session on the first server that answers; try for so long.

        Raises:
            ZkGone: none did.
            ZkDenied: one did, but refuses the credentials.

        """
        until = time.monotonic() + patience_s
        why = ""
        while True:
            for _ in range(len(self._servers)):
                host, port = self._servers[0]
                try:
                    self._connect_to(host, port)
                except (OSError, ZkGone, JuteError, FrameLengthError) as error:
                    why = f"{host}:{port}: {error}"
                    self.close()
                    self._servers.rotate(-1)
                except ZkDenied:
                    self.close()
                    raise
                else:
                    return
            if time.monotonic() >= until:
                raise ZkGone(f"no server answers ({why})")
            time.sleep(0.2)

    def _connect_to(self, host: str, port: int) -> None:
        self.close()
        self._socket = socket.create_connection((host, port), timeout=CONNECT_S)
        self._socket.settimeout(ANSWER_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._splitter = FrameSplitter(REPLY_BYTES_MAX)
        self._bodies.clear()
        self.events.clear()
        # Having seen nothing yet is true of a new session, and lets any server take it.
        hello = ConnectRequest(0, 0, SESSION_MS, 0, bytes(16), False)
        self._send(framed(pack_connect_request(hello)))
        welcome = read_connect_response(Reader(self._receive(CONNECT_S)))
        if welcome.timeout_ms <= 0:
            raise ZkGone("the session was refused")
        self._timeout_s = welcome.timeout_ms / 1000
        for scheme, secret in self._credentials:
            self._authenticate(scheme, secret)

    def _authenticate(self, scheme: str, secret: bytes) -> None:
        header = pack_request_header(numbers.XID_AUTH, numbers.AUTH)
        self._send(framed(header + pack_auth(scheme, secret)))
        answer, _ = self._reply()
        if answer.error:
            raise ZkDenied(f"the credentials of scheme {scheme} are refused")

    def close(self) -> None:
        """Let go of the connection; the session ends by itself, if `end` has not ended it."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def end(self) -> None:
        """End the session and the connection."""
        try:
            if self._socket is not None:
                self.ask([Request(numbers.CLOSE_SESSION, b"")])
        except ZkGone:
            pass
        self.close()

    # ------------------------------------------------------------------ requests

    def ask(self, requests: Sequence[Request]) -> list[Reply]:
        """Send requests, several at a time, and return their answers in the same order.

        Raises:
            ZkGone: the connection is lost.

        """
        replies: list[Reply] = []
        sizes: deque[int] = deque()  # of the frames that wait for their answers
        for request in requests:
            while sizes and (len(sizes) >= WINDOW or sum(sizes) >= WINDOW_BYTES):
                replies.append(self._answer_to(sizes))
            self._xid = self._xid % (2**31 - 2) + 1
            frame = framed(pack_request_header(self._xid, request.op) + request.body)
            self._send(frame)
            sizes.append(len(frame))
        while sizes:
            replies.append(self._answer_to(sizes))
        return replies

    def _answer_to(self, sizes: deque[int]) -> Reply:
        header, body = self._reply()
        sizes.popleft()
        return Reply(header.error, body)

    def wait(self, seconds: float) -> None:
        """Listen for events, for so long or until there are some; keep the session alive.

        Raises:
            ZkGone: the connection is lost.

        """
        until = time.monotonic() + seconds
        while not self.events:
            self.keep_alive()
            left = max(0.0, until - time.monotonic())
            if self._has_news(min(left, self._timeout_s / 3)):
                self._take_unasked()
            elif not left:
                return

    def keep_alive(self) -> None:
        """Send a sign of life if it is time for one.

        Raises:
            ZkGone: the connection is lost, or the server has been silent for too long.

        """
        now = time.monotonic()
        if now - self._sent_at > self._timeout_s / 3:
            self._send(_PING)
        if now - self._heard_at > self._timeout_s:
            raise ZkGone("the server is silent")

    # ------------------------------------------------------------------ bytes

    def _reply(self) -> tuple[ReplyHeader, Reader]:
        """Return the next answer; note events and pings that come before it."""
        while True:
            body = Reader(self._receive(ANSWER_S))
            header = self._header(body)
            if header is not None:
                return header, body

    def _header(self, body: Reader) -> ReplyHeader | None:
        """Read what a frame begins with; deal with what answers no request."""
        try:
            header = read_reply_header(body)
            if header.xid == numbers.XID_EVENT:
                self.events.append(read_watcher_event(body))
                return None
        except JuteError as error:
            raise ZkGone(f"what came is no answer: {error}") from error
        if header.zxid > 0:
            self.last_zxid = max(self.last_zxid, header.zxid)
        return None if header.xid == numbers.XID_PING else header

    def _take_unasked(self) -> None:
        """Take a frame that answers no request."""
        if self._header(Reader(self._receive(ANSWER_S))) is not None:
            raise ZkGone("an answer came to nothing that was asked")

    def _has_news(self, seconds: float) -> bool:
        if self._bodies:
            return True
        if self._socket is None:
            raise ZkGone("not connected")
        return bool(select.select([self._socket], [], [], seconds)[0])

    def _send(self, data: bytes) -> None:
        if self._socket is None:
            raise ZkGone("not connected")
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise ZkGone(str(error)) from error
        self._sent_at = time.monotonic()

    def _receive(self, seconds: float) -> bytes:
        """Return the next frame."""
        until = time.monotonic() + seconds
        while not self._bodies:
            left = until - time.monotonic()
            if left <= 0 or not self._has_news(left):
                raise ZkGone(f"no answer within {seconds:g} s")
            assert self._socket is not None, "it has news"
            try:
                data = self._socket.recv(_RECEIVE_BYTES)
                if not data:
                    raise ZkGone("the server has closed the connection")
                self._bodies.extend(self._splitter.split(data))
            except (OSError, FrameLengthError) as error:
                raise ZkGone(str(error)) from error
        self._heard_at = time.monotonic()
        return self._bodies.popleft()
