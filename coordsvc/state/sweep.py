"""Sweep: read a table out slice by slice, as it was at one moment, while it goes on changing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

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
