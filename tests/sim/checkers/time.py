"""ClusterTimeChecker: the stamps of the log go on like true time, whatever calendars do.

Lock delays and times to live are counted in stamps. A calendar that is set an hour ahead must not
end a lock delay, and one that is set back must not make it last an hour longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from coordsvc.base.ids import Millis, NodeId
from coordsvc.raft.messages import COMMAND, Entry
from tests.sim.verdicts import WrongResult
from tests.sim.world import MS, SECOND, Micros

MILLION: Final = 1_000_000
HASTE_PERCENT: Final = 7
"""How much faster than true time stamps may be: what they are drawn to the calendar by, rounded."""
SLACK: Final[Micros] = 2 * SECOND
"""An entry tells a follower the time when it arrives, not when it was made: some are late."""


class ClusterTimeChecker:
    """Told of every stamp when a leader makes it."""

    def __init__(self, *, drift_ppm_max: int) -> None:
        self._rate_max = MILLION + drift_ppm_max + HASTE_PERCENT * MILLION // 100
        self._from: tuple[Micros, Millis] | None = None
        self._fresh: dict[NodeId, None] = {}
        """Servers that have started and not been led since: they know the calendar only."""

    def restarted(self, node: NodeId) -> None:
        """A server has started."""
        self._fresh[node] = None

    def led(self, node: NodeId) -> None:
        """A server takes entries from a leader, and with them the time."""
        self._fresh.pop(node, None)

    def stamped(self, node: NodeId, entries: Sequence[Entry], *, now: Micros) -> None:
        """A leader has appended entries."""
        stamps = [entry.stamp_ms for entry in entries if entry.kind == COMMAND]
        if not stamps:
            return
        latest = max(stamps)
        if self._from is None or node in self._fresh:
            self._fresh.pop(node, None)
            self._from = (now, latest)
            return
        since, stamp = self._from
        passed = now - since + SLACK
        limit = stamp + passed * self._rate_max // MILLION // MS
        if latest > limit:
            raise WrongResult(
                f"{node} stamps {latest - stamp} ms later than the first stamp, "
                f"{(now - since) // MS} ms after it was made"
            )
