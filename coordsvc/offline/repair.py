"""Mending a damaged log, where that can be done, and telling what it would cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Final

from coordsvc.base.errors import SetupError
from coordsvc.base.ids import Term
from coordsvc.offline.inspection import FolderReport
from coordsvc.raft.messages import HardState
from coordsvc.replica.codec import decode_hard_state, encode_hard_state
from coordsvc.replica.restoration import TERM_BUMP
from coordsvc.storage import repair, segment
from coordsvc.storage.damage import Damaged
from coordsvc.storage.inspection import examine_log
from coordsvc.storage.layout import DataFolder
from coordsvc.storage.os_files import OsFiles
from coordsvc.storage.wal import WriteAheadLog

KEPT: Final = "before-repair-"


class Action(Enum):
    """What there is to do."""

    NOTHING = "nothing"
    DROP = "drop"
    """Drop damaged segments of which a good snapshot holds everything. Nothing is lost."""
    CUT = "cut"
    """Cut the log at the first damage. What was acknowledged may be lost."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do about a damaged log, and what that means."""

    action: Action
    segment: int
    offset: int
    says: str


def plan_of(folder: DataFolder, report: FolderReport) -> Plan:
    """Return the least harmful way to a log that can be read to its end."""
    if not report.log.damage:
        torn = report.log.log.bytes_cut
        cuts = f": the next start cuts {torn} bytes that were never acknowledged" if torn else ""
        return Plan(Action.NOTHING, 0, 0, f"the log is sound{cuts}")
    snapshot_index = report.snapshot.index if report.snapshot is not None else 0
    for each in report.log.segments:
        rest = examine_log(folder.log, salt=folder.identity.salt, first=each.number)
        joins = 0 < each.first_index <= snapshot_index + 1
        if joins and not rest.damage and rest.log.state is not None:
            text = f"the snapshot at {snapshot_index} holds all that the damaged segments did"
            return Plan(Action.DROP, each.number, 0, text)
    first = report.log.damage[0]
    number = segment.number_of(Path(first.place).name)
    assert number is not None, "damage of a log is in one of its segments"
    return Plan(Action.CUT, number, first.offset, _cost(report, first))


def _cost(report: FolderReport, first: Damaged) -> str:
    text = f"everything written behind entry {report.log.log.last_index} would be lost"
    behind = report.log.last_index_behind
    if behind > report.log.log.last_index:
        text += f"; entries up to {behind} can still be seen behind the damage"
    return f"{text}; the log is damaged at byte {first.offset} of {Path(first.place).name}"


def mend(folder: DataFolder, report: FolderReport, plan: Plan, *, now: datetime) -> Path:
    """Carry a plan out; return the folder that keeps what was there before.

    After a cut the term goes up: the vote that stood behind the cut is not known, so this member
    must not vote again in any term that it may have voted in.

    Raises:
        SetupError: there is nothing to do, or the copy cannot be made.

    """
    if plan.action is Action.NOTHING:
        raise SetupError(f"{folder.path}: {plan.says}; there is nothing to repair")
    place = folder.path / f"{KEPT}{now.astimezone(UTC):%Y%m%dT%H%M%S}"
    try:
        place.mkdir(mode=0o700)
    except OSError as error:
        raise SetupError(f"{place}: cannot be made: {error.strerror or error}") from error
    OsFiles(folder.path).sync_names()
    kept = OsFiles(place)
    if plan.action is Action.DROP:
        repair.drop_before(folder.log, kept, plan.segment)
        return place
    repair.cut(folder.log, kept, plan.segment, plan.offset)
    wal = WriteAheadLog.open(folder.log, salt=folder.identity.salt)
    wal.save_state(encode_hard_state(HardState(_term_of(report) + TERM_BUMP, None)))
    wal.close()
    return place


def _term_of(report: FolderReport) -> Term:
    """Return the highest term that anything in the folder names."""
    behind = [decode_hard_state(state).term for state in report.log.states_behind]
    snapshot = report.snapshot.term if report.snapshot is not None else 0
    return max([report.hard_state.term, report.last_term, snapshot, *behind])
