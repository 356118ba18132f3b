"""A member's health: the room left on its disk, and whether its state is that of the others.

Nothing here is replicated. A member that runs out of room says so to all others, and while one
has an alarm nobody takes what makes the state grow: a log that cannot be written stops more than
one member's clients. And at every CHECKPOINT_EVERY entries each member notes the digest of its
state; the leader compares. A member that differs from a majority stops serving and applying, and
asks for a snapshot; its log, term and vote are sound and stay. Members also say which versions of
the state machine they have (upgrade.py).
"""

from __future__ import annotations

from typing import Final, Protocol

from coordsvc.base.ids import Index, Millis, NodeId
from coordsvc.base.ports import Logger
from coordsvc.base.vocabulary import codes
from coordsvc.raft.node import RaftNode
from coordsvc.replica import messages
from coordsvc.replica.checkpoints import Checkpoints, Comparison
from coordsvc.replica.desk import Desk
from coordsvc.replica.disk_room import DiskRoom
from coordsvc.replica.effects import Effects
from coordsvc.replica.slow_log import SlowLog
from coordsvc.replica.snapshots import SnapshotTraffic
from coordsvc.replica.upgrade import Upgrade
from coordsvc.replica.writing import LogWrites
from coordsvc.state import versions

COMPARE_MS: Final = 2_000
"""How often to compare, or to ask for what is to rebuild this state."""
DIFFERS: Final = "the state of this replica differs from the others': it is being rebuilt"


class Host(Protocol):
    """What the replica does when its own state turns out to be wrong."""

    @property
    def applied(self) -> Index:
        """The revision that the state has reached."""

    @property
    def leading(self) -> bool:
        """Whether this replica leads."""

    @property
    def writes(self) -> LogWrites:
        """What is on its way to the log."""

    def hand_over(self, now: Millis) -> bool:
        """Hand leadership to another; False if nobody can take it."""


