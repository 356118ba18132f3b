"""A connection that sends whatever a test wants, and shows what comes back."""

from __future__ import annotations

import socket
import struct
from typing import Self

import msgpack

from coordsvc.base.vocabulary import ops

WAIT_S = 5.0
HELLO_NAME = "raw"


def frame(value):
    """Return a value as one frame of the native protocol."""
    body = msgpack.packb(value, use_bin_type=True)
    return struct.pack(">I", len(body)) + body


class Raw:
    """A TCP connection to `address` (host:port). Use as a context manager."""

    def __init__(self, address: str, *, receive_buffer: int | None = None) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(WAIT_S)
        self.socket.connect((host, int(port)))
        self._received = b""
        self._messages: list[list] = []
        self._serial = 0
        self.session = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def hello(self, session=0, password=b"0123456789abcdef", timeout_ms=10_000):
        """Greet; return the answer."""
        self.send([ops.HELLO, ops.MAGIC, [1], session, password, timeout_ms, 0, HELLO_NAME])
        answer = self.message()
        if answer[0] == ops.WELCOME:
            self.session = answer[1]
        return answer

    def send(self, value) -> None:
        """Send a value as one frame."""
        self.socket.sendall(frame(value))

    def ask(self, op, *args):
        """Send a request with the fields every request has; return its reply."""
        self._serial += 1
        head = [op, self._serial, ops.LINEARIZABLE, 0] if op in ops.READS else None
        self.send([*(head or [op, self._serial, self._serial]), *args])
        return self.reply(self._serial)

    def reply(self, serial):
        """Return the next message that is the reply to `serial`, or GOODBYE."""
        while True:
            message = self.message()
            if message[0] in (serial, ops.GOODBYE):
                return message

    def message(self):
        """Return the next message; None at the end of the connection."""
        while not self._messages:
            head = self._exactly(4)
            if head is None:
                return None
            (size,) = struct.unpack(">I", head)
            self._messages = msgpack.unpackb(self._exactly(size), raw=False)
        return self._messages.pop(0)

    def last_words(self):
        """Return all messages until the server closes the connection."""
        words = []
        while (message := self.message()) is not None:
            words.append(message)
        return words

    def _exactly(self, size):
        while len(self._received) < size:
            try:
                data = self.socket.recv(1 << 18)
            except ConnectionResetError:
                data = b""
            if not data:
                assert not self._received, "the connection ended inside of a frame"
                return None
            self._received += data
        data, self._received = self._received[:size], self._received[size:]
        return data
