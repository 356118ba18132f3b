"""A server of canned answers on a real port, for what speaks the native protocol from outside."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

from coordsvc_client.wire import codes, ops
from coordsvc_client.wire.framing import FrameSplitter, decode, encode_frame

SESSION = 0x51
STAT = [5, 7, 5, 1000, 2000, 2, 0, 0, 0, 5, 0, 0, 0]

Answer = Callable[[list[object]], tuple[int, object]]


class FakeServer:
    """Welcomes everybody and answers each operation with what `answers` has for it."""

    def __init__(self) -> None:
        self.answers: dict[int, Answer | tuple[int, object]] = {
            ops.PING: (codes.OK, None),
            ops.CLOSE: (codes.OK, None),
        }
        self.events: list[list[object]] = []
        """Sent behind the reply to WATCH and ACQUIRE; an id of None becomes the serial."""
        self.requests: list[tuple[int, list[object]]] = []
        self.hellos: list[list[object]] = []
        self.goodbye: list[object] | None = None
        """Said instead of a welcome."""
        self.leader_address = ""
        self.silent = False
        """Take requests, answer none but the greeting."""
        self.timeout_ms = 10_000
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def asked(self, op: int) -> list[list[object]]:
        return [arguments for asked, arguments in self.requests if asked == op]

    def drop(self) -> None:
        """Break every connection there is."""
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def push(self, message: list[object]) -> None:
        self._connections[-1].sendall(encode_frame([message]))

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()
        for thread in self._threads:
            thread.join(5)
        for connection in self._connections:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        splitter = FrameSplitter()
        while True:
            try:
                data = connection.recv(65_536)
            except OSError:
                return
            if not data:
                return
            for body in splitter.split(data):
                out = self._reply_to(decode(body))
                if out:
                    try:
                        connection.sendall(encode_frame(out))
                    except OSError:
                        return

    def _reply_to(self, request) -> list[object]:
        op, serial, *rest = request
        if op == ops.HELLO:
            self.hellos.append(request)
            if self.goodbye is not None:
                return [[ops.GOODBYE, *self.goodbye]]
            session = request[3] or SESSION
            place = (7, "n1", "n1" if self.leader_address else "", self.leader_address, "test")
            return [[ops.WELCOME, session, b"p", self.timeout_ms, *place]]
        arguments = rest[1:] if op in ops.MUTATIONS else rest[2:]
        self.requests.append((op, arguments))
        if self.silent:
            return []
        answer = self.answers.get(op, (codes.OK, None))
        code, value = answer(arguments) if callable(answer) else answer
        out: list[object] = [[serial, code, 7, value]]
        if op in (ops.WATCH, ops.ACQUIRE):
            for kind, first, *others in self.events:
                out.append([kind, serial if first is None else first, *others])
        return out