class Health:
    """The health of one member, and what it knows of the others'."""

    def __init__(
        self,
        node: NodeId,
        host: Host,
        raft: RaftNode,
        desk: Desk,
        snapshots: SnapshotTraffic,
        *,
        reserve_bytes: int,
        log: Logger,
    ) -> None:
        self.room = DiskRoom(node, reserve_bytes)
        self.checkpoints = Checkpoints()
        ours = messages.Versions(versions.OLDEST, versions.NEWEST)
        self.upgrade = Upgrade(node, raft, ours, log=log)
        self.differs = False
        """Whether this state is known to be wrong: serve nobody, apply nothing."""
        self.disputed = False
        """Whether members differ and no majority says who is right; known to the leader."""
        self._node = node
        self._host = host
        self._raft = raft
        self._desk = desk
        self._snapshots = snapshots
        self._log = log
        self._comparison: Comparison | None = None
        self._candidate: Index = 0
        self._compared: Index = 0
        self._next_at: Millis = 0
        self._slow_log = SlowLog(0)

    def receive(
        self, peer: NodeId, message: messages.HealthMessage, now: Millis, effects: Effects
    ) -> None:
        """Take a message of another member."""
        match message:
            case messages.DiskAlarm():
                self.room.told(peer, full=message.full)
            case messages.DigestQuery():
                digest = self.checkpoints.digest_at(message.index)
                effects.send.append((peer, messages.DigestReply(message.index, digest)))
            case messages.DigestReply():
                self._on_reply(peer, message, now, effects)
            case messages.Rebuild():
                self._on_rebuild(peer, message, now)
            case messages.RebuildRequest():
                self._on_rebuild_request(peer, message, now, effects)
            case messages.Versions():
                self.upgrade.told(peer, message)

    # Room.

    def measured(self, free_bytes: int, effects: Effects) -> None:
        """So many bytes are left on this member's disk: tell the others if that is news."""
        if self.room.measured(free_bytes):
            full = self.room.alarm
            tell = self._log.warning if full else self._log.info
            tell("disk alarm" if full else "disk alarm over", free_bytes=free_bytes)
            self._to_all(messages.DiskAlarm(full), effects)

    def link_made(self, peer: NodeId, effects: Effects) -> None:
        """A connection stands: what the peer said on an older one is said again if it holds."""
        self.link_lost(peer)
        effects.send.append((peer, self.upgrade.ours))
        if self.room.alarm:
            effects.send.append((peer, messages.DiskAlarm(True)))

    def link_lost(self, peer: NodeId) -> None:
        """Nobody is held up by a member that cannot say that it has room again."""
        self.room.told(peer, full=False)
        self.upgrade.link_lost(peer)

    # Comparing.

    def tick(self, now: Millis, effects: Effects) -> None:
        """Look at the log; compare, or press for a rebuild, every COMPARE_MS."""
        if self._host.leading:
            self._look_at_log(now)
        if now < self._next_at:
            return
        self._next_at = now + COMPARE_MS
        if self.differs:
            self._mend(now, effects)
            return
        self._conclude()
        candidate, self._candidate = self._candidate, self.checkpoints.latest
        # By now the others have reached it too, unless they are behind for another reason.
        if self._host.leading and candidate > self._compared:
            self._compared = candidate
            self._compare(candidate, effects)

    def _look_at_log(self, now: Millis) -> None:
        raft = self._raft
        if self._slow_log.look(
            now,
            waits_ms=self._host.writes.waits_ms(now),
            durable=raft.durable_index,
            commit=raft.commit,
            last=raft.last_index,
        ):
            handed = self._host.hand_over(now)
            self._log.warning("the log is slow: leadership is handed over", handed=handed)

    def _compare(self, index: Index, effects: Effects) -> None:
        digest = self.checkpoints.digest_at(index)
        if digest:
            self._comparison = Comparison(index, self._node, digest)
            self._to_all(messages.DigestQuery(index), effects)

    def _on_reply(
        self, peer: NodeId, message: messages.DigestReply, now: Millis, effects: Effects
    ) -> None:
        comparison = self._comparison
        if comparison is None or comparison.index != message.index or not message.digest:
            return
        comparison.digests[peer] = message.digest
        agreed = comparison.agreed(self._raft.membership.voters)
        self._snapshots.held = not agreed and comparison.contradictory
        if not agreed:
            return
        for node, digest in comparison.digests.items():
            if digest == agreed or node in comparison.told:
                continue
            comparison.told[node] = None
            if node == self._node:
                self._found_out(message.index, digest, agreed, now)
            else:
                self._log.error(
                    "the state of a member differs",
                    member=node, index=message.index, digest=digest, majority=agreed,
                )  # fmt: skip
                effects.send.append((node, messages.Rebuild(message.index, agreed)))

    def _conclude(self) -> None:
        """Close the last comparison: whoever has not answered will be asked at the next one."""
        comparison, self._comparison = self._comparison, None
        if comparison is None or not self._host.leading:
            self.disputed = self._snapshots.held = self.disputed and self._host.leading
            return
        voters = self._raft.membership.voters
        self.disputed = comparison.contradictory and not comparison.agreed(voters)
        self._snapshots.held = self.disputed
        if self.disputed:
            digests = ", ".join(f"{node}: {each}" for node, each in comparison.digests.items())
            self._log.error(
                "the states of members differ, and no majority agrees",
                index=comparison.index, digests=digests,
            )  # fmt: skip

    # Being the one that differs.

    def _on_rebuild(self, peer: NodeId, message: messages.Rebuild, now: Millis) -> None:
        digest = self.checkpoints.digest_at(message.index)
        if peer == self._raft.leader and digest not in {0, message.digest}:
            self._found_out(message.index, digest, message.digest, now)

    def _found_out(self, index: Index, digest: int, majority: int, now: Millis) -> None:
        if self.differs:
            return
        self._log.error(
            "the state of this replica differs: it stops serving until it is rebuilt",
            index=index, digest=digest, majority=majority,
        )  # fmt: skip
        self.differs = True
        self._comparison = None
        self._next_at = now
        self._desk.send_away(codes.BEHIND, DIFFERS)

    def _mend(self, now: Millis, effects: Effects) -> None:
        leader = self._raft.leader
        if self._host.leading:
            self._host.hand_over(now)
        # A snapshot of our own that is still being written must not come behind the right one.
        elif leader is not None and not self._snapshots.compaction.running:
            effects.send.append((leader, messages.RebuildRequest(self._host.applied)))

    def _on_rebuild_request(
        self, peer: NodeId, message: messages.RebuildRequest, now: Millis, effects: Effects
    ) -> None:
        """Send the latest snapshot; if it is too old have one taken, for the next request."""
        if self.differs or not self._host.leading:
            return
        if self._snapshots.compaction.last >= message.applied:
            self._snapshots.send_to(peer, now, effects)
        else:
            self._snapshots.compaction.ask()

    def rebuilt(self, index: Index) -> None:
        """The state was replaced by the leader's at `index`."""
        if self.differs:
            self._log.warning("the state of this replica is rebuilt", index=index)
        self.differs = False
        self.checkpoints.clear()
        self._candidate = 0

    def _to_all(self, message: messages.HealthMessage, effects: Effects) -> None:
        members = self._raft.membership
        everybody = dict.fromkeys((*members.voters, *members.voters_old, *members.learners))
        effects.send += [(node, message) for node in everybody if node != self._node]
