"""What is in a data folder, told without changing it: for people whose node does not start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgpack

from coordsvc.base.ids import Index, Millis, Term
from coordsvc.base.vocabulary import ops
from coordsvc.raft import membership
from coordsvc.raft.messages import COMMAND, NOOP, Entry, HardState, Membership, SnapshotMeta
from coordsvc.replica.codec import decode_entries, decode_hard_state, decode_meta
from coordsvc.storage.inspection import LogReport, SnapshotReport, examine_log, examine_snapshots
from coordsvc.storage.layout import DataFolder, Identity

SHOWN_BYTES_MAX: Final = 256
"""Of a command's data; the rest of it is counted."""
PASSWORD_AT: Final = {ops.OPEN_SESSION: 0, ops.ATTACH_SESSION: 1, ops.OPEN_ZOOKEEPER: 0}
"""Which argument of an operation is not for everybody's eyes."""
KINDS: Final = {COMMAND: "command", NOOP: "noop"}


@dataclass(frozen=True, slots=True)
class FolderReport:
    """What one data folder holds."""

    path: Path
    identity: Identity
    log: LogReport
    snapshots: list[SnapshotReport]
    hard_state: HardState
    """Term and vote, as the good part of the log has them."""
    snapshot: SnapshotMeta | None
    """What the newest good snapshot stands for."""
    entries: dict[Index, Entry]
    """What the good part of the log holds, later writes over earlier ones."""
    first_index: Index
    last_index: Index
    last_term: Term
    last_stamp_ms: Millis
    """Cluster time of the last entry."""
    membership: Membership
    faults: list[str]
    """What is wrong beside damage that has a place."""

    @property
    def is_sound(self) -> bool:
        """Whether a node would start from it."""
        bad_snapshots = any(each.damage for each in self.snapshots)
        return not (self.log.damage or self.faults or bad_snapshots)


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry in words."""

    index: Index
    term: Term
    kind: str
    stamp_ms: Millis
    session: int | None
    operation: str
    arguments: object
    size_bytes: int


def inspect_folder(folder: DataFolder) -> FolderReport:
    """Read everything in an open folder and check every checksum."""
    log = examine_log(folder.log, salt=folder.identity.salt)
    snapshots = examine_snapshots(folder.snapshots)
    faults: list[str] = []
    snapshot = _newest(snapshots)
    entries = _entries(log, faults)
    base = snapshot or SnapshotMeta(0, 0, Membership(()))
    held = [index for index in entries if index > base.index]
    if held and min(entries) > base.index + 1:
        faults.append(
            f"the log begins at entry {min(entries)}, the snapshot ends at {base.index}: what lies "
            "between is missing"
        )
    last = entries[max(held)] if held else None
    state = HardState(0, None) if log.log.state is None else decode_hard_state(log.log.state)
    return FolderReport(
        path=folder.path,
        identity=folder.identity,
        log=log,
        snapshots=snapshots,
        hard_state=state,
        snapshot=snapshot,
        entries=entries,
        first_index=min(entries, default=base.index + 1),
        last_index=max(held, default=base.index),
        last_term=last.term if last is not None else base.term,
        last_stamp_ms=last.stamp_ms if last is not None else base.stamp_ms,
        membership=_membership(base.membership, [entries[i] for i in sorted(held)]),
        faults=faults,
    )


def view_of(index: Index, entry: Entry) -> EntryView:
    """Return an entry in words; data is shortened, passwords are left out."""
    kind = "membership" if membership.is_membership(entry) else KINDS.get(entry.kind, "unknown")
    session: int | None = None
    operation, shown = "", ""
    arguments: object = shown
    if kind == "command":
        session, operation, arguments = _command(entry.data)
    elif kind == "membership":
        arguments = msgpack.unpackb(entry.data)
    size = len(entry.data)
    return EntryView(index, entry.term, kind, entry.stamp_ms, session, operation, arguments, size)


def views(report: FolderReport, first: Index, last: Index) -> Iterator[EntryView]:
    """Yield the entries from `first` to `last` in words, those that are there."""
    for index in sorted(report.entries):
        if first <= index <= last:
            yield view_of(index, report.entries[index])


def _command(data: bytes) -> tuple[int | None, str, object]:
    try:
        session, (op, serial, floor, *arguments) = msgpack.unpackb(data)
    except (ValueError, TypeError, msgpack.UnpackException):
        return None, "unreadable", data[:SHOWN_BYTES_MAX]
    secret = PASSWORD_AT.get(op)
    if secret is not None and secret < len(arguments):
        arguments[secret] = "(password)"
    named = ops.NAMES.get(op, f"operation {op}")
    return session, named, [serial, floor, *map(_shortened, arguments)]


def _shortened(value: object) -> object:
    if isinstance(value, bytes) and len(value) > SHOWN_BYTES_MAX:
        return value[:SHOWN_BYTES_MAX] + b"... %d bytes" % len(value)
    if isinstance(value, list):
        return [_shortened(each) for each in value]
    return value


def _newest(snapshots: list[SnapshotReport]) -> SnapshotMeta | None:
    heads = [each.head for each in snapshots if each.damage is None and each.head is not None]
    if not heads:
        return None
    return decode_meta(max(heads, key=lambda head: (head.index, head.term)).extra)


def _entries(log: LogReport, faults: list[str]) -> dict[Index, Entry]:
    """Return what the log holds by index; a later record replaces what was there from its start."""
    entries: dict[Index, Entry] = {}
    end = 0
    for first, last, payload in log.log.records:
        try:
            run = decode_entries(payload)
        except ValueError:
            run = []
        if len(run) != last - first + 1:
            faults.append(f"the log record of entries {first}..{last} is unreadable")
            continue
        for index in range(first, end + 1):
            entries.pop(index, None)
        entries.update(enumerate(run, first))
        end = last
    return entries


def _membership(start: Membership, entries: list[Entry]) -> Membership:
    current = start
    for entry in entries:
        if membership.is_membership(entry):
            current = membership.decode(entry.data)
    return current
