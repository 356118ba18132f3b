"""Three replicas in memory with a real client's and a real server's conversation, in lockstep.

What is sent in one step arrives in the next, so every count is the same in every run.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType
from typing import Self
from unittest.mock import patch

from coordsvc.base.ids import Millis, NodeId
from coordsvc.base.ports import SilentLogger
from coordsvc.protocols.native.conversation import NativeConversation
from coordsvc.protocols.native.hall import Hall
from coordsvc.protocols.peer import codec
from coordsvc.raft.messages import AppendRequest, Entry, HardState, Membership, SnapshotMeta
from coordsvc.raft.node import RaftSettings, RecoveredRaft
from coordsvc.replica.codec import EntryEncoder
from coordsvc.replica.compaction import CompactionSettings
from coordsvc.replica.effects import Write
from coordsvc.replica.messages import PeerMessage
from coordsvc.replica.replica import Recovered, Replica, ReplicaSettings
from coordsvc.state.machine import StateMachine
from coordsvc.state.queries import Pages
from coordsvc_client.conversation import Conversation
from coordsvc_client.requests import Done
from coordsvc_client.wire import codes, ops

OUTSTANDING = 50
VALUE = b"v" * 100
PATH = "/bench/key000001"
WALL = 1_700_000_000_000
CHANCE = "2"
"""With it the first node leads: how many steps an operation takes depends on who does."""


class Encodings:
    """Counts, per encoder, runs of entries asked for, and those that had to be encoded."""

    def __init__(self) -> None:
        self.asked: Counter[int] = Counter()
        self.encoded: Counter[int] = Counter()
        self._last: dict[int, bytes] = {}

    def watched(self) -> AbstractContextManager[object]:
        """Look at what every encoder does meanwhile."""
        encode = EntryEncoder.encode

        def counted(encoder: EntryEncoder, entries: list[Entry]) -> bytes:
            data = encode(encoder, entries)
            self.asked[id(encoder)] += 1
            self.encoded[id(encoder)] += data is not self._last.get(id(encoder))
            self._last[id(encoder)] = data
            return data

        return patch.object(EntryEncoder, "encode", counted)


class Calls:
    """Counts the calls of Python functions of the service and of the client. A context manager."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        sys.setprofile(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _called(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            code = frame.f_code.co_filename
            self.count += "/coordsvc/" in code or "/coordsvc_client/" in code


class Node:
    """A replica whose effects are carried out one step later, and counted."""

    def __init__(self, name: NodeId, names: tuple[NodeId, ...], group: Group) -> None:
        settings = ReplicaSettings(
            RaftSettings(heartbeat_ms=100, election_ms=1_000, commit_news_ms=2),
            CompactionSettings(),
        )
        start = RecoveredRaft(HardState(0, None), SnapshotMeta(0, 0, Membership(names)), [])
        self.name = name
        self.group = group
        self.replica = Replica(
            name,
            settings,
            Recovered(start, StateMachine()),
            chance=random.Random(name + CHANCE),
            log=SilentLogger(),
            now=group.now,
        )
        self.hall = Hall(self.replica, Pages(), [], lambda _node: "", "bench", 1_000, 60_000)
        self.writes: list[Write] = []
        self.inbox: list[tuple[NodeId, bytes]] = []
        self.counts: Counter[str] = Counter()
        self.scheduled = True
        """Whether a turn is to be taken in the next step."""

    def step(self) -> None:
        """Finish what was being written, take what has come, and act on both once."""
        now, counts = self.group.now, self.counts
        if self.writes:
            counts["syncs"] += 1
            counts["logged bytes"] += sum(len(write.payload) for write in self.writes)
            for _ in self.writes:
                self.scheduled |= self.replica.persisted(now)
            self.writes = []
            self._send(self.replica.take_messages())
        if self.inbox:
            for peer, body in self.inbox:
                self.replica.receive(peer, codec.decode(body), now)
            self.inbox = []
            self._send(self.replica.take_messages())
            self.scheduled |= not self.replica.is_quiet
        if self.scheduled or self.replica.deadline() <= now:
            self._turn()

    def _turn(self) -> None:
        now = self.group.now
        self.counts["turns"] += 1
        effects = self.replica.take_effects(now, WALL + now)
        self.writes = [write for write in effects.writes if isinstance(write, Write)]
        self._send(effects.send)
        self.scheduled = self.replica.catch_up(now)

    def _send(self, messages: list[tuple[NodeId, PeerMessage]]) -> None:
        counts = self.counts
        for peer, message in messages:
            counts["messages"] += 1
            counts["appends"] += isinstance(message, AppendRequest) and bool(message.entries)
            frame = codec.encode(message, self.replica.encoder)
            self.group.sent.append((peer, self.name, frame[4:]))
        counts["peer writes"] += len({peer for peer, _ in messages})


