"""Later: an answer in line that is decided elsewhere, such as that of a sync."""

from __future__ import annotations

from coordsvc.base.ids import Index
from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.answers import failure, reply


class Later:
    """One answer to come. What is asked behind it is answered after it."""

    __slots__ = ("_body", "_error", "decided", "xid")

    def __init__(self, xid: int, body: bytes = b"") -> None:
        """Expect an answer to `xid`, which has `body` unless it is decided otherwise."""
        self.xid = xid
        self.decided = False
        self._body = body
        self._error = numbers.OK

    def decide(self, error: int = numbers.OK, body: bytes | None = None) -> None:
        """Say what the answer is."""
        self.decided = True
        self._error = error
        if body is not None:
            self._body = body

    def frame(self, zxid: Index) -> bytes:
        """Return the reply."""
        assert self.decided, "it is not known yet"
        if self._error != numbers.OK:
            return failure(self.xid, zxid, self._error)
        return reply(self.xid, zxid, self._body)
