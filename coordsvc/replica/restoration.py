"""A new cluster from the state of an old one.

The new cluster goes on above everything the old one can have shown: revisions are fencing tokens
and places to resume from, and must not go back although the state does. Its term is above the
old one's too, so that a member left over from the old cluster is never the more up to date.
Sessions end: their clients spoke to the old cluster, and cannot know what was lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from coordsvc.base.ids import Index, NodeId
from coordsvc.base.vocabulary import codes, ops
from coordsvc.raft.messages import Membership, SnapshotMeta
from coordsvc.replica.codec import internal_command
from coordsvc.state.machine import StateMachine

REVISION_BUMP: Final = 10**12
"""More than a year of 30,000 writes a second; some thousand restores fit into a JSON number."""
TERM_BUMP: Final = 1_000
NOTE: Final = "the cluster was restored from a backup"


@dataclass(frozen=True, slots=True)
class Restoration:
    """The beginning of the new cluster."""

    meta: SnapshotMeta
    sessions_ended: int


def restoration(
    machine: StateMachine, old: SnapshotMeta, voters: Sequence[NodeId], *, bump: Index
) -> Restoration:
    """Turn the state of a backup into the state a new cluster begins with.

    Depends on its arguments only, so that every member that restores the same backup begins the
    same. `bump` must be larger than the number of sessions.
    """
    sessions = sorted(machine.sessions.by_id)
    assert len(sessions) < bump, "each session that ends takes a revision"
    assert machine.revision == old.index
    index, stamp_ms = old.index, machine.time_ms
    for session in sessions:
        index += 1
        command = internal_command(ops.END_SESSION, index, session, NOTE)
        applied = machine.apply(index, stamp_ms, command)
        assert applied.code == codes.OK, applied
    assert not machine.sessions.by_id
    first = old.index + bump
    machine.skip(first, stamp_ms)
    machine.history.forget(first)
    meta = SnapshotMeta(first, old.term + TERM_BUMP, Membership(tuple(sorted(voters))), stamp_ms)
    return Restoration(meta, len(sessions))
