"""Looks about once a second how much room is left for the data folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from coordsvc.base.errors import DiskFailed
from coordsvc.base.ports import Logger
from coordsvc.server.driver import Driver

LOOK_S: Final = 1.0


class RoomWatch:
    """Tells the replica of the room on its disk. Asks on a thread: a sick disk may not answer."""

    def __init__(
        self,
        driver: Driver,
        free_bytes: Callable[[], int],
        log: Logger,
        *,
        every_s: float = LOOK_S,
    ) -> None:
        self._driver = driver
        self._free_bytes = free_bytes
        self._log = log
        self._every_s = every_s
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def close(self) -> None:
        """Look no more."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def _watch(self) -> None:
        seen = True
        while True:
            try:
                free_bytes = await asyncio.to_thread(self._free_bytes)
            except DiskFailed as error:
                if seen:  # what is really wrong with the disk, the log will find out
                    self._log.warning("the room on the disk is not known", reason=str(error))
                seen = False
            else:
                seen = True
                self._driver.replica.measured(free_bytes)
                self._driver.schedule()
            await asyncio.sleep(self._every_s)
