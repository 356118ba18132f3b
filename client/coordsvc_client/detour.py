"""A way around a silent server: another one is dialed and greeted beside it, without blocking.

The owner polls `interest()` until `deadline()` and calls `advance`, which returns a connection
once a server has let the session in. What happens to the silent one meanwhile is the owner's.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Sequence
from typing import Final, NamedTuple

from coordsvc_client.conversation import Conversation
from coordsvc_client.dialing import Dialer
from coordsvc_client.greeting import Greeting, Verdict

RECEIVE_BYTES: Final = 64 * 1024


class Found(NamedTuple):
    """A connection to go on with."""

    socket: socket.socket
    endpoint: str
    greeting: Greeting


class Detour:
    """Tries other servers in turn until one lets the session in."""

    def __init__(self, conversation: Conversation, others: Sequence[str]) -> None:
        self._conversation = conversation
        self._dialer = Dialer(others)
        self._socket: socket.socket | None = None
        self._greeting: Greeting | None = None
        self._until = 0

    def interest(self) -> tuple[int, int] | None:
        """Return the descriptor and poll events to wait for, if any."""
        if self._socket is not None:
            return self._socket.fileno(), select.POLLIN
        return self._dialer.interest()

    def deadline(self) -> int:
        """Return when to call `advance` at the latest."""
        return self._until if self._socket is not None else self._dialer.deadline()

    def advance(self, now: int) -> Found | None:
        """Go on as far as possible without waiting; return the connection, if there is one."""
        if self._socket is None:
            self._socket = self._dialer.advance(now)
            if self._socket is not None:
                self._greet(self._socket, now)
            return None
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            if now >= self._until:
                self._drop()
            return None
        except OSError:
            data = b""
        assert self._greeting is not None
        verdict = self._greeting.receive(data) if data else Verdict.LEAVE
        if verdict is Verdict.TAKE:
            found = Found(self._socket, self._dialer.endpoint, self._greeting)
            self._socket = None
            return found
        if verdict is Verdict.LEAVE:
            self._drop()
        return None

    def _greet(self, connected: socket.socket, now: int) -> None:
        self._greeting = self._conversation.greet(now)
        self._until = now + self._conversation.patience_ms()
        try:
            sent = connected.send(self._greeting.hello)
        except OSError:
            self._drop()
        else:
            assert sent == len(self._greeting.hello), "a new socket has room for a hundred bytes"

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Give up what is under way."""
        self._drop()
        self._dialer.close()
