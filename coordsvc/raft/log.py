"""The log as Raft sees it: what follows the snapshot, in memory; what of it is on disk.

    base          the last entry that was forgotten; its term is still known
    base+1 ..     entries, of which
      .. durable  are on this disk
      .. handed   were handed to the owner to be written
      .. last     were appended

Invariant: base <= durable <= handed <= last, and terms never fall along the log.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import repeat
from operator import itemgetter
from typing import Final

from coordsvc.base import limits
from coordsvc.base.ids import Index, Millis, Term
from coordsvc.raft.messages import COMMAND, Entry

# Made and measured in C: the two lines that every proposal goes through.
_as_entry: Final = partial(tuple.__new__, Entry)
_data_of: Final = itemgetter(3)
_term_of: Final = itemgetter(0)

MARK_EVERY: Final = 64
"""So many entries at least lie between two places at which it is noted how many bytes come before:
to note it at each would cost each replica a thousand instructions an entry."""


def _bytes_of(entries: Sequence[Entry]) -> int:
    return sum(map(len, map(_data_of, entries)))


class RaftLog:
    """The entries after the base, with constant-time access by index."""

    __slots__ = (
        "_base_bytes",
        "_batch_bytes",
        "_batch_first",
        "_bytes",
        "_entries",
        "_marked_bytes",
        "_marks",
        "_writes",
        "base_index",
        "base_stamp_ms",
        "base_term",
        "durable",
        "handed",
        "last_index",
    )

    def __init__(
        self, base_index: Index, base_term: Term, base_stamp_ms: Millis, entries: list[Entry]
    ) -> None:
        self.base_index = base_index
        self.base_term = base_term
        self.base_stamp_ms = base_stamp_ms
        self._entries = list(entries)
        self._base_bytes = self._bytes = 0
        """Bytes of data up to the base, and up to the last entry, from some fixed origin."""
        self._marks = array("q")
        """Indexes of entries of which it is known how many bytes lie up to them: `_marked_bytes`,
        the entry's own included."""
        self._marked_bytes = array("q")
        self._batch_first: Index = 0
        self._batch_bytes = 0
        """Of the entries appended together last."""
        self.last_index: Index = base_index
        for at in range(0, len(entries), MARK_EVERY):
            part = entries[at : at + MARK_EVERY]
            self._count(len(part), _bytes_of(part))
        self.durable: Index = self.last_index
        self.handed: Index = self.last_index
        self._writes: deque[tuple[Index, Term, Index]] = deque()
        """Writes under way, oldest first: (last index, its term, how far it counts). What was
        truncated since does not count, although it will reach the disk."""

    @property
    def last_term(self) -> Term:
        """The term of the last entry."""
        return self._entries[-1][0] if self._entries else self.base_term

    @property
    def last_stamp_ms(self) -> Millis:
        """The leader's time in the last entry. Never falls along the log."""
        return self._entries[-1][2] if self._entries else self.base_stamp_ms

    def term_at(self, index: Index) -> Term:
        """Return the term of an entry in `base_index <= index <= last_index`."""
        if index == self.base_index:
            return self.base_term
        assert self.base_index < index <= self.last_index, (self.base_index, index)
        return self._entries[index - self.base_index - 1][0]

    def stamp_at(self, index: Index) -> Millis:
        """Return the stamp of an entry in `base_index <= index <= last_index`."""
        if index == self.base_index:
            return self.base_stamp_ms
        assert self.base_index < index <= self.last_index, (self.base_index, index)
        return self._entries[index - self.base_index - 1][2]

    def has(self, index: Index, term: Term) -> bool:
        """Tell whether the entry at `index` is known here and has this `term`."""
        return self.base_index <= index <= self.last_index and self.term_at(index) == term

    def slice(self, first: Index, last: Index) -> list[Entry]:
        """Return the entries `first` .. `last`, both included."""
        assert self.base_index < first, (self.base_index, first)
        assert first - 1 <= last <= self.last_index, (first, last, self.last_index)
        start = self.base_index + 1
        return self._entries[first - start : last + 1 - start]

    def bytes_between(self, after: Index, last: Index) -> int:
        """Return the bytes of data in `after < index <= last`."""
        return self._end(last) - self._end(after) if last > after else 0

    def fitting(self, first: Index) -> tuple[Index, int]:
        """Return the last index of an append from `first` that keeps the limits, and its bytes.

        At least one entry, which must be there, always fits.
        """
        last, most, together = self.last_index, limits.APPEND_ENTRIES_MAX, self._batch_bytes
        is_batch = first == self._batch_first and last - first < most
        if is_batch and together <= limits.APPEND_BYTES_MAX:
            return last, together  # nearly always
        size = count = 0
        for data in map(_data_of, self.slice(first, min(last, first - 1 + most))):
            if count and size + len(data) > limits.APPEND_BYTES_MAX:
                break
            size += len(data)
            count += 1
        return first - 1 + count, size

    def base_to_keep(self, through: Index, *, entries: int, size: int) -> Index:
        """Return the base with which the latest entries up to `through` are kept.

        They are at most `entries` in number and `size` bytes of data. Not before the base.
        """
        spare = self._end(through) - size
        base, end = self._mark_before(bisect_left(self._marked_bytes, spare))
        while end < spare:
            base += 1
            end += len(self._entries[base - self.base_index - 1][3])
        return max(base, through - entries)

    def _end(self, index: Index) -> int:
        """Return the bytes up to and including an entry, or up to the base."""
        if index == self.last_index:
            return self._bytes
        mark, end = self._mark_before(bisect_right(self._marks, index))
        return end + _bytes_of(self.slice(mark + 1, index))

    def _mark_before(self, at: int) -> tuple[Index, int]:
        """Return the mark before the place `at` among the marks, or the base; and its bytes."""
        if at:
            return self._marks[at - 1], self._marked_bytes[at - 1]
        return self.base_index, self._base_bytes

    def latest_agreement(self, index: Index, term: Term) -> tuple[Index, Term]:
        """Return the latest (index, term) not after `index` whose term is at most `term`.

        Everything after it cannot agree with a log that has `term` at `index`. Terms never
        fall along a log, hence the bisection. Not before the base.
        """
        entries = self._entries
        bound = max(min(index, self.last_index) - self.base_index, 0)
        at = bisect_right(entries, term, 0, bound, key=_term_of)
        return self.base_index + at, entries[at - 1][0] if at else self.base_term

    def append_commands(self, term: Term, stamp_ms: Millis, commands: Sequence[bytes]) -> Index:
        """Append a leader's batch, all with one stamp; return the index of its first."""
        assert term >= self.last_term, (term, self.last_term)
        assert stamp_ms >= self.last_stamp_ms, (stamp_ms, self.last_stamp_ms)
        first = self.last_index + 1
        self._entries.extend(
            map(_as_entry, zip(repeat(term), repeat(COMMAND), repeat(stamp_ms), commands))
        )
        self._count(len(commands), sum(map(len, commands)))
        return first

    def append(self, entries: Sequence[Entry]) -> None:
        """Append entries as they are."""
        self._entries.extend(entries)
        self._count(len(entries), sum(map(len, map(_data_of, entries))))  # _bytes_of, not called

    def _count(self, count: int, size: int) -> None:
        """Note that so many entries, of `size` bytes together, stand behind the last one."""
        self._batch_first, self._batch_bytes = self.last_index + 1, size
        self.last_index += count
        self._bytes += size
        if self.last_index - (self._marks[-1] if self._marks else self.base_index) >= MARK_EVERY:
            self._marks.append(self.last_index)
            self._marked_bytes.append(self._bytes)

    def first_conflict(self, base: Index, entries: Sequence[Entry]) -> int:
        """Return how many of `entries`, which follow `base`, stand here already.

        What stands here with the same term is the same entry (log matching, thesis 3.5).
        """
        here = self._entries[base - self.base_index : base - self.base_index + len(entries)]
        for position, (mine, theirs) in enumerate(zip(here, entries, strict=False)):
            if mine[0] != theirs[0]:
                return position
        return len(here)

    def truncate(self, first: Index) -> None:
        """Forget the entry at `first` and all after it; they lost against a newer leader."""
        assert self.base_index < first <= self.last_index, (self.base_index, first)
        self._bytes = self._end(first - 1)
        marks = bisect_left(self._marks, first)
        del self._marks[marks:]
        del self._marked_bytes[marks:]
        del self._entries[first - self.base_index - 1 :]
        self.last_index, self._batch_first = first - 1, 0
        self.handed = min(self.handed, self.last_index)
        self.durable = min(self.durable, self.last_index)
        self._writes = deque(
            (index, term, min(counts, self.last_index)) for index, term, counts in self._writes
        )

    def hand_over(self) -> tuple[Index, list[Entry]]:
        """Return (first index, entries) that the owner must write now."""
        first, last = self.handed + 1, self.last_index
        entries = self._entries[first - self.base_index - 1 :]
        self.handed = last
        if entries:
            self._writes.append((last, entries[-1][0], last))
        return first, entries

    def persisted(self, index: Index, term: Term) -> None:
        """Note that the write that ended with this entry, and all before it, are on disk."""
        writes = self._writes
        if writes and writes[0][0] == index and writes[0][1] == term:  # nearly always
            self.durable = max(self.durable, writes.popleft()[2])
            return
        if (index, term) not in [(last, last_term) for last, last_term, _ in writes]:
            return  # A write from before a snapshot replaced the log.
        while True:
            last, last_term, counts = writes.popleft()
            self.durable = max(self.durable, counts)
            if (last, last_term) == (index, term):
                break
        assert self.durable <= self.handed, (self.durable, self.handed)

    def compact(self, through: Index) -> None:
        """Forget everything up to and including `through`, which must be on disk."""
        if through <= self.base_index:
            return
        assert through <= self.last_index, (through, self.last_index)
        self.base_term, self.base_stamp_ms = self.term_at(through), self.stamp_at(through)
        self._base_bytes = self._end(through)
        marks = bisect_right(self._marks, through)
        del self._marks[:marks]
        del self._marked_bytes[:marks]
        del self._entries[: through - self.base_index]
        self.base_index = through
        self.handed = max(self.handed, through)
        self.durable = max(self.durable, through)

    def reset(self, index: Index, term: Term, stamp_ms: Millis) -> None:
        """Forget everything; a snapshot that ends at `index` takes its place."""
        self.base_index, self.base_term, self.base_stamp_ms = index, term, stamp_ms
        self._entries, self._marks, self._marked_bytes = [], array("q"), array("q")
        self._base_bytes = self._bytes = self._batch_first = 0
        self.last_index = self.durable = self.handed = index
        self._writes.clear()
