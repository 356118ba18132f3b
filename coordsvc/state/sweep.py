"""Sweep: read a table out slice by slice, as it was at one moment, while it goes on changing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from coordsvc.base.paths import ROOT
from coordsvc.state.znode import Znode

K = TypeVar("K")
V = TypeVar("V")


class Sweep(Generic[K, V]):
    """Copy on write: an item about to change that has not been read yet is written out first.

    Holds references to keys and values, never copies of them; so the cost is about forty bytes
    an item while the sweep lasts, whatever the items weigh.
    """

    __slots__ = ("_encode", "_keys", "_left", "_saved")

    def __init__(self, table: dict[K, V], encode: Callable[[K, V], bytes]) -> None:
        # What has been written becomes None here; so the size stays and iterating may go on.
        self._left: dict[K, V | None] = dict(table)
        self._keys: Iterator[K] = iter(self._left)
        self._encode = encode
        self._saved: list[bytes] = []

    def before_change(self, key: K) -> None:
        """Must be called before the item at `key` is changed or removed."""
        item = self._left.get(key)
        if item is not None:
            self._left[key] = None
            self._saved.append(self._encode(key, item))

    def take(self) -> bytes | None:
        """Return the next item, encoded as it was when the sweep began; None at the end."""
        if self._saved:
            return self._saved.pop()
        for key in self._keys:
            item = self._left[key]
            if item is not None:
                self._left[key] = None
                return self._encode(key, item)
        return None


class TreeSweep:
    """The same for the tree, without a copy of the table: that would stop everything for 20 ms.

    It walks down from the root. A node is read when the walk comes to it or before it changes,
    whichever is first, and its children, as they are then, are noted to be walked to. A node
    carries the number of the last sweep that has read it; one made meanwhile carries it too.
    """

    __slots__ = ("_encode", "_nodes", "_saved", "_to_walk", "number")

    def __init__(
        self, nodes: dict[str, Znode], number: int, encode: Callable[[str, Znode], bytes]
    ) -> None:
        self.number = number
        self._nodes = nodes
        self._encode = encode
        self._to_walk = [ROOT]
        self._saved: list[bytes] = []

    def made(self, node: Znode) -> None:
        """Must be called of a node that was not there when the sweep began."""
        node.swept = self.number

    def before_change(self, path: str, node: Znode) -> None:
        """Must be called before a node, or the set of its children, changes, or the node goes."""
        if node.swept != self.number:
            self._saved.append(self._read(path, node))

    def take(self) -> bytes | None:
        """Return the next node, encoded as it was when the sweep began; None at the end."""
        if self._saved:
            return self._saved.pop()
        while self._to_walk:
            path = self._to_walk.pop()
            node = self._nodes.get(path)
            if node is not None and node.swept != self.number:
                return self._read(path, node)
        return None

    def _read(self, path: str, node: Znode) -> bytes:
        node.swept = self.number
        if node.children:
            self._to_walk += reversed(node.children)
        return self._encode(path, node)
