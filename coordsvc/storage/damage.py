"""Damage: bytes that are not what was written, and where they are."""

from __future__ import annotations

from coordsvc.base.errors import CorruptData


class Damaged(CorruptData):
    """Stored bytes at `place`, from byte `offset` on, cannot be right."""

    def __init__(self, place: str, offset: int, what: str, advice: str = "") -> None:
        super().__init__(f"{place}: damaged at byte {offset}: {what}{advice}")
        self.place = place
        self.offset = offset
        self.what = what
