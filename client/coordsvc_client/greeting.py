"""The first words with a server that may take over from one that has fallen silent.

They are exchanged beside the conversation, which goes on with the connection only if the server
lets the session in: `Conversation.begin` then takes the greeting as said, and what came as heard.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from coordsvc_client.wire import codes, ops
from coordsvc_client.wire.framing import FrameError, FrameSplitter, decode

SESSION_ENDERS: Final = frozenset({codes.SESSION_EXPIRED, codes.BAD_PASSWORD})
"""A goodbye with one of these is true of every server: the session is lost for ever."""


class Verdict(Enum):
    """What a server's first words mean for the conversation."""

    TAKE = "take"
    """Go on here; also to hear that the session has ended."""
    LEAVE = "leave"
    """This server cannot serve at present."""


class Greeting:
    """A HELLO that was sent, and what has come since."""

    __slots__ = ("at", "data", "hello", "session", "verdict")

    def __init__(self, hello: bytes, *, session: int, at: int) -> None:
        self.hello: bytes = hello
        """The frame to send first."""
        self.session: int = session
        """The session it speaks of; 0 if it opens one."""
        self.at: int = at
        """When it was sent."""
        self.data: bytes = b""
        """All that has come."""
        self.verdict: Verdict | None = None

    def receive(self, data: bytes) -> Verdict | None:
        """Take bytes; return what is to be done, or None as long as that is not clear."""
        self.data += data
        if self.verdict is None:
            self.verdict = self._judge()
        return self.verdict

    def _judge(self) -> Verdict | None:
        try:
            bodies = FrameSplitter().split(self.data)
            first = decode(bodies[0]) if bodies else None
        except FrameError:
            return Verdict.LEAVE
        match first:
            case None:
                return None
            case [[ops.WELCOME, *_], *_]:
                return Verdict.TAKE
            case [[ops.GOODBYE, code, *_], *_] if self.session > 0 and code in SESSION_ENDERS:
                return Verdict.TAKE
            case _:
                return Verdict.LEAVE
