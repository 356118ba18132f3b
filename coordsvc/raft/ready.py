"""What a RaftNode asks its owner to do. The owner's contract, field by field.

The owner may carry out several Readys at once, but writes reach the disk in the order of the
Readys, and a Ready's `send_after_sync` waits until everything written by it and by all earlier
Readys is on disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from coordsvc.base.ids import Index, NodeId, Term
from coordsvc.raft.messages import Entry, HardState, Message


@dataclass(slots=True)
class Ready:
    """Everything that came of the inputs since the last Ready."""

    hard_state: HardState | None = None
    """Write this before the entries. None: unchanged."""

    first_index: Index = 0
    entries: list[Entry] = field(default_factory=list)
    """Append these at `first_index`; what the disk holds from there on is void. After the sync,
    call `persisted(last index, its term)`."""

    send_now: list[tuple[NodeId, Message]] = field(default_factory=list)
    """May leave before the sync (appends to followers, heartbeats, requests)."""

    send_after_sync: list[tuple[NodeId, Message]] = field(default_factory=list)
    """Promises: votes and acknowledgements."""

    commit: Index = 0
    """Apply everything up to here that has not been applied. Entries are read back with
    `RaftNode.entries(first, last)`. They may not be on this disk yet; a majority has them."""

    reads: list[tuple[int, Index]] = field(default_factory=list)
    """(token, index): serve the read when everything up to index has been applied."""

    reads_failed: list[int] = field(default_factory=list)
    """Tokens of reads that this node can no longer confirm: it does not lead any more."""

    snapshot_to: list[NodeId] = field(default_factory=list)
    """Followers that need a snapshot: send them the latest, then call `snapshot_sent`."""

    leadership_changed: bool = False
    """`leader`, `term` or the role changed."""

    more: bool = False
    """A follower lacks more than one message may carry: take the next Ready at once."""

    membership_changed: bool = False
    """`membership` changed (it takes effect when appended), or is committed now."""

    def __bool__(self) -> bool:
        """Tell whether there is anything to do."""
        return bool(
            self.hard_state
            or self.entries
            or self.send_now
            or self.send_after_sync
            or self.commit
            or self.reads
            or self.reads_failed
            or self.snapshot_to
            or self.leadership_changed
            or self.membership_changed
        )


NOTHING: Final = Ready()
"""What there is to do when nothing came of the inputs. It stays as it is."""


@dataclass(slots=True)
class Proposed:
    """Where proposed entries will stand if they commit: `first` .. `first + count - 1`."""

    term: Term
    first: Index
    count: int
