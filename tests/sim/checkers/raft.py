"""RaftChecker: the five safety properties of Raft, watched from outside while a run goes on.

It is told what each replica does and keeps its own copy of every log. The section numbers are
those of Ongaro's thesis.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from coordsvc.base.ids import Index, NodeId, Term
from coordsvc.raft.messages import Entry
from tests.sim.verdicts import WrongResult


@dataclass(frozen=True, slots=True)
class _Slot:
    """What a log holds at an index, and the term of what stands before it."""

    term: Term
    before: Term
    content: bytes


@dataclass(slots=True)
class _Log:
    """The log of one replica; what a snapshot replaced is known by its last index only."""

    snapshot_index: Index = 0
    snapshot_term: Term = 0
    slots: dict[Index, _Slot] = field(default_factory=dict)
    last: Index = 0
    applied: Index = 0
    leads: Term | None = None

    def term_at(self, index: Index) -> Term | None:
        if index == self.snapshot_index:
            return self.snapshot_term
        slot = self.slots.get(index)
        return None if slot is None else slot.term


class RaftChecker:
    """Raises WrongResult at the first observation that breaks a property."""

    def __init__(self) -> None:
        self.committed_last: Index = 0
        self._leaders: dict[Term, NodeId] = {}
        self._began: dict[Term, Index] = {}  # what was committed when the term's leader began
        self._logs: dict[NodeId, _Log] = {}
        self._created: dict[tuple[Index, Term], _Slot] = {}
        self._committed: dict[Index, _Slot] = {}
        self._digests: dict[Index, tuple[bytes, NodeId]] = {}

    def leads(self, node: NodeId, term: Term) -> None:
        """A replica says that it leads in `term`: election safety (3.4), completeness (3.6)."""
        other = self._leaders.setdefault(term, node)
        _demand(other == node, f"election safety: {other} and {node} both lead term {term}")
        log = self._log(node)
        if log.leads != term:
            log.leads = term
            self._began.setdefault(term, self.committed_last)
            self._check_completeness(node, log, term)

    def follows(self, node: NodeId) -> None:
        """A replica no longer says that it leads."""
        self._log(node).leads = None

    def appended(self, node: NodeId, first: Index, entries: Sequence[Entry]) -> None:
        """A replica puts `entries` into its log at `first`; what was there and behind is gone.

        Checks that a leader only appends (3.5), and log matching (3.5).
        """
        log = self._log(node)
        _demand(first <= log.last + 1, f"{node} left a hole between {log.last} and {first}")
        if log.leads is not None:
            _demand(first > log.last, f"leader append-only: {node} rewrites its log at {first}")
        _demand(first > log.applied, f"{node} truncates at {first} what it has applied")
        self._cut(log, first)
        before = log.term_at(first - 1)
        assert before is not None, "a base that is neither in the log nor the snapshot"
        for index, entry in enumerate(entries, first):
            slot = _Slot(entry.term, before, _content_of(entry))
            self._check_matching(node, index, slot)
            log.slots[index] = slot
            log.last = index
            before = entry.term

    def applied(self, node: NodeId, index: Index, entry: Entry) -> None:
        """A replica applies `entry` at `index`: state-machine safety (3.6.3)."""
        log = self._log(node)
        _demand(index == log.applied + 1, f"{node} applied {log.applied}, then {index}")
        log.applied = index
        content = _content_of(entry)
        known = self._committed.get(index)
        if known is None:
            slot = self._created.get((index, entry.term)) or _Slot(entry.term, 0, content)
            known = self._committed[index] = slot
            self.committed_last = max(self.committed_last, index)
        same = (known.term, known.content) == (entry.term, content)
        _demand(same, f"state-machine safety: {node} applied another entry at {index}")

    def begins(self, index: Index, term: Term) -> None:
        """The log does not begin with nothing, but behind a state that was restored."""
        self._committed[index] = _Slot(term, 0, b"")
        self.committed_last = index

    def differs(self, index: Index, digest: bytes) -> bool:
        """Tell whether another digest is known after `index`."""
        known = self._digests.get(index)
        return known is not None and known[0] != digest

    def digest(self, node: NodeId, index: Index, digest: bytes) -> None:
        """A replica's state has `digest` after `index`: equal everywhere, for ever."""
        known, other = self._digests.setdefault(index, (digest, node))
        _demand(known == digest, f"states differ: {node} and {other} after index {index}")

    def restored(self, node: NodeId, index: Index, term: Term) -> None:
        """A running replica took over a snapshot that stands for everything up to `index`."""
        log = self._log(node)
        _demand(index >= log.applied, f"{node} goes back from {log.applied} to {index}")
        known = self._committed.get(index)
        _demand(known is not None, f"{node} restored {index}, which nobody applied")
        assert known is not None
        _demand(known.term == term, f"{node} restored {index} with a wrong term {term}")
        matches = log.term_at(index) == term
        if not matches:
            self._cut(log, min(log.slots, default=index + 1))
        log.snapshot_index, log.snapshot_term = index, term
        log.last = max(log.last, index) if matches else index
        log.applied = index

    def restarted(
        self,
        node: NodeId,
        *,
        snapshot_index: Index,
        snapshot_term: Term,
        entries: Sequence[Entry],
    ) -> None:
        """A replica came back with this much on its disk; the entries follow the snapshot."""
        log = self._logs[node] = _Log(
            snapshot_index, snapshot_term, {}, snapshot_index, snapshot_index, None
        )
        if snapshot_index:
            known = self._committed.get(snapshot_index)
            right = known is not None and known.term == snapshot_term
            _demand(right, f"{node} came back with a snapshot nobody else knows")
        self.appended(node, log.last + 1, entries)

    def _log(self, node: NodeId) -> _Log:
        return self._logs.setdefault(node, _Log())

    def _cut(self, log: _Log, first: Index) -> None:
        for index in range(first, log.last + 1):
            log.slots.pop(index, None)
        log.last = min(log.last, first - 1)

    def _check_matching(self, node: NodeId, index: Index, slot: _Slot) -> None:
        """By induction it is enough that equal (index, term) means equal entry and equal term
        of the entry before."""
        known = self._created.setdefault((index, slot.term), slot)
        text = f"log matching: {node} has another entry {index} of term {slot.term}"
        _demand(known == slot, text)

    def _check_completeness(self, node: NodeId, log: _Log, term: Term) -> None:
        """By log matching it is enough to look at the last entry committed in an earlier term.

        A leader whose last vote was long on its way may begin when a later term has one already.
        """
        index = min(begin for later, begin in self._began.items() if later >= term)
        if index <= log.snapshot_index:
            return
        has = log.term_at(index) == self._committed[index].term
        _demand(has, f"leader completeness: {node} leads without committed entry {index}")


def _content_of(entry: Entry) -> bytes:
    """Return a digest of an entry, so that long runs of large entries need little memory."""
    head = f"{entry.term}/{entry.kind}/{entry.stamp_ms}/".encode()
    return hashlib.blake2b(head + entry.data, digest_size=16).digest()


def _demand(holds: bool, text: str) -> None:
    if not holds:
        raise WrongResult(text)
