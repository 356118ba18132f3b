"""A raw connection that speaks the ZooKeeper protocol: one frame out, one frame in."""

from __future__ import annotations

import contextlib
import socket
import struct
import time

from tests.zookeeper import jute

WAIT_S = 15.0
"""How long a reply may take before a script calls it silence."""


class Closed(Exception):
    """The server closed the connection."""


class Silence(Exception):
    """Nothing came within the time allowed."""


class Link:
    """One TCP connection to (host, port)."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, timeout=5)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def send(self, data: bytes) -> None:
        """Send bytes as they are; a server that has closed already takes none."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(data)

    def send_frame(self, body: bytes) -> None:
        """Send one frame."""
        self.send(jute.integer(len(body)) + body)

    def frame(self, wait_s: float = WAIT_S) -> bytes:
        """Return the body of the next frame.

        Raises:
            Closed: the server closed the connection first.
            Silence: neither happened within `wait_s`.

        """
        until = time.monotonic() + wait_s
        while True:
            if len(self._received) >= 4:
                (length,) = struct.unpack(">i", self._received[:4])
                if len(self._received) >= 4 + length:
                    body = self._received[4 : 4 + length]
                    self._received = self._received[4 + length :]
                    return body
            self._received += self._more(until)

    def everything(self, wait_s: float = WAIT_S) -> bytes:
        """Return all bytes up to the end of the connection."""
        until = time.monotonic() + wait_s
        with contextlib.suppress(Closed):
            while True:
                self._received += self._more(until)
        return self._received

    def _more(self, until: float) -> bytes:
        left = until - time.monotonic()
        if left <= 0:
            raise Silence
        self._socket.settimeout(left)
        try:
            data = self._socket.recv(1 << 20)
        except TimeoutError:
            raise Silence from None
        except ConnectionResetError:
            raise Closed from None
        if not data:
            raise Closed
        return data

    def close(self) -> None:
        """End the TCP connection without a word."""
        self._socket.close()
