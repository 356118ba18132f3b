"""Plain data as MessagePack carries it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Value: TypeAlias = "bool | int | float | str | bytes | Sequence[Value] | None"
"""What a result or an argument can be: scalars, strings, bytes, and sequences of these.
Maps never travel (they cost twice as much to decode and have no fixed order)."""
