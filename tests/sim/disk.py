"""SimFiles: a disk in memory that keeps what was promised and, at a crash, little else.

A crash keeps what was synced. Of everything else each 512-byte sector, each size and each name is
kept or lost by chance, and a sector can be torn between two versions of it. Faults are switches.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from coordsvc.base.errors import DiskFailed, DiskFull

SECTOR = 512


class PowerLoss(Exception):
    """The machine stopped at this operation. Nothing works until `SimFiles.crash`."""


@dataclass
class _Inode:
    """A file's bytes as a reader sees them, and what of them is on the platter."""

    number: int
    content: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    versions: dict[int, list[bytes]] = field(default_factory=dict)
    """Per unsynced sector: its successive contents since the last sync."""

    def write(self, offset: int, data: bytes) -> None:
        end = offset + len(data)
        changed = min(offset, len(self.content))
        if end > len(self.content):
            self.content.extend(bytes(end - len(self.content)))
        self.content[offset:end] = data
        for sector in range(changed // SECTOR, -(-end // SECTOR)):
            now = bytes(self.content[sector * SECTOR : (sector + 1) * SECTOR])
            self.versions.setdefault(sector, []).append(now)

    def sync(self) -> None:
        self._persist(self.versions, len(self.content))

    def forget(self) -> None:
        """A failed sync: the cache calls itself clean, the platter has nothing of it."""
        self.versions.clear()

    def _persist(self, sectors: dict[int, list[bytes]], size: int) -> None:
        self._resize(size)
        for sector, versions in sectors.items():
            self._put(sector, versions[-1])
        self.versions.clear()

    def _resize(self, size: int) -> None:
        del self.durable[size:]
        self.durable.extend(bytes(size - len(self.durable)))

    def _put(self, sector: int, data: bytes) -> None:
        start = sector * SECTOR
        data = data[: max(0, len(self.durable) - start)]
        self.durable[start : start + len(data)] = data

    def crash(self, chance: random.Random) -> None:
        if len(self.content) != len(self.durable) and chance.random() < 0.5:
            self._resize(len(self.content))
        for sector, versions in sorted(self.versions.items()):
            fate = chance.random()
            if fate < 0.4:
                continue
            kept = chance.choice(versions)
            if fate < 0.5:
                kept = self._torn(sector, kept, chance)
            if sector * SECTOR + len(kept) > len(self.durable) and chance.random() < 0.5:
                self._resize(sector * SECTOR + len(kept))
            self._put(sector, kept)
        self.versions.clear()
        self.content[:] = self.durable

    def _torn(self, sector: int, new: bytes, chance: random.Random) -> bytes:
        old = bytes(self.durable[sector * SECTOR : (sector + 1) * SECTOR]).ljust(len(new), b"\0")
        cut = chance.randrange(len(new) + 1)
        first, second = (new, old) if chance.random() < 0.5 else (old, new)
        return first[:cut] + second[cut : len(new)]


class SimFile:
    """One open file of a SimFiles."""

    def __init__(self, files: SimFiles, inode: _Inode, name: str) -> None:
        self._files = files
        self._inode = inode
        self._name = name
        self._boot = files.boot
        self._closed = False

    def read_at(self, offset: int, size: int) -> bytes:
        self._check()
        return bytes(self._inode.content[offset : offset + size])

    def write_at(self, offset: int, data: bytes) -> None:
        self._check()
        self._files.refuse_growth(max(0, offset + len(data) - len(self._inode.content)))
        if self._files.fail_writes:
            self._inode.write(offset, data[: len(data) // 2])
            raise DiskFailed(f"write of {self._name}: simulated")
        if self._files.misdirect_next is not None:
            offset = max(0, offset + self._files.misdirect_next)
            self._files.misdirect_next = None
        self._inode.write(offset, data)
        self._files.step()

    def size(self) -> int:
        self._check()
        return len(self._inode.content)

    def allocate(self, size: int) -> None:
        self._check()
        start = len(self._inode.content)
        if size > start:
            self._files.refuse_growth(size - start)
            self._inode.write(start, bytes(size - start))
            self._files.step()

    def truncate(self, size: int) -> None:
        self._check()
        del self._inode.content[size:]
        last = -(-size // SECTOR)
        for sector in [each for each in self._inode.versions if each >= last]:
            del self._inode.versions[sector]
        self._files.step()

    def sync(self) -> None:
        self._check()
        self._files.syncs += 1
        self._files.waited_ms += self._files.sync_ms
        if self._files.fail_syncs:
            self._inode.forget()
            raise DiskFailed(f"fdatasync of {self._name}: simulated")
        self._files.step()
        self._inode.sync()

    def descriptor(self) -> int:
        return -1

    def close(self) -> None:
        self._closed = True

    def _check(self) -> None:
        self._files.check_power()
        assert not self._closed, "the file is closed"
        assert self._boot == self._files.boot, "the file was opened before the crash"


class SimFiles:
    """One simulated folder on a simulated disk. See `coordsvc.storage.files.Files`."""

    def __init__(self, chance: random.Random, *, capacity: int = 2**40) -> None:
        self._chance = chance
        self._names: dict[str, _Inode] = {}
        self._durable: dict[str, _Inode] = {}
        self._changes: list[tuple[str, str, _Inode | None]] = []  # (old, new, created inode)
        self._lost_power = False
        self._inodes = 0
        self.boot = 0
        self.steps = 0
        """How many operations that change something were done."""
        self.stop_at: int | None = None
        """At which step the power fails: that operation is begun, not finished."""
        self.capacity = capacity
        self.fail_syncs = False
        self.fail_writes = False
        self.misdirect_next: int | None = None
        """By how many bytes the next write lands elsewhere."""
        self.sync_ms = 0
        self.syncs = 0
        self.waited_ms = 0
        """Time that a slow disk would have taken so far."""

    # The port.

    def names(self) -> list[str]:
        self.check_power()
        return sorted(self._names)

    def open(self, name: str, *, create: bool = False) -> SimFile:
        self.check_power()
        if create:
            if name in self._names:
                raise DiskFailed(f"open of {name}: it exists")
            self._inodes += 1
            self._names[name] = _Inode(self._inodes)
            self._changes.append(("", name, self._names[name]))
            self.step()
        if name not in self._names:
            raise DiskFailed(f"open of {name}: it does not exist")
        return SimFile(self, self._names[name], name)

    def rename(self, old: str, new: str) -> None:
        self.check_power()
        if old not in self._names:
            raise DiskFailed(f"rename of {old}: it does not exist")
        self._names[new] = self._names.pop(old)
        self._changes.append((old, new, None))
        self.step()

    def remove(self, name: str) -> None:
        self.check_power()
        if name not in self._names:
            raise DiskFailed(f"remove of {name}: it does not exist")
        del self._names[name]
        self._changes.append((name, "", None))
        self.step()

    def sync_names(self) -> None:
        self.check_power()
        if self.fail_syncs:
            raise DiskFailed("fsync of the folder: simulated")
        self.step()
        self._durable = dict(self._names)
        self._changes.clear()

    def free_bytes(self) -> int:
        return max(0, self.capacity - sum(len(each.content) for each in self._names.values()))

    def place_of(self, name: str) -> str:
        return f"sim:/{name}"

    # Faults.

    def crash(self) -> None:
        """Lose power and come back: keep what was synced, and the rest by chance."""
        for old, new, created in self._changes:
            if self._chance.random() < 0.5:
                continue
            inode = created if created is not None else self._durable.pop(old, None)
            if new and inode is not None:
                self._durable[new] = inode
        self._changes.clear()
        self._names = dict(self._durable)
        for _, inode in sorted(self._names.items()):
            inode.crash(self._chance)
        self._lost_power = False
        self.stop_at = None
        self.boot += 1

    def restart(self) -> None:
        """End the process only: what is in the page cache stays, synced or not."""
        self._lost_power = False
        self.stop_at = None
        self.boot += 1

    def flip_bit(self, name: str, offset: int, bit: int = 0) -> None:
        """Damage one bit, on the platter and in the cache."""
        inode = self._names[name]
        inode.content[offset] ^= 1 << bit
        if offset < len(inode.durable):
            inode.durable[offset] ^= 1 << bit

    def damage(self, name: str, offset: int, data: bytes) -> None:
        """Put other bytes where some were, on the platter and in the cache."""
        inode = self._names[name]
        assert offset + len(data) <= len(inode.content), "damage does not grow a file"
        inode.content[offset : offset + len(data)] = data
        on_platter = data[: max(0, len(inode.durable) - offset)]
        inode.durable[offset : offset + len(on_platter)] = on_platter

    def inode_of(self, name: str) -> int:
        """Return which file has this name, as a number that no other file ever has; 0: none."""
        inode = self._names.get(name)
        return 0 if inode is None else inode.number

    def content_of(self, name: str) -> bytes:
        """Return what a reader would see."""
        return bytes(self._names[name].content)

    # For SimFile.

    def step(self) -> None:
        self.steps += 1
        if self.stop_at is not None and self.steps >= self.stop_at:
            self._lost_power = True
            raise PowerLoss

    def check_power(self) -> None:
        if self._lost_power:
            raise PowerLoss

    def refuse_growth(self, growth: int) -> None:
        if growth > 0 and growth > self.free_bytes():
            raise DiskFull("simulated")
