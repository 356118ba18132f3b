"""What all ZooKeeper conversations of one server share, and the codes of the two worlds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from coordsvc.base.ids import Millis
from coordsvc.base.vocabulary import codes
from coordsvc.protocols.talk import Talk
from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.jute import FRAME_BYTES_MAX
from coordsvc.protocols.zookeeper.operators.meter import Meter
from coordsvc.protocols.zookeeper.sasl import DigestMd5
from coordsvc.replica.replica import Replica


class Answering(Talk, Protocol):
    """A conversation that answers no more while too much is unsent."""

    def go_on(self) -> None:
        """Take up what has waited for that to be sent."""


@dataclass(slots=True)
class ZooKeeperHall:
    """Settings and parts that every conversation needs."""

    replica: Replica
    dirty: list[Answering]
    """Conversations with something to send; the runtime empties it every turn."""
    told: deque[Answering] = field(default_factory=deque, kw_only=True)
    """Conversations with events alone to send; the runtime takes a slice of them a turn."""
    new_password: Callable[[], bytes]
    """Return 16 bytes that nobody can guess."""
    session_timeout_ms_min: Millis = 4_000
    session_timeout_ms_max: Millis = 40_000
    super_digest: str = ""
    """`user:base64` of whom no ACL stops; empty: nobody."""
    super_users: frozenset[str] = frozenset()
    """SASL users and subjects of certificates whom no ACL stops."""
    frame_bytes_max: int = FRAME_BYTES_MAX
    """Of a request; a longer one ends its connection."""
    read_only: bool = False
    """Whether clients that ask for it are served without a quorum."""
    new_sasl: Callable[[], DigestMd5 | None] = lambda: None
    """Begin an authentication with SASL; None: there are no users to show to be."""
    config: Callable[[], bytes] = lambda: b""
    """Return the text of /zookeeper/config."""
    requests: dict[int, int] = field(default_factory=dict)
    """How many were taken, by opcode."""
    sent: int = 0
    """How many frames were sent."""
    meter: Meter = field(default_factory=Meter)
    """How long answers took."""

    @property
    def received(self) -> int:
        """How many requests were taken."""
        return sum(self.requests.values())

    def count(self, op: int) -> None:
        """Count a request."""
        self.requests[op] = self.requests.get(op, 0) + 1


ERROR_OF: Final = {
    codes.OK: numbers.OK,
    codes.NO_NODE: numbers.NO_NODE,
    codes.NODE_EXISTS: numbers.NODE_EXISTS,
    codes.BAD_VERSION: numbers.BAD_VERSION,
    codes.NOT_EMPTY: numbers.NOT_EMPTY,
    codes.LOCKED: numbers.NOT_EMPTY,
    codes.NO_CHILDREN_FOR_EPHEMERALS: numbers.NO_CHILDREN_FOR_EPHEMERALS,
    codes.BAD_PATH: numbers.BAD_ARGUMENTS,
    codes.BAD_ARGUMENTS: numbers.BAD_ARGUMENTS,
    codes.DENIED: numbers.NO_AUTH,
    codes.INVALID_ACL: numbers.INVALID_ACL,
    codes.QUOTA_EXCEEDED: numbers.QUOTA_EXCEEDED,
    codes.ROLLED_BACK: numbers.RUNTIME_INCONSISTENCY,
}
"""ZooKeeper's error for each code of the state machine; SYSTEM_ERROR for any other."""


def error_of(code: int) -> int:
    """Return ZooKeeper's error for a result code."""
    return ERROR_OF.get(code, numbers.SYSTEM_ERROR)
