"""Who is to lead after this replica."""

from __future__ import annotations

from coordsvc.base.ids import Millis, NodeId
from coordsvc.raft.node import RaftNode


def heir_of(raft: RaftNode, *, heard_after: Millis) -> NodeId | None:
    """Return the voter that is furthest of those heard from lately; None if there is none."""
    voters = raft.membership.voters
    fit = [
        (view.match, peer)
        for peer, view in raft.peers().items()
        if peer in voters and view.heard_ms > heard_after
    ]
    return max(fit)[1] if fit else None
