"""What a RaftNode asks its owner to do. The owner's contract, field by field.

The owner may carry out several Readys at once, but writes reach the disk in the order of the
Readys, and a Ready's `send_after_sync` waits until everything written by it and by all earlier
Readys is on disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from coordsvc.base.ids import Index, NodeId, Term
from coordsvc.raft.messages import Entry, HardState, Message


class Ready:
    """Everything that came of the inputs since the last Ready.

    One is made in nearly every turn, hence no dataclass: that would make it at twice the cost.
    """

    __slots__ = (
        "commit",
        "entries",
        "first_index",
        "hard_state",
        "leadership_changed",
        "membership_changed",
        "more",
        "reads",
        "reads_failed",
        "send_after_sync",
        "send_now",
        "snapshot_to",
    )

    def __init__(self) -> None:
        self.hard_state: HardState | None = None
        """Write this before the entries. None: unchanged."""

        self.first_index: Index = 0
        self.entries: list[Entry] = []
        """Append these at `first_index`; what the disk holds from there on is void. After the
        sync, call `persisted(last index, its term)`."""

        self.send_now: list[tuple[NodeId, Message]] = []
        """May leave before the sync (appends to followers, heartbeats, requests)."""

        self.send_after_sync: list[tuple[NodeId, Message]] = []
        """Promises: votes and acknowledgements."""

        self.commit: Index = 0
        """Apply everything up to here that has not been applied. Entries are read back with
        `RaftNode.entries(first, last)`. They may not be on this disk yet; a majority has them."""

        self.reads: list[tuple[int, Index]] = []
        """(token, index): serve the read when everything up to index has been applied."""

        self.reads_failed: list[int] = []
        """Tokens of reads that this node can no longer confirm: it does not lead any more."""

        self.snapshot_to: list[NodeId] = []
        """Followers that need a snapshot: send them the latest, then call `snapshot_sent`."""

        self.leadership_changed = False
        """`leader`, `term` or the role changed."""

        self.more = False
        """A follower lacks more than one message may carry: take the next Ready at once."""

        self.membership_changed = False
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
