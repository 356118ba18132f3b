"""What replicas say to one another: the messages that each version brought, one of each kind."""

from __future__ import annotations

from coordsvc.raft import messages as raft
from coordsvc.raft.messages import Entry, MemberInfo, Membership, SnapshotMeta
from coordsvc.replica import messages
from coordsvc.replica.gate import Greeting
from tests.samples import story, story_v2

INFOS = tuple(MemberInfo(*fields) for fields in story_v2.MEMBERS)


def messages_of(version):
    """Return one message of each kind, as a version of this name sends it."""
    return {"v1": _v1, "v2": _v2, "v3": _v3}[version]()


def _v1():
    entries = [Entry(*fields) for fields in story.story()[:4]]
    meta = SnapshotMeta(45, 3, Membership(("n1", "n2"), ("n1",), ("n4",)), 1_700_000_000_315)
    return [
        raft.AppendRequest(3, 40, 2, 39, entries),
        raft.AppendRequest(3, 40, 2, 39, []),
        raft.AppendReply(3, False, 40, 38, 2),
        raft.Heartbeat(3, 39, 7),
        raft.HeartbeatReply(3, 7),
        raft.VoteRequest(4, True, 44, 3, False),
        raft.VoteReply(4, True, True),
        raft.TimeoutNow(3),
        raft.SnapshotOffer(3, meta),
        messages.Forward(3, [2, 3], [entries[1].data, entries[2].data]),
        messages.ReadIndexRequest(2**48 - 1, [2]),
        messages.ReadIndexReply(2**48 - 1, 44, [3]),
        messages.SnapshotChunk(3, meta, 0, 262_144, b"COORDSNP"),
        messages.SnapshotAck(45, 8),
        messages.DiskAlarm(True),
        messages.DigestQuery(1_024),
        messages.DigestReply(1_024, 2**63 + 1),
        messages.Rebuild(1_024, 2**63 + 1),
        messages.RebuildRequest(1_030),
    ]


def _v2():
    entries = [Entry(*fields) for fields in story_v2.story()[34:38]]
    meta = SnapshotMeta(36, 2, Membership(("n1", "n2"), (), ("n4",), INFOS), 1_700_000_000_238)
    return [
        *_v1(),
        raft.AppendRequest(2, 34, 2, 33, entries),
        raft.SnapshotOffer(3, meta),
        messages.SnapshotChunk(3, meta, 262_144, 262_148, b"tail"),
        messages.MembersRequest(77, 5_000, 36, [*INFOS], ["n4"], ["n2"]),
        messages.MembersReply(77, "", "", 40),
        messages.MembersReply(78, "no_such_member", "there is no n9", 40),
        messages.Dismissal(36, "n2 came with another data folder"),
        messages.Versions(1, 2),
    ]


def _v3():
    return [messages.DigestReply(1_024, 2**62 - 1), messages.Versions(1, 3)]


def greeting_of(version):
    """Return what n1 says of itself when it greets as a version of this name does."""
    return Greeting(MemberInfo("n1")) if version == "v1" else Greeting(INFOS[0], 36)
