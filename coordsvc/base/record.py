"""@record: a slotted dataclass that the type checker keeps unchanging.

A frozen dataclass costs four times as much to make, so immutability is the type checker's
business, not the interpreter's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Make `cls` a slotted dataclass whose fields a type checker treats as read-only."""
    return dataclass(slots=True)(cls)
