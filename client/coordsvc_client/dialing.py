"""Opening a TCP connection to one of several servers, without ever blocking.

The owner polls `interest()` until `deadline()` and calls `advance`, which returns the socket once
there is one. Names are resolved anew for each attempt, in a thread: a resolver that hangs must
not keep the owner from noticing that its lease ends.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import threading
from collections import deque
from collections.abc import Sequence
from typing import Final, TypeAlias

DEFAULT_ENDPOINTS: Final = "127.0.0.1:2181,127.0.0.1:2182,127.0.0.1:2183"
"""Where `coordsvc dev` runs a cluster."""
ENDPOINTS_VARIABLE: Final = "COORDSVC_ENDPOINTS"
"""The environment variable that names another one."""
NEVER: Final = 1 << 62
CONNECT_MS: Final = 2_000
"""For one address; a server that does not answer in that time is no help."""
PAUSE_MS_MIN: Final = 20
PAUSE_MS_MAX: Final = 500
"""Between rounds through all servers: doubles from the one to the other."""

Place: TypeAlias = tuple[int, tuple[str | int | bytes, ...]]
"""Family and address as the socket module has them."""


def host_and_port(endpoint: str) -> tuple[str, int]:
    """Split `host:port` or `[ipv6]:port`.

    Raises:
        ValueError: it is neither.

    """
    host, colon, port = endpoint.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"{endpoint!r} is not host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


class Resolution:
    """The addresses of one endpoint, looked up in the background unless they are numbers."""

    def __init__(self, endpoint: str) -> None:
        self.places: list[Place] | None = None
        """The result, once there is one; empty if there is no such host."""
        self.fault = ""
        self.done_fd: int = -1
        """Readable once there is a result; -1 if there was one at once."""
        self._host, self._port = host_and_port(endpoint)
        self._look_up(socket.AI_NUMERICHOST)
        if self._is_known():
            return
        self.places = None
        self.done_fd, self._tell_fd = os.pipe()
        threading.Thread(target=self._work, daemon=True).start()

    def _is_known(self) -> bool:
        return bool(self.places)

    def _look_up(self, flags: int) -> None:
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM, flags=flags)
        except OSError as error:
            self.fault = f"{self._host}: {error.strerror}"
            self.places = []
        except ValueError:  # what cannot even be asked for: a label that is empty, or too long
            self.fault = f"{self._host}: not the name of a host"
            self.places = []
        else:
            self.places = [(family, address) for family, _, _, _, address in found]

    def _work(self) -> None:
        self._look_up(0)
        os.close(self._tell_fd)

    def close(self) -> None:
        """Give back what it holds. The thread ends by itself."""
        if self.done_fd >= 0:
            os.close(self.done_fd)
            self.done_fd = -1


class Dialer:
    """Tries the servers in turn until one takes a connection."""

    def __init__(self, endpoints: Sequence[str], *, pause_ms_max: int = PAUSE_MS_MAX) -> None:
        assert endpoints, "there is somebody to call"
        for endpoint in endpoints:
            host_and_port(endpoint)
        self.rounds = 0
        """How often every server was tried in vain since the last success."""
        self.fault = ""
        """Why the last attempt failed."""
        self.endpoint: str = ""
        """The server tried last: that of the socket returned, if one was."""
        self._endpoints = list(endpoints)
        self._pause_ms_max = pause_ms_max
        self._turn = deque(endpoints)
        self._resolution: Resolution | None = None
        self._places: deque[Place] = deque()
        self._socket: socket.socket | None = None
        self._until = 0
        self._pause_until = 0

    def learn(self, members: Sequence[str]) -> None:
        """From now on also try these, behind those given in the beginning."""
        for member in members:
            with contextlib.suppress(ValueError):
                host_and_port(member)
                if member not in self._endpoints:
                    self._endpoints.append(member)

    def prefer(self, endpoint: str) -> None:
        """Try this server next; one that is not an address is ignored."""
        with contextlib.suppress(ValueError):
            host_and_port(endpoint)
            self._turn.appendleft(endpoint)

    def succeeded(self) -> None:
        """Note that the server proved useful: the next search starts without a pause."""
        self.rounds = 0

    def interest(self) -> tuple[int, int] | None:
        """Return the descriptor and poll events to wait for, if any."""
        if self._socket is not None:
            return self._socket.fileno(), select.POLLOUT
        if self._resolution is not None:
            return self._resolution.done_fd, select.POLLIN
        return None

    def deadline(self) -> int:
        """Return when to call `advance` at the latest."""
        if self._socket is not None:
            return self._until
        return NEVER if self._resolution is not None else self._pause_until

    def advance(self, now: int) -> socket.socket | None:
        """Go on as far as possible without waiting; return the connected socket, if there is."""
        while True:
            if self._socket is not None:
                if not self._is_decided(now):
                    return None
                if (connected := self._take()) is not None:
                    return connected
            elif self._places:
                self._connect(self._places.popleft(), now)
            elif self._resolution is not None:
                if self._resolution.places is None:
                    return None
                self._take_places(self._resolution)
            elif now < self._pause_until or not self._next_endpoint(now):
                return None

    def _next_endpoint(self, now: int) -> bool:
        """Begin with the next server; after the last one, begin a pause and return False."""
        if not self._turn:
            self._turn.extend(self._endpoints)
            self._pause_until = now + min(PAUSE_MS_MIN << min(self.rounds, 10), self._pause_ms_max)
            self.rounds += 1
            return False
        self.endpoint = self._turn.popleft()
        self._resolution = Resolution(self.endpoint)
        return True

    def _take_places(self, resolution: Resolution) -> None:
        assert resolution.places is not None
        self._places.extend(resolution.places)
        if not resolution.places:
            self.fault = resolution.fault
        resolution.close()
        self._resolution = None

    def _connect(self, place: Place, now: int) -> None:
        family, address = place
        try:
            attempt = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            self._note(error.errno)
            return
        attempt.setblocking(False)
        attempt.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = attempt.connect_ex(address)
        if code not in (0, errno.EINPROGRESS):
            self._note(code)
            attempt.close()
            return
        self._socket = attempt
        self._until = now + CONNECT_MS

    def _is_decided(self, now: int) -> bool:
        assert self._socket is not None
        poller = select.poll()
        poller.register(self._socket, select.POLLOUT)
        return bool(poller.poll(0)) or now >= self._until

    def _take(self) -> socket.socket | None:
        """Return the socket if the attempt succeeded; otherwise drop it."""
        attempt, self._socket = self._socket, None
        assert attempt is not None
        code = attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == 0:
            try:
                attempt.getpeername()
            except OSError:
                code = errno.ETIMEDOUT
        if code == 0:
            self._places.clear()
            return attempt
        self._note(code)
        attempt.close()
        return None

    def _note(self, code: int | None) -> None:
        self.fault = f"{self.endpoint}: {os.strerror(code or 0)}"

    def close(self) -> None:
        """Give up what is under way."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._resolution is not None:
            self._resolution.close()
            self._resolution = None
