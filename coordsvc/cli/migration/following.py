"""Copying once, or following a source until the cut-over, across lost connections."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from coordsvc.cli.migration.mirror import Mirror
from coordsvc.cli.migration.zkclient import Request, ZkClient, ZkGone
from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.jute import INT, pack_string

LOOK_S: Final = 0.25
"""How long to wait for events before looking whether to stop."""
AGAIN_S: Final = 60.0
"""How often to sweep beside a watch: it does not tell of changed access rules."""
POLL_S: Final = 2.0
"""How often to sweep without a watch: servers before 3.6 have none for a subtree."""


class Runner:
    """Keeps a mirror going."""

    def __init__(
        self,
        source: ZkClient,
        target: ZkClient,
        mirror: Mirror,
        *,
        top: str,
        say: Callable[[str], None],
    ) -> None:
        self._source = source
        self._target = target
        self._mirror = mirror
        self._top = top
        self._say = say
        self._can_watch = True
        self._watching = False

    def repeat(self, step: Callable[[], None]) -> None:
        """Do a step that may be repeated, however often the connections are lost meanwhile.

        Raises:
            ZkGone: nobody answers any more.

        """
        while True:
            try:
                step()
            except ZkGone as error:
                self._reconnect(error)
            else:
                return

    def follow(self, is_over: Callable[[], bool]) -> None:
        """Carry changes as they happen until `is_over`, and then once more all there is.

        Raises:
            ZkGone: nobody answers any more.

        """
        self._watch()
        self.repeat(self._mirror.sweep)
        self._say("in step; end with Ctrl-C when the clients of the source have stopped")
        next_sweep = time.monotonic() + self._pause_s
        while not is_over():
            try:
                self._turn(next_sweep)
            except ZkGone as error:
                self._reconnect(error)
                self._watch()
                next_sweep = 0.0
            if time.monotonic() >= next_sweep:
                self.repeat(self._mirror.sweep)
                next_sweep = time.monotonic() + self._pause_s
        self.repeat(self._mirror.sweep)

    @property
    def _pause_s(self) -> float:
        return AGAIN_S if self._watching else POLL_S

    def _turn(self, next_sweep: float) -> None:
        wait_s = max(0.0, min(LOOK_S, next_sweep - time.monotonic()))
        self._source.wait(wait_s)
        self._target.wait(0.0)
        if self._source.events:
            paths = {event.path for event in self._source.events}
            self._source.events.clear()
            self._mirror.touch(paths)

    def _watch(self) -> None:
        """Ask to be told of changes below the top, if the source can."""
        self._watching = False
        if not self._can_watch:
            return
        body = pack_string(self._top) + INT.pack(numbers.ADD_PERSISTENT_RECURSIVE)
        try:
            (reply,) = self._source.ask([Request(numbers.ADD_WATCH, body)])
        except ZkGone as error:  # what it does not know, an old server answers so
            self._can_watch = False
            self._reconnect(error)
            return
        self._watching = reply.error == numbers.OK
        if not self._watching:
            self._can_watch = False
            self._say(f"the source cannot be watched: looking every {POLL_S:g} s instead")

    def _reconnect(self, why: ZkGone) -> None:
        self._say(f"connecting again: {why}")
        self._mirror.report.reconnects += 1
        self._source.connect()
        self._target.connect()
