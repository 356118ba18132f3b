"""Inspection: what a log holds and where it is damaged, read without changing a byte.

Recovery stops at the first thing that is wrong. This goes on behind it, to tell what is there
still, and what would be lost by cutting the log where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from coordsvc.base.errors import SetupError
from coordsvc.storage import framing, recovery, segment
from coordsvc.storage.damage import Damaged
from coordsvc.storage.files import Files
from coordsvc.storage.framing import Record
from coordsvc.storage.recovery import Found, RecoveredLog
from coordsvc.storage.snapshot_format import Checker, SnapshotHead
from coordsvc.storage.snapshots import READ_BYTES


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """One segment."""

    number: int
    name: str
    first_index: int
    """By its header: the index that follows the log as it was when the segment was begun."""
    records: int
    entries: tuple[int, int]
    """First and last index of what its good records hold; zeros if they hold no entries."""
    used_bytes: int
    """Up to the end of the last record that can be read one after the other."""
    size_bytes: int
    damage: Damaged | None


@dataclass(slots=True)
class LogReport:
    """The log of one folder. `log` is what recovery would find, up to the first damage."""

    log: RecoveredLog = field(default_factory=RecoveredLog)
    segments: list[SegmentReport] = field(default_factory=list)
    damage: list[Damaged] = field(default_factory=list)
    """In the order of the log; recovery stops at the first."""
    last_index_behind: int = 0
    """The highest index in a good record behind the first damage; 0 if there is none."""
    states_behind: list[bytes] = field(default_factory=list)
    """The hard states in good records behind the first damage."""
    is_vouched: bool = False
    """Whether the log ends with the mark of a clean stop."""


@dataclass(frozen=True, slots=True)
class SnapshotReport:
    """One snapshot file, good unless there is damage."""

    name: str
    size_bytes: int
    head: SnapshotHead | None
    damage: Damaged | None


def examine_log(files: Files, *, salt: int, first: int = 0) -> LogReport:
    """Read the whole log, or what begins with the segment `first`."""
    report = LogReport()
    numbers = [n for n in map(segment.number_of, files.names()) if n is not None and n >= first]
    found: list[tuple[int, Found | Damaged]] = [(n, _read(files, n, salt)) for n in numbers]
    resets = [at for at, (_, it) in enumerate(found) if isinstance(it, Found) and it.header.resets]
    live = found[resets[-1] :] if resets else found
    for at, (number, it) in enumerate(live):
        if at and number != live[at - 1][0] + 1:
            place = files.place_of(segment.name_of(live[at - 1][0] + 1))
            report.damage.append(Damaged(place, 0, "this segment of the log is missing"))
        joins = at + 1 < len(live) and live[at + 1][0] == number + 1
        follower = live[at + 1][1] if joins else None
        _examine(report, number, it, follower, is_first=at == 0)
    return report


def examine_snapshots(files: Files) -> list[SnapshotReport]:
    """Read all snapshots, oldest first."""
    return [_examine_snapshot(files, n) for n in files.names() if n.endswith(".snap")]


def _read(files: Files, number: int, salt: int) -> Found | Damaged:
    try:
        return recovery.read_segment(files, number, salt)
    except Damaged as damage:
        return damage
    except SetupError as error:
        return Damaged(files.place_of(segment.name_of(number)), 0, str(error))


def _examine(
    report: LogReport,
    number: int,
    it: Found | Damaged,
    follower: Found | Damaged | None,
    *,
    is_first: bool,
) -> None:
    if isinstance(it, Damaged):
        report.damage.append(it)
        name = segment.name_of(number)
        report.segments.append(SegmentReport(number, name, 0, 0, (0, 0), 0, 0, it))
        return
    records, end = segment.scan(it.buffer, seed=it.seed)
    damage = _damage_of(it, end, follower)
    was_sound = not report.damage
    if was_sound:
        try:
            recovery.take(report.log, it, records, is_first=is_first)
        except Damaged as error:
            damage = error
            records = [each for each in records if each.offset < error.offset]
    behind = list(framing.records_behind(it.buffer, end, seed=it.seed))
    _take_behind(report, behind if was_sound else [*records, *behind])
    report.is_vouched = bool(records) and records[-1].kind == framing.MARK
    if damage is None and follower is None:
        report.log.bytes_cut = max(0, len(it.buffer.rstrip(b"\0")) - end)
    elif damage is not None:
        report.damage.append(damage)
    report.segments.append(_segment_report(it, records, end, damage))
    it.file.close()


def _damage_of(found: Found, end: int, follower: Found | Damaged | None) -> Damaged | None:
    if isinstance(follower, Found):
        synced = follower.header.previous_end
        what = f"a record fails its checksum; the segment was synced up to byte {synced}"
        return None if end == synced else Damaged(found.place, min(end, synced), what)
    for later in framing.records_behind(found.buffer, end, seed=found.seed):
        if later.synced > end:
            what = f"a record fails its checksum; byte {later.offset} says that it was synced"
            return Damaged(found.place, end, what)
    return None


def _take_behind(report: LogReport, records: list[Record]) -> None:
    for each in records:
        report.last_index_behind = max(report.last_index_behind, each.last_index)
        if each.kind == framing.STATE:
            report.states_behind.append(each.payload)


def _segment_report(
    it: Found, records: list[Record], end: int, damage: Damaged | None
) -> SegmentReport:
    held = [each for each in records if each.kind == framing.ENTRIES]
    entries = (min(e.first_index for e in held), held[-1].last_index) if held else (0, 0)
    return SegmentReport(
        it.header.number,
        it.name,
        it.header.first_index,
        len(records),
        entries,
        end,
        len(it.buffer),
        damage,
    )


def _examine_snapshot(files: Files, name: str) -> SnapshotReport:
    checker = Checker(files.place_of(name))
    file = files.open(name)
    offset = 0
    try:
        while piece := file.read_at(offset, READ_BYTES):
            checker.feed(piece)
            offset += len(piece)
        checker.finish()
    except Damaged as damage:
        return SnapshotReport(name, file.size(), checker.head, damage)
    finally:
        file.close()
    return SnapshotReport(name, offset, checker.head, None)
