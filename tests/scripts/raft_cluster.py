"""Several RaftNodes in memory, with disks that lose what was not synced and a hand-worked network.

Used by the golden scripts, the paper tests and the random walk. Everything that a node promises
is checked all the time: one leader per term, one entry per index, complete leaders.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from coordsvc.base.ports import SilentLogger
from coordsvc.raft.messages import (
    COMMAND,
    NOOP,
    AppendReply,
    AppendRequest,
    Entry,
    HardState,
    Heartbeat,
    HeartbeatReply,
    Membership,
    Message,
    SnapshotMeta,
    SnapshotOffer,
    VoteReply,
    VoteRequest,
)
from coordsvc.raft.node import RaftNode, RaftSettings, RecoveredRaft, Role
from coordsvc.raft.ready import Ready


class Fixed:
    """Chance that always draws the least."""

    def randrange(self, start: int, stop: int, /) -> int:
        return start


def describe_entry(entry: Entry) -> str:
    if entry.kind == COMMAND:
        return f"{entry.term}:{entry.data.decode()}"
    return f"{entry.term}" if entry.kind == NOOP else f"{entry.term}:membership"


def describe(message: Message) -> str:
    match message:
        case VoteRequest():
            flags = " pre" * message.pre + " transfer" * message.transfer
            return f"VoteRequest{flags} last={message.last_index}@{message.last_term}"
        case VoteReply():
            return "VoteReply" + " pre" * message.pre + (" yes" if message.granted else " no")
        case AppendRequest():
            entries = " ".join(map(describe_entry, message.entries))
            base = f"{message.base_index}@{message.base_term}"
            return f"AppendRequest base={base} commit={message.commit} [{entries}]"
        case AppendReply(accepted=True):
            return f"AppendReply yes {message.index}"
        case AppendReply():
            hint = f"{message.hint_index}@{message.hint_term}"
            return f"AppendReply no {message.index} hint={hint}"
        case Heartbeat():
            return f"Heartbeat commit={message.commit} round={message.round}"
        case HeartbeatReply():
            return f"HeartbeatReply round={message.round}"
        case SnapshotOffer():
            return f"SnapshotOffer {message.meta.index}@{message.meta.term}"
        case _:
            return type(message).__name__


def describe_membership(membership: Membership) -> str:
    text = ",".join(membership.voters)
    if membership.voters_old:
        text += " was " + ",".join(membership.voters_old)
    return text + (" learners " + ",".join(membership.learners) if membership.learners else "")


@dataclass
class Disk:
    """What a crash leaves."""

    hard_state: HardState
    snapshot: SnapshotMeta
    state: list[bytes] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    def write(self, ready: Ready) -> None:
        if ready.hard_state:
            assert ready.hard_state.term >= self.hard_state.term
            self.hard_state = ready.hard_state
        if ready.entries:
            keep = ready.first_index - self.snapshot.index - 1
            assert 0 <= keep <= len(self.entries), "a hole in the log"
            self.entries[keep:] = ready.entries


class Member:
    """One node with its disk, its unsynced writes and its state machine."""

    def __init__(self, cluster: Cluster, name: str, membership: Membership) -> None:
        self.cluster = cluster
        self.name = name
        self.disk = Disk(HardState(0, None), SnapshotMeta(0, 0, membership))
        self.start()

    def start(self) -> None:
        disk = self.disk
        recovered = RecoveredRaft(disk.hard_state, disk.snapshot, list(disk.entries))
        self.node = RaftNode(
            self.name,
            self.cluster.settings,
            recovered,
            chance=self.cluster.chance,
            log=SilentLogger(),
            now=self.cluster.now,
        )
        self.unsynced: deque[Ready] = deque()
        self.applied = disk.snapshot.index
        self.state = list(disk.state)
        self.reads: list[tuple[int, int]] = []
        self.reads_failed: list[int] = []
        self.up = True

    def sync(self) -> None:
        """Let all that was handed over reach the disk, and say so."""
        while self.unsynced:
            ready = self.unsynced.popleft()
            self.disk.write(ready)
            if ready.entries:
                last = ready.first_index + len(ready.entries) - 1
                self.node.persisted(last, ready.entries[-1].term, self.cluster.now)
            self.cluster.send(self.name, ready.send_after_sync)

    def apply(self, commit: int) -> None:
        for index in range(self.applied + 1, commit + 1):
            (entry,) = self.node.entries(index, index)
            decided = self.cluster.decided.setdefault(index, entry)
            assert decided == entry, f"{self.name} applies {entry} at {index}, not {decided}"
            if entry.kind == COMMAND:
                self.state.append(entry.data)
        self.applied = max(self.applied, commit)

    def take_snapshot(self, through: int | None = None) -> None:
        meta = self.node.snapshot_meta(self.applied)
        if meta.index - self.disk.snapshot.index > len(self.disk.entries):
            return  # Applied before it was on this disk.
        del self.disk.entries[: meta.index - self.disk.snapshot.index]
        self.disk.snapshot, self.disk.state = meta, list(self.state)
        self.node.compact(meta, through)


class Cluster:
    """Members, the messages between them, and the checks."""

    def __init__(self, chance: object = None, settings: RaftSettings | None = None) -> None:
        self.now = 0
        self.chance = chance or Fixed()
        self.settings = settings or RaftSettings()
        self.members: dict[str, Member] = {}
        self.network: list[tuple[str, str, Message]] = []
        self.cut: set[tuple[str, str]] = set()
        self.decided: dict[int, Entry] = {}
        self.leaders: dict[int, str] = {}
        self.trace: list[str] = []

    def add(self, name: str, membership: Membership) -> Member:
        self.members[name] = Member(self, name, membership)
        return self.members[name]

    def send(self, sender: str, messages: list[tuple[str, Message]]) -> None:
        for receiver, message in messages:
            lost = (sender, receiver) in self.cut
            term = f"@{message.term}"
            line = f"{sender}{term} -> {receiver} {describe(message)}"
            self.trace.append(line + (" (lost)" if lost else ""))
            if not lost:
                self.network.append((sender, receiver, message))

    def deliver(self, at: int = 0) -> None:
        sender, receiver, message = self.network.pop(at)
        self.arrive(sender, receiver, message)

    def arrive(self, sender: str, receiver: str, message: Message) -> None:
        member = self.members.get(receiver)
        if member is not None and member.up:
            member.node.step(sender, message, self.now)

    def take(self, member: Member) -> bool:
        """Carry out one Ready, up to the sync; tell whether there was anything to do."""
        quiet, due = member.node.is_quiet, member.node.deadline()
        ready = member.node.ready()
        assert not (quiet and ready), "a turn would have been spared that is needed"
        assert not quiet or member.node.deadline() >= due, "it would be woken too late"
        if not ready:
            return False
        name = member.name
        if ready.leadership_changed:
            self._check_leader(member)
            leader = member.node.leader or "nobody"
            self.trace.append(f"{name}@{member.node.term} {member.node.role.value} of {leader}")
        if ready.membership_changed:
            decided = " decided" * (member.node.membership_index <= member.node.commit)
            members = describe_membership(member.node.membership)
            self.trace.append(f"{name} members {members}{decided}")
        self.send(name, ready.send_now)
        if ready.hard_state or ready.entries or ready.send_after_sync:
            member.unsynced.append(ready)
        if ready.commit:
            member.apply(ready.commit)
            self.trace.append(f"{name} commit {ready.commit}")
        for token, index in ready.reads:
            self.trace.append(f"{name} read {token} at {index}")
        for token in ready.reads_failed:
            self.trace.append(f"{name} read {token} failed")
        self.trace += [f"{name} snapshot due to {peer}" for peer in ready.snapshot_to]
        member.reads += ready.reads
        member.reads_failed += ready.reads_failed
        return True

    def _check_leader(self, member: Member) -> None:
        node = member.node
        if node.role is not Role.LEADER:
            return
        first = self.leaders.setdefault(node.term, member.name)
        assert first == member.name, f"two leaders of term {node.term}: {first}, {member.name}"
        for index, entry in self.decided.items():
            assert index <= node.last_index, f"{member.name} leads without entry {index}"
            if index >= node.first_index:
                assert node.entries(index, index) == [entry], f"{member.name} lacks {entry}"

    def settle(self, turns: int = 500) -> None:
        """Take, sync and deliver until nothing is left to do."""
        for _ in range(turns):
            busy = bool(self.network)
            for member in self.living():
                busy |= self.take(member)
                busy |= bool(member.unsynced)
                member.sync()
            for _ in range(len(self.network)):
                self.deliver()
            if not busy:
                return
        raise AssertionError("it does not settle")

    def living(self) -> list[Member]:
        return [member for member in self.members.values() if member.up]

    def elect(self, name: str) -> None:
        """Let `name` run out of patience, long after everybody heard of a leader."""
        self.now += 2 * self.settings.election_ms
        self.members[name].node.wake(self.now)
        self.settle()

    def transport_snapshot(self, sender: str, receiver: str) -> None:
        """Carry the sender's newest snapshot over and install it."""
        source, target = self.members[sender], self.members[receiver]
        meta, state = source.disk.snapshot, list(source.disk.state)
        target.sync()  # Snapshots and logs share a disk thread: first come, first served.
        replaced = target.node.restored(meta, self.now)
        if replaced:
            target.disk.entries = []
            target.disk.snapshot, target.disk.state = meta, state
            target.applied, target.state = meta.index, list(state)
        source.node.snapshot_sent(receiver, meta.index, ok=True, now=self.now)

    def crash(self, name: str) -> None:
        self.members[name].up = False
        self.members[name].unsynced.clear()

    def partition(self, *names: str) -> None:
        """Cut `names` off from all others."""
        for inside in names:
            for outside in self.members:
                if outside not in names:
                    self.cut |= {(inside, outside), (outside, inside)}


def cluster_of(*names: str, learners: tuple[str, ...] = (), **options: object) -> Cluster:
    """Return a fresh cluster whose voters are `names`."""
    cluster = Cluster(**options)
    for name in (*names, *learners):
        cluster.add(name, Membership(tuple(names), (), learners))
    return cluster
