"""Whether this program runs as it was written, or compiled."""

from __future__ import annotations

from coordsvc.base import paths


def is_compiled() -> bool:
    """Tell whether the rooms are compiled: they are all, or none."""
    return not paths.__file__.endswith(".py")
