"""What a crash left of the log: read it, tell a torn tail from damage, mend the tail.

Only bytes that were never synced may be bad. In a segment that has a successor everything up to
the end that the successor names was synced. In the last segment each record says how far the
segment was synced when it was written: a valid record that vouches for a bad place proves damage;
without one the bad place is the torn end of the last writes, of which nothing was acknowledged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from coordsvc.base.errors import CorruptData
from coordsvc.storage import framing, segment
from coordsvc.storage.files import File, Files
from coordsvc.storage.framing import Record
from coordsvc.storage.segment import Active, Sealed, SegmentHeader


@dataclass(slots=True)
class RecoveredLog:
    """What the log holds.

    `records` are (first index, last index, payload) in the order of writing. A record whose
    first index is not behind the last index before it replaces everything from its first index
    on. Records start at or before the first index that was not dropped.
    """

    state: bytes | None = None
    records: list[tuple[int, int, bytes]] = field(default_factory=list)
    last_index: int = 0
    """Where the log ends; without records, where it starts again."""
    bytes_cut: int = 0
    """How many bytes of a torn tail were cut."""


@dataclass(frozen=True, slots=True)
class Found:
    """One segment as read."""

    header: SegmentHeader
    name: str
    place: str
    file: File
    buffer: bytes
    seed: int


def recover(files: Files, *, salt: int) -> tuple[RecoveredLog, list[Sealed], Active | None]:
    """Read, check and mend the log; return what it holds, and its segments (none: a new log).

    Raises:
        CorruptData: something that was synced is not there any more.
        SetupError: a newer program wrote the log.

    """
    numbers = _live_numbers(files, salt)
    log = RecoveredLog()
    sealed: list[Sealed] = []
    active: Active | None = None
    previous: tuple[Found, list[Record], int] | None = None
    for number in numbers:
        found = read_segment(files, number, salt)
        if previous is not None:
            sealed.append(_seal(*previous, end=found.header.previous_end))
        records, end = segment.scan(found.buffer, seed=found.seed)
        take(log, found, records, is_first=previous is None)
        previous = found, records, end
    if previous is not None:
        active = _mend(log, *previous, salt=salt)
        files.sync_names()  # a process that was killed may have left names that are not durable
    return log, sealed, active


def _live_numbers(files: Files, salt: int) -> Sequence[int]:
    """Return the numbers of the segments that count; finish a reset that was cut short."""
    numbers = [n for n in map(segment.number_of, files.names()) if n is not None]
    start = 0
    for position in reversed(range(len(numbers))):
        if _header(files, numbers[position], salt).resets:
            start = position
            break
    for number in numbers[:start]:
        files.remove(segment.name_of(number))
    live = numbers[start:]
    for before, number in pairwise(live):
        if number != before + 1:
            place = files.place_of(segment.name_of(before + 1))
            raise CorruptData(f"{place}: this segment of the log is missing. {segment.WAY_OUT}")
    return live


def _header(files: Files, number: int, salt: int) -> SegmentHeader:
    name = segment.name_of(number)
    file = files.open(name)
    data = file.read_at(0, segment.HEADER_BYTES)
    file.close()
    return segment.decode_header(data, salt=salt, number=number, place=files.place_of(name))


def read_segment(files: Files, number: int, salt: int) -> Found:
    """Read a whole segment.

    Raises:
        CorruptData, SetupError: by its header.

    """
    name = segment.name_of(number)
    place = files.place_of(name)
    file = files.open(name)
    buffer = file.read_at(0, file.size())
    header = segment.decode_header(buffer, salt=salt, number=number, place=place)
    return Found(header, name, place, file, buffer, framing.seed_of(salt=salt, segment=number))


def take(log: RecoveredLog, found: Found, records: list[Record], *, is_first: bool) -> None:
    """Add what one segment holds to what the log holds."""
    if is_first:
        log.last_index = found.header.first_index - 1
    elif log.last_index != found.header.first_index - 1:
        what = f"follows index {found.header.first_index - 1}, the log ends at {log.last_index}"
        raise segment.damaged(found.place, 0, what)
    for each in records:
        if each.kind == framing.STATE:
            log.state = each.payload
        elif each.kind == framing.ENTRIES:
            if each.first_index > log.last_index + 1:
                what = f"index {each.first_index} follows {log.last_index}"
                raise segment.damaged(found.place, each.offset, what)
            log.records.append((each.first_index, each.last_index, each.payload))
            log.last_index = each.last_index


def _highest(records: list[Record]) -> int:
    return max((each.last_index for each in records), default=0)


def _seal(found: Found, records: list[Record], scanned: int, *, end: int) -> Sealed:
    if scanned != end:
        what = f"a record fails its checksum; the segment was synced up to byte {end}"
        raise segment.damaged(found.place, min(scanned, end), what)
    found.file.close()
    return Sealed(found.header.number, _highest(records), len(found.buffer))


def _mend(
    log: RecoveredLog, found: Found, records: list[Record], tail: int, *, salt: int
) -> Active:
    """Cut the torn tail of the last segment; return the segment, ready for more.

    What was cut is zeroed, or a record behind the cut could come back to life when new ones fill
    the gap before it. What no later record vouches for is written again: after a failed sync it
    may be in the page cache only, looking clean.
    """
    for later in framing.records_behind(found.buffer, tail, seed=found.seed):
        if later.synced > tail:
            what = f"a record fails its checksum; byte {later.offset} says that it was synced"
            raise segment.damaged(found.place, tail, what)
    torn = max(0, len(found.buffer.rstrip(b"\0")) - tail)
    vouched = records[-1].synced if records else 0
    found.file.write_at(vouched, found.buffer[vouched:tail] + bytes(torn))
    found.file.sync()
    log.bytes_cut = torn
    return Active(
        found.file,
        salt=salt,
        number=found.header.number,
        end=tail,
        last_index=_highest(records),
    )
