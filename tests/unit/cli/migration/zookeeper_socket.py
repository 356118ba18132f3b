"""FakeZooKeeper behind a socket: one connection after another, on a thread."""

from __future__ import annotations

import contextlib
import socket
import threading

from coordsvc.protocols.zookeeper import numbers as n
from coordsvc.protocols.zookeeper.jute import REPLY, FrameSplitter, Reader, pack_frame
from coordsvc.protocols.zookeeper.records import (
    ConnectResponse,
    WatcherEvent,
    pack_connect_response,
    pack_watcher_event,
    read_connect_request,
)


class Server:
    """Serves until it is closed. `frames` are what clients have sent, without their lengths."""

    def __init__(self, fake, *, timeout_ms=30_000, watches=True):
        self.fake = fake
        self.timeout_ms = timeout_ms
        self.watches = watches
        self.password = b"secret"
        self.drop_after = None
        self.answers_pings = True
        self.connections = 0
        self.pings = 0
        self.connection = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()
        self._thread.join(5)

    def drop(self):
        if self.connection is not None:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    def tell(self, path):
        self._send(
            n.XID_EVENT, -1, 0, pack_watcher_event(WatcherEvent(n.NODE_DATA_CHANGED, 3, path))
        )

    def _run(self):
        while True:
            try:
                self.connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with self.connection, contextlib.suppress(OSError):
                self._serve()

    def _serve(self):
        splitter, greeted = FrameSplitter(2**28), False
        while data := self.connection.recv(65536):
            for body in splitter.split(data):
                if greeted:
                    if not self._answer(Reader(body)):
                        return
                else:
                    greeted = True
                    read_connect_request(Reader(body))
                    response = ConnectResponse(self.timeout_ms, 7, bytes(16), False)
                    self.connection.sendall(pack_frame(pack_connect_response(response)))

    def _answer(self, body):
        xid, op = body.read_int(), body.read_int()
        if op == n.PING:
            self.pings += 1
            if self.answers_pings:
                self._send(n.XID_PING, self.fake.zxid, 0, b"")
            return True
        if op == n.AUTH:
            body.read_int()
            good = (body.read_text(), body.read_buffer()) == ("digest", self.password)
            self._send(n.XID_AUTH, 0, 0 if good else n.AUTH_FAILED, b"")
            return good
        if op == n.CLOSE_SESSION:
            self._send(xid, self.fake.zxid, 0, b"")
            return False
        if op == n.ADD_WATCH:
            if self.watches is None:
                return False
            self._send(xid, self.fake.zxid, 0 if self.watches else n.UNIMPLEMENTED, bytes(4))
            return True
        if self.drop_after is not None:
            self.drop_after -= 1
            if self.drop_after < 0:
                self.drop_after = None
                return False
        reply = self.fake.answer(op, body)
        self._send(xid, self.fake.zxid, reply.error, b"" if reply.error else reply.body.data)
        return True

    def _send(self, xid, zxid, error, body):
        self.connection.sendall(REPLY.pack(16 + len(body), xid, zxid, error) + body)
