"""One RaftNode, n1, and hands to feed it: for tests of one rule at a time."""

from __future__ import annotations

from coordsvc.base.ports import SilentLogger
from coordsvc.raft.messages import (
    COMMAND,
    AppendReply,
    Entry,
    HardState,
    Membership,
    SnapshotMeta,
    VoteReply,
)
from coordsvc.raft.node import RaftNode, RaftSettings, RecoveredRaft, Role
from coordsvc.raft.ready import Ready
from tests.scripts.raft_cluster import Fixed

THREE = ("n1", "n2", "n3")
FIVE = ("n1", "n2", "n3", "n4", "n5")
LATE = 5_000


def entry(term: int, data: bytes = b"x") -> Entry:
    return Entry(term, COMMAND, 0, data)


def node_of(
    *terms: int,
    term: int = 0,
    vote: str | None = None,
    voters: tuple[str, ...] = THREE,
    settings: RaftSettings | None = None,
) -> RaftNode:
    """Return n1 with a log of entries of these terms."""
    snapshot = SnapshotMeta(0, 0, Membership(voters))
    recovered = RecoveredRaft(HardState(term, vote), snapshot, [entry(t) for t in terms])
    return RaftNode(
        "n1", settings or RaftSettings(), recovered, chance=Fixed(), log=SilentLogger(), now=0
    )


def lead(node: RaftNode) -> None:
    """Let n1 win; its first entry is on its disk, and sent."""
    node.wake(LATE)
    pre = node.ready().send_now
    for peer, request in pre:
        node.step(peer, VoteReply(request.term, True, True), LATE)
    for peer, request in node.ready().send_after_sync:
        node.step(peer, VoteReply(request.term, False, True), LATE)
    assert node.role is Role.LEADER
    sync(node, node.ready())


def sync(node: RaftNode, ready: Ready) -> None:
    if ready.entries:
        last = ready.first_index + len(ready.entries) - 1
        node.persisted(last, ready.entries[-1].term, LATE)


def ack(node: RaftNode, *peers: str, index: int | None = None) -> None:
    for peer in peers:
        reply = AppendReply(node.term, True, node.last_index if index is None else index)
        node.step(peer, reply, LATE)


def sent(ready: Ready, kind: type) -> list:
    return [m for _, m in ready.send_now + ready.send_after_sync if type(m) is kind]


def terms_of(node: RaftNode) -> list[int]:
    return [e.term for e in node.entries(node.first_index, node.last_index)]
