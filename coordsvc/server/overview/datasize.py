"""About how many bytes the tree holds, without stopping the server to count them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from coordsvc.state.machine import StateMachine
from coordsvc.state.znode import Znode

AT_ONCE: Final = 20_000
"""So many nodes are counted within 5 ms."""
FRESH_S: Final = 30.0


def size_of(nodes: Mapping[str, Znode]) -> int:
    """Return the bytes of all paths and data."""
    return sum(len(path) + len(node.data or b"") for path, node in nodes.items())


class DataSize:
    """The size of the present state: exact for small ones, else up to FRESH_S old."""

    def __init__(self) -> None:
        self._known = 0
        self._counted_at = -FRESH_S
        self._task: asyncio.Task[None] | None = None

    def of(self, machine: StateMachine) -> int:
        """Return the size; count anew in the background if it is time to."""
        nodes = machine.tree.nodes
        if len(nodes) <= AT_ONCE:
            return size_of(nodes)
        running = self._task is not None and not self._task.done()
        if not running and time.monotonic() - self._counted_at >= FRESH_S:
            self._task = asyncio.get_running_loop().create_task(self._count(nodes))
        return self._known

    async def _count(self, nodes: Mapping[str, Znode]) -> None:
        paths = list(nodes)
        total = 0
        for at in range(0, len(paths), AT_ONCE):
            for path in paths[at : at + AT_ONCE]:
                node = nodes.get(path)
                if node is not None:
                    total += len(path) + len(node.data or b"")
            await asyncio.sleep(0)
        self._known = total
        self._counted_at = time.monotonic()

    async def close(self) -> None:
        """Stop counting."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
