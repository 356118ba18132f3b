"""Says in the log where a soft quota is exceeded, and where it no longer is."""

from __future__ import annotations

import asyncio
from typing import Final

from coordsvc.base.ports import Logger
from coordsvc.replica.replica import Replica
from coordsvc.state import quota

LOOK_S: Final = 5.0


class QuotaWatch:
    """Looks at the quotas now and then: they are few, and nothing waits for it."""

    def __init__(self, replica: Replica, log: Logger) -> None:
        self._replica = replica
        self._log = log
        self._exceeded: dict[str, str] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to look."""
        self.look()
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self.start)

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def look(self) -> None:
        """Look once; tell what has changed since the last time."""
        exceeded = dict(quota.soft_excess(self._replica.machine.tree.nodes))
        for path, how in exceeded.items():
            if path not in self._exceeded:
                self._log.warning("quota exceeded", path=path, used=how)
        for path in self._exceeded:
            if path not in exceeded:
                self._log.info("quota kept again", path=path)
        self._exceeded = exceeded
