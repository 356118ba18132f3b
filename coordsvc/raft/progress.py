"""What the leader knows of one follower: how far it is, and how much is on its way.

PROBE      where the logs agree is not known: one append at a time, until one is accepted
REPLICATE  it is known: appends follow one another without waiting for their answers
SNAPSHOT   the log no longer reaches back: nothing is sent until the snapshot has arrived
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from coordsvc.base import limits
from coordsvc.base.ids import Index, Millis


class Flow(Enum):
    """How entries are sent to a follower."""

    PROBE = "probe"
    REPLICATE = "replicate"
    SNAPSHOT = "snapshot"


class Progress:
    """One follower as the leader sees it. Invariant: 0 <= match < next."""

    __slots__ = (
        "commit_told",
        "flow",
        "heard_ms",
        "in_flight_bytes",
        "match",
        "next",
        "nudged",
        "paused",
        "prompt_until_ms",
        "round",
        "sent_ms",
        "window",
    )

    def __init__(self, next_index: Index, now: Millis) -> None:
        self.flow = Flow.PROBE
        self.match: Index = 0
        """The last entry known to be on its disk and equal to ours."""
        self.next: Index = next_index
        """The next entry to send."""
        self.paused = False
        """PROBE: an append is on its way, or the link is down."""
        self.nudged = False
        """REPLICATE: no answer for long; ask with an empty append whether entries were lost."""
        self.heard_ms: Millis = now
        """When it last answered."""
        self.sent_ms: Millis = now
        """When the last append was sent."""
        self.round = 0
        """The last heartbeat round it answered."""
        self.commit_told: Index = 0
        """The commit index it will have when all that was sent has arrived."""
        self.prompt_until_ms: Millis = 0
        """Until when it is told of each commit at once: clients of its own wait for it."""
        self.window: deque[tuple[Index, int]] = deque()
        """REPLICATE: (last index, bytes) of each append on its way, oldest first."""
        self.in_flight_bytes = 0

    def probe(self) -> None:
        """Find out again where the logs agree, from the last place known.

        If none is known, from where we are: to start at the beginning would have a new leader
        send everything, or a snapshot, to whoever links up a little later.
        """
        self._enter(Flow.PROBE)
        if self.match:
            self.next = self.match + 1

    def await_snapshot(self) -> None:
        """Send nothing until the snapshot has arrived or failed."""
        self._enter(Flow.SNAPSHOT)

    def snapshot_sent(self, index: Index, *, ok: bool) -> None:
        """Go on behind a snapshot that arrived; after one that failed wait to hear of it."""
        assert self.flow is Flow.SNAPSHOT, self.flow
        self._enter(Flow.PROBE)
        self.next = max(self.match, index if ok else 0) + 1
        self.paused = not ok

    def _enter(self, flow: Flow) -> None:
        self.flow = flow
        self.paused = False
        self.nudged = False
        self.window.clear()
        self.in_flight_bytes = 0

    def has_room(self) -> bool:
        """Tell whether the window takes another append."""
        return (
            len(self.window) < limits.APPENDS_IN_FLIGHT_MAX
            and self.in_flight_bytes < limits.APPENDS_IN_FLIGHT_BYTES_MAX
        )

    def sent(self, last: Index, size: int, now: Millis) -> None:
        """Note that an append up to `last` with `size` bytes left at `now`."""
        self.sent_ms = now
        self.nudged = False
        if self.flow is Flow.PROBE:
            self.paused = True
            return
        assert self.flow is Flow.REPLICATE, self.flow
        if last >= self.next:
            self.window.append((last, size))
            self.in_flight_bytes += size
            self.next = last + 1

    def ask_again(self, last: Index) -> None:
        """Doubt the appends on their way: the follower lives, but has not answered for long."""
        self.paused = False
        self.nudged = self.flow is Flow.REPLICATE and self.match < last

    def accepted(self, index: Index) -> bool:
        """Note that everything up to `index` is on its disk; tell whether that is news."""
        window = self.window
        while window and window[0][0] <= index:
            self.in_flight_bytes -= window.popleft()[1]
        news = index > self.match
        if news:
            self.match = index
        if self.flow is Flow.PROBE and index >= self.match:
            self._enter(Flow.REPLICATE)
            self.next = self.match + 1
        elif self.next <= self.match:
            self.next = self.match + 1
        return news

    def rejected(self, index: Index, agree_at_most: Index) -> bool:
        """Go back to where the logs may agree, after the base `index` was refused.

        False: the refusal is old and means nothing. A refusal at or below `match` means that
        the follower lost what it had acknowledged; then it is filled again.
        """
        if self.flow is Flow.REPLICATE and index > self.match:
            self.probe()
            return True
        if self.flow is not Flow.PROBE or index != self.next - 1:
            return False
        self.next = max(min(index, agree_at_most + 1), 1)
        self.match = min(self.match, self.next - 1)
        self.paused = False
        return True
