"""What all native conversations of one server share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from coordsvc.base.ids import Millis, NodeId
from coordsvc.base.values import Value
from coordsvc.protocols.native.events import EventEncoder
from coordsvc.protocols.talk import Talk
from coordsvc.replica.codec import Names
from coordsvc.replica.replica import Replica
from coordsvc.state.queries import Pages


@dataclass(slots=True)
class Hall:
    """Settings and parts that every conversation needs."""

    replica: Replica
    pages: Pages
    """Listings that are being read page by page."""
    dirty: list[Talk]
    """Conversations with an answer to send; the runtime empties it every turn."""
    address_of: Callable[[NodeId], str]
    """Where clients reach a member; the empty string if that is not known."""
    cluster: str
    session_timeout_ms_min: Millis
    session_timeout_ms_max: Millis
    formerly: Callable[[], Names] = lambda: ()
    """What the cluster was called before it was restored."""
    servers: Callable[[], list[Value]] = list
    """Where clients reach the members, each of them."""
    status: Callable[[], Value] = lambda: None
    """What STATUS answers."""
    told: deque[Talk] = field(default_factory=deque)
    """Conversations that only have events to send; the runtime takes some of them every turn."""
    events: EventEncoder = field(default_factory=EventEncoder)
    requests: list[int] = field(default_factory=lambda: [0] * 128)
    """How many were taken, by operation: a list, because it is on the path of every request."""
    failures: dict[int, int] = field(default_factory=dict)
    """How many were answered with each code but OK."""

    def count_failure(self, code: int) -> None:
        """Count a request that was not carried out as asked."""
        self.failures[code] = self.failures.get(code, 0) + 1
