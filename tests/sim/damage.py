"""Damage: bytes of a disk that change by themselves, or were written to the wrong place.

Only what a checksum can tell is damaged: the log behind which something durable vouches for it
(docs/storage.md says what cannot be told), and whole snapshots.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from coordsvc.storage import framing, segment
from coordsvc.storage.segment import HEADER_BYTES
from coordsvc.storage.wal import WriteAheadLog
from tests.sim.disk import SimFiles


@dataclass(frozen=True, slots=True)
class Damage:
    """One place that was damaged."""

    files: SimFiles
    name: str
    inode: int
    """Which file it was; names are given again to others."""
    offset: int
    bytes: bytes
    """What stands there since."""

    @property
    def file_is_there(self) -> bool:
        """Whether the file still exists under this name."""
        return self.files.inode_of(self.name) == self.inode

    @property
    def is_there(self) -> bool:
        """Whether the file still exists under this name with the damage in it."""
        if not self.file_is_there:
            return False
        content = self.files.content_of(self.name)
        return content[self.offset : self.offset + len(self.bytes)] == self.bytes

    @property
    def must_be_noticed(self) -> bool:
        """Whether a server cannot start with it. A damaged snapshot is passed over."""
        return segment.number_of(self.name) is not None

    def __str__(self) -> str:
        return f"{self.name} at byte {self.offset}"


def flip_in_log(
    files: SimFiles, wal: WriteAheadLog, salt: int, chance: random.Random
) -> Damage | None:
    """Flip one bit of what the log vouches for; None if there is nothing of that kind yet."""
    places = _vouched(files, wal, salt)
    if not places:
        return None
    name, start, end = chance.choice(places)
    return _flip(files, name, chance.randrange(start, end), chance)


def misdirect_in_log(
    files: SimFiles, wal: WriteAheadLog, salt: int, chance: random.Random
) -> Damage | None:
    """Put one record, which is valid at its own place, in the place of another."""
    places = [place for place in _vouched(files, wal, salt) if place[1] >= HEADER_BYTES]
    if len(places) < 2:
        return None
    source, target = chance.sample(places, 2)
    data = files.content_of(source[0])[source[1] : source[2]][: target[2] - target[1]]
    before = files.content_of(target[0])[target[1] : target[1] + len(data)]
    if data == before:
        return None
    return _put(files, target[0], target[1], data)


def flip_in_snapshot(files: SimFiles, chance: random.Random) -> Damage | None:
    """Flip one bit of a snapshot; None if there is none."""
    names = [name for name in files.names() if name.endswith(".snap")]
    if not names:
        return None
    name = chance.choice(names)
    return _flip(files, name, chance.randrange(len(files.content_of(name))), chance)


def _vouched(files: SimFiles, wal: WriteAheadLog, salt: int) -> list[tuple[str, int, int]]:
    """Return the header and the records of each segment, as (name, start, end), that a later
    durable record or segment vouches for."""
    found: list[tuple[str, int, int]] = []
    active = wal._active
    for name in files.names():
        number = segment.number_of(name)
        if number is None:
            continue
        seed = framing.seed_of(salt=salt, segment=number)
        records, _ = segment.scan(files.content_of(name), seed=seed)
        limit = 1 << 62
        if number == active.number:
            durable = [each for each in records if each.end <= active.synced]
            limit = durable[-1].synced if durable else HEADER_BYTES
        found.append((name, 0, HEADER_BYTES - 24))
        found += [(name, each.offset, each.offset + framing.HEADER_BYTES + len(each.payload))
                  for each in records if each.end <= limit]  # fmt: skip
    return found


def _flip(files: SimFiles, name: str, offset: int, chance: random.Random) -> Damage:
    old = files.content_of(name)[offset]
    return _put(files, name, offset, bytes([old ^ 1 << chance.randrange(8)]))


def _put(files: SimFiles, name: str, offset: int, data: bytes) -> Damage:
    files.damage(name, offset, data)
    return Damage(files, name, files.inode_of(name), offset, data)