class Group:
    """Three nodes and one client, in lockstep: what is sent in one step arrives in the next."""

    def __init__(self) -> None:
        self.now: Millis = 1_000
        self.sent: list[tuple[NodeId, NodeId, bytes]] = []
        names = ("a", "b", "c")
        self.nodes = {name: Node(name, names, self) for name in names}
        for node in self.nodes.values():
            for other in names:
                if other != node.name:
                    node.replica.link_made(other, self.now)
        self.client = Conversation(make_password=lambda: b"p" * 16, timeout_ms=30_000)
        self.server: NativeConversation | None = None
        self.to_client: list[bytes] = []
        self.encodings = Encodings()

    def step(self) -> None:
        """Let everybody act once."""
        sent, self.sent = self.sent, []
        for peer, sender, body in sent:
            self.nodes[peer].inbox.append((sender, body))
        if self.server is not None:
            for data in self.to_client:
                self.client.receive_data(data, self.now)
            self.to_client = []
            if data := self.client.data_to_send(self.now):
                self.pass_on(self.server, data)
        for node in self.nodes.values():
            if node.replica.deadline() <= self.now:
                node.replica.wake(self.now)
            node.step()
            self.flush(node)

    def pass_on(self, server: NativeConversation, data: bytes) -> None:
        """Give the leader what the client has sent."""
        self.leader.counts["client reads"] += 1
        server.receive_data(data, self.now)
        self.leader.scheduled = True

    def flush(self, node: Node) -> None:
        """Send what a node's conversations have gathered."""
        hall = node.hall
        waiting = [*hall.dirty, *hall.told]
        hall.dirty.clear()
        hall.told.clear()
        for conversation in waiting:
            conversation.told = False
            data = conversation.data_to_send()
            if conversation is self.server:
                node.counts["client writes"] += 1
                self.to_client.append(data)
            else:
                node.counts["watcher writes"] += bool(data)

    def until(self, happened: Callable[[], bool], *, ms: Millis) -> None:
        """Step, `ms` apart, until something has happened."""
        for _ in range(10_000):
            if happened():
                return
            self.step()
            self.now += ms
        raise AssertionError("it does not happen")

    @property
    def leader(self) -> Node:
        return next(node for node in self.nodes.values() if node.replica.leading)

    @property
    def followers(self) -> list[Node]:
        return [node for node in self.nodes.values() if not node.replica.leading]

    def begin(self) -> None:
        """Elect a leader and let the client in, at the leader."""

        def led() -> bool:
            replicas = [node.replica for node in self.nodes.values()]
            return any(each.leading and each.applied for each in replicas)

        self.until(led, ms=10)
        self.server = NativeConversation(self.leader.hall, "10.0.0.1:1")
        self.client.begin(self.now)
        self.until(lambda: self.client.welcomed, ms=1)

    def write(self, count: int) -> None:
        """Write `count` times with OUTSTANDING at a time."""
        requests = self.client.requests
        self.ask(
            lambda done: requests.mutate(ops.PUT, (PATH, VALUE, True, []), done),
            count=count,
            outstanding=OUTSTANDING,
        )

    def read(self, count: int, *, outstanding: int, consistency: int) -> None:
        """Read `count` times."""
        requests = self.client.requests
        self.ask(
            lambda done: requests.read(ops.GET, (PATH,), done, consistency=consistency),
            count=count,
            outstanding=outstanding,
        )

    def ask(self, request: Callable[[Done], object], *, count: int, outstanding: int) -> None:
        """Ask `count` times with so many `outstanding`."""
        asked = answered = 0

        def ask() -> None:
            nonlocal asked
            asked += 1
            request(done)

        def done(code: int, _revision: int, _value: object) -> None:
            nonlocal answered
            assert code == codes.OK
            answered += 1
            if asked < count:
                ask()

        for _ in range(min(outstanding, count)):
            ask()
        self.until(lambda: answered == count, ms=0)

    def clear(self) -> None:
        """Forget the counts of what was before."""
        for node in self.nodes.values():
            node.counts.clear()
