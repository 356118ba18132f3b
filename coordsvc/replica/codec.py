"""Commands, entries and hard state as bytes, in the log and between replicas."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias, TypeVar

import msgpack

from coordsvc.base import limits
from coordsvc.base.errors import CorruptData
from coordsvc.base.ids import Index, SessionId, Term
from coordsvc.base.values import Value
from coordsvc.raft import membership
from coordsvc.raft.messages import Entry, HardState, SnapshotMeta

T = TypeVar("T")

_FIELDS: Final = len(Entry._fields)
_as_entry: Final = partial(tuple.__new__, Entry)  # four fifths of Entry._make's time
Names: TypeAlias = tuple[str, ...]
"""Of a cluster: the present one first, then those it had before it was restored, latest first."""

_META_FIELDS: Final = 4  # of what a snapshot stands for; the names of the cluster follow

_pack: Final = msgpack.Packer(use_bin_type=True, autoreset=True).pack


def command_prefix(session: SessionId) -> bytes:
    """Return what stands before a request's own bytes to make them a command.

    A command is the array [session, request]; the request is the client's array, byte for byte.
    """
    return b"\x92" + _packed(session)


def internal_command(op: int, tag: int, *arguments: Value) -> bytes:
    """Return a command that the service itself proposes; `tag` stands in for the serial."""
    return _packed([0, [op, tag, tag, *arguments]])


def encode_hard_state(state: HardState) -> bytes:
    """Return term and vote as the log on disk keeps them."""
    return _packed([state.term, state.vote])


def decode_hard_state(data: bytes) -> HardState:
    """Return what encode_hard_state was given."""
    term, vote = msgpack.unpackb(data)
    assert isinstance(term, int)
    assert vote is None or isinstance(vote, str)
    return HardState(term, vote)


def meta_fields(meta: SnapshotMeta) -> list[object]:
    """Return what a snapshot stands for as plain values."""
    return [meta.index, meta.term, membership.fields_of(meta.membership), meta.stamp_ms]


def meta_from(fields: object) -> SnapshotMeta:
    """Return what meta_fields was given.

    Raises:
        ValueError: the fields are not of that shape.

    """
    match fields:
        case [int(index), int(term), list(members), int(stamp)]:
            return SnapshotMeta(index, term, membership.from_fields(members), stamp)
        case _:
            raise ValueError("not the description of a snapshot")


def encode_meta(meta: SnapshotMeta, names: Names = ()) -> bytes:
    """Return what a snapshot stands for, to be kept in its file, with the names of its cluster.

    Programs that have version 1 of the state only take no names.
    """
    return _packed([*meta_fields(meta), names] if names else meta_fields(meta))


def decode_meta(data: bytes) -> SnapshotMeta:
    """Return what encode_meta was given.

    Raises:
        ValueError: it is not of that shape.

    """
    fields: object = msgpack.unpackb(data)
    return meta_from(fields[:_META_FIELDS] if isinstance(fields, list) else fields)


def names_in(data: bytes) -> Names:
    """Return the names that encode_meta was given; none if it was given none."""
    match msgpack.unpackb(data):
        case [_, _, _, _, list(names), *_]:
            return tuple(map(str, names))
        case _:
            return ()


class EntryEncoder:
    """Encodes runs of entries, remembering the last one.

    A leader sends the same run to its own log and to every follower; encoding it once saves
    about a third of what a write costs the leader in encoding. A follower writes what it was
    sent, byte for byte.
    """

    __slots__ = ("_bytes", "_count", "_last")

    def __init__(self) -> None:
        self._last: Entry | None = None
        self._count = 0
        self._bytes = b""

    def encode(self, entries: list[Entry]) -> bytes:
        """Return `entries` as one MessagePack array."""
        last = entries[-1] if entries else None
        if last is None or last is not self._last or len(entries) != self._count:
            self._bytes = _packed(entries)
            self._last = last
            self._count = len(entries)
        return self._bytes

    def remember(self, entries: list[Entry], data: bytes) -> None:
        """Take note that `data` is what encoding `entries`, of which there are some, gives."""
        self._bytes = data
        self._last = entries[-1]
        self._count = len(entries)


def size_of_entry(entry: Entry) -> int:
    """Return the bytes of data that an entry carries."""
    return len(entry[3])


def in_batches(items: list[T], size_of: Callable[[T], int]) -> list[list[T]]:
    """Return `items` in runs of about limits.BATCH_BYTES_MAX; the empty list if there are none.

    A run exceeds it by less than one item, so that it always fits a record and a peer's frame.
    """
    if sum(map(size_of, items)) <= limits.BATCH_BYTES_MAX:
        return [items] if items else []
    batches: list[list[T]] = []
    room = 0
    for item in items:
        if room <= 0:
            batches.append([])
            room = limits.BATCH_BYTES_MAX
        batches[-1].append(item)
        room -= size_of(item)
    return batches


def decode_entries(data: bytes) -> list[Entry]:
    """Return the entries in `data`.

    Raises:
        ValueError: if `data` does not hold entries.

    """
    try:
        raw = msgpack.unpackb(data, use_list=False)
        if set(map(len, raw)) <= {_FIELDS}:
            return list(map(_as_entry, raw))
    except TypeError as error:
        raise ValueError("not a run of entries") from error
    raise ValueError("not a run of entries")


def rebuild_log(
    records: list[tuple[Index, Index, bytes]], snapshot_index: Index, snapshot_term: Term
) -> list[Entry] | None:
    """Return the entries behind the snapshot, from the records a log on disk kept.

    A later record that starts at or below the end of an earlier one replaces its tail. None: the
    log does not hold the entry the snapshot ends with. A crash came between installing that
    snapshot and resetting the log, and nothing of such a log counts (thesis 5.1).

    Raises:
        CorruptData: records leave a gap, or one does not hold what it says.

    """
    base = records[0][0] - 1 if records else snapshot_index
    if base > snapshot_index:
        raise CorruptData(
            f"the log starts at entry {base + 1}, the snapshot ends at"
            f" {snapshot_index}: what lies between is missing"
        )
    log: list[Entry] = []
    for first, last, payload in records:
        if not base < first <= base + len(log) + 1:
            raise CorruptData(f"the log jumps from entry {base + len(log)} to {first}")
        try:
            entries = decode_entries(payload)
        except ValueError as error:
            raise CorruptData(f"the log record of entries {first}..{last} is unreadable") from error
        if len(entries) != last - first + 1:
            raise CorruptData(f"the log record of entries {first}..{last} holds {len(entries)}")
        del log[first - base - 1 :]
        log += entries
    held = snapshot_index - base
    if held > len(log) or (held and log[held - 1].term != snapshot_term):
        return None
    return log[held:]


def _packed(value: object) -> bytes:
    data: bytes = _pack(value)
    return data
