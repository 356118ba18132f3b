"""Repair: cut a damaged log, or drop what came before its sound part. Originals are kept.

Each step is durable before the next, and what a crash leaves is as damaged as before, so that
the repair can be done again.
"""

from __future__ import annotations

from typing import Final

from coordsvc.storage import segment
from coordsvc.storage.files import Files

_COPY_BYTES: Final = 1 << 20


def keep(files: Files, kept: Files, names: list[str]) -> None:
    """Copy files into another folder, durably."""
    for name in names:
        source = files.open(name)
        copy = kept.open(name, create=True)
        for offset in range(0, source.size(), _COPY_BYTES):
            copy.write_at(offset, source.read_at(offset, _COPY_BYTES))
        copy.sync()
        copy.close()
        source.close()
    kept.sync_names()


def cut(files: Files, kept: Files, number: int, offset: int) -> None:
    """End the log at byte `offset` of segment `number`: nothing behind it counts any more."""
    names = _names_from(files, number)
    keep(files, kept, names)
    for name in reversed(names):
        if segment.number_of(name) == number and offset > segment.HEADER_BYTES:
            _clear_behind(files, name, offset)
        else:
            files.remove(name)
        files.sync_names()


def drop_before(files: Files, kept: Files, number: int) -> None:
    """Begin the log with segment `number`: nothing before it counts any more."""
    names = [name for name in _names_from(files, 0) if (segment.number_of(name) or 0) < number]
    keep(files, kept, names)
    for name in names:
        files.remove(name)
        files.sync_names()


def _names_from(files: Files, number: int) -> list[str]:
    """Return the names of the segments from `number` on, in their order."""
    numbers = [n for n in map(segment.number_of, files.names()) if n is not None and n >= number]
    return [segment.name_of(n) for n in numbers]


def _clear_behind(files: Files, name: str, offset: int) -> None:
    file = files.open(name)
    for at in range(offset, file.size(), _COPY_BYTES):
        file.write_at(at, bytes(min(_COPY_BYTES, file.size() - at)))
    file.sync()
    file.close()
