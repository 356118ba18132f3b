"""Operations counted, not seconds: a guard of the hot path that a busy machine cannot upset.

First, three replicas with a real client's and a real server's conversation in memory, moved in
lockstep, where every count is the same in every run. Then three real servers in one process,
for what only the event loop shows: syncs, writes to sockets, tasks.

The bounds are a little above what is needed now. Raise one only with a reason that is worth it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from unittest.mock import patch

import pytest

from coordsvc.base.ids import Millis, NodeId
from coordsvc.base.ports import SilentLogger
from coordsvc.protocols.native.conversation import Hall, NativeConversation
from coordsvc.protocols.peer import codec
from coordsvc.raft.messages import AppendRequest, Entry, HardState, Membership, SnapshotMeta
from coordsvc.raft.node import RaftSettings, RecoveredRaft
from coordsvc.replica.codec import EntryEncoder
from coordsvc.replica.compaction import CompactionSettings
from coordsvc.replica.effects import Write
from coordsvc.replica.replica import Recovered, Replica, ReplicaSettings
from coordsvc.server.clients import ClientSocket
from coordsvc.server.config import resolve
from coordsvc.server.peers import PeerSocket
from coordsvc.server.server import Server
from coordsvc.state.machine import StateMachine
from coordsvc.state.queries import Pages
from coordsvc_client import connect
from coordsvc_client.conversation import Conversation
from coordsvc_client.wire import codes, ops
from tests.ports import free_ports

WRITES = 1_000
OUTSTANDING = 50
BATCHES = WRITES // OUTSTANDING
VALUE = b"v" * 100
PATH = "/bench/key000001"
WALL = 1_700_000_000_000


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


class Node:
    """A replica whose effects are carried out one step later, and counted."""

    def __init__(self, name: NodeId, names: tuple[NodeId, ...], group: Group) -> None:
        settings = ReplicaSettings(
            RaftSettings(heartbeat_ms=100, election_ms=1_000), CompactionSettings()
        )
        start = RecoveredRaft(HardState(0, None), SnapshotMeta(0, 0, Membership(names)), [])
        self.name = name
        self.group = group
        self.replica = Replica(
            name,
            settings,
            Recovered(start, StateMachine()),
            chance=random.Random(name),
            log=SilentLogger(),
            now=group.now,
        )
        self.hall = Hall(self.replica, Pages(), [], lambda _node: "", "bench", 1_000, 60_000)
        self.writes: list[Write] = []
        self.inbox: list[tuple[NodeId, bytes]] = []
        self.counts: Counter[str] = Counter()

    def step(self) -> None:
        """Finish what was being written, take what has come, and act on both once."""
        now, counts = self.group.now, self.counts
        if self.writes:
            counts["syncs"] += 1
            counts["logged bytes"] += sum(len(write.payload) for write in self.writes)
            for _ in self.writes:
                self.replica.persisted(now)
        for peer, body in self.inbox:
            self.replica.receive(peer, codec.decode(body), now)
        self.inbox = []
        effects = self.replica.take_effects(now, WALL + now)
        self.writes = [write for write in effects.writes if isinstance(write, Write)]
        for peer, message in effects.send:
            counts["messages"] += 1
            counts["appends"] += isinstance(message, AppendRequest) and bool(message.entries)
            frame = codec.encode(message, self.replica.encoder)
            self.group.sent.append((peer, self.name, frame[4:]))
        counts["peer writes"] += len({peer for peer, _ in effects.send})
        self.replica.catch_up(now)


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
                self.leader.counts["client reads"] += 1
                self.server.receive_data(data, self.now)
        for node in self.nodes.values():
            if node.replica.deadline() <= self.now:
                node.replica.wake(self.now)
            node.step()
            for conversation in node.hall.dirty:
                node.counts["client writes"] += 1
                self.to_client.append(conversation.data_to_send())
            node.hall.dirty.clear()

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
        """Write `count` times with OUTSTANDING at a time; forget the counts of what was before."""
        asked = answered = 0

        def ask() -> None:
            nonlocal asked
            asked += 1
            self.client.requests.mutate(ops.PUT, (PATH, VALUE, True, []), done)

        def done(code: int, _revision: int, _value: object) -> None:
            nonlocal answered
            assert code == codes.OK
            answered += 1
            if asked < count:
                ask()

        for _ in range(OUTSTANDING):
            ask()
        self.until(lambda: answered == count, ms=0)


@pytest.fixture(scope="module")
def group() -> Group:
    group = Group()
    group.begin()
    group.write(OUTSTANDING)
    for node in group.nodes.values():
        node.counts.clear()
    with group.encodings.watched():
        group.write(WRITES)
    return group


def test_what_is_asked_together_shares_one_sync_on_each_node(group: Group) -> None:
    for node in group.nodes.values():
        assert 0 < node.counts["syncs"] <= BATCHES + 2, node.counts


def test_what_is_asked_together_goes_to_each_follower_in_one_message(group: Group) -> None:
    assert 2 * (BATCHES - 1) <= group.leader.counts["appends"] <= 2 * BATCHES + 4


def test_the_leader_sends_little_beside_appends(group: Group) -> None:
    assert group.leader.counts["messages"] <= 4 * BATCHES + 8, group.leader.counts


def test_a_follower_acknowledges_once_for_each_batch(group: Group) -> None:
    for node in group.followers:
        assert node.counts["messages"] <= BATCHES + 4, node.counts


def test_a_turn_writes_once_to_each_peer(group: Group) -> None:
    assert group.leader.counts["peer writes"] <= 4 * BATCHES + 8, group.leader.counts


def test_answers_of_a_turn_leave_in_one_write(group: Group) -> None:
    assert 0 < group.leader.counts["client writes"] <= BATCHES + 2, group.leader.counts


def test_the_log_holds_little_beside_what_the_client_sent(group: Group) -> None:
    # 100 of data, 16 of path; op, serial, floor, guards, session, term, stamp and framing.
    for node in group.nodes.values():
        each = node.counts["logged bytes"] / WRITES
        assert 116 < each <= 150, f"{node.name} logs {each:.0f} bytes for a write"


def test_the_leader_encodes_a_run_of_entries_once_for_its_log_and_all_followers(
    group: Group,
) -> None:
    encoder = id(group.leader.replica.encoder)
    asked, encoded = group.encodings.asked[encoder], group.encodings.encoded[encoder]
    assert asked >= 3 * (BATCHES - 1)
    assert encoded <= BATCHES + 2, f"{encoded} of {asked} encoded anew"


def test_a_follower_encodes_a_run_of_entries_once(group: Group) -> None:
    for node in group.followers:
        assert 0 < group.encodings.encoded[id(node.replica.encoder)] <= BATCHES + 2


# Three servers on real sockets and disks.


async def leader_of(servers: list[Server]) -> Server:
    async with asyncio.timeout(20):
        while not any(s.replica.leading and s.replica.applied for s in servers):
            await asyncio.sleep(0.01)
    return next(server for server in servers if server.replica.leading)


@pytest.fixture
async def servers(tmp_path):
    ports = free_ports(9)
    members = ",".join(
        f"n{i}=127.0.0.1:{ports[3 * i]}/{ports[3 * i + 1]}/{ports[3 * i + 2]}" for i in range(3)
    )
    started = []
    for i in range(3):
        flags = {
            "node": f"n{i}",
            "cluster": "bench",
            "data-dir": str(tmp_path / f"n{i}"),
            "peer-address": f"127.0.0.1:{ports[3 * i]}",
            "client-address": f"127.0.0.1:{ports[3 * i + 1]}",
            "http-address": f"127.0.0.1:{ports[3 * i + 2]}",
            "members": members,
        }
        server = Server(resolve(flags=flags, environment={}).settings, SilentLogger())
        await server.start()
        started.append(server)
    yield started
    for server in started:
        server.replica.stopping = True
        await server.clients.close()
        await server.links.close()
        await server.driver.close()
        server.folder.close()


async def test_a_write_needs_no_task_and_shares_syncs_and_socket_writes(
    servers: list[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = await leader_of(servers)
    counts: Counter[str] = Counter()
    peer_write, client_flush = PeerSocket.write, ClientSocket.flush

    def counted_write(socket: PeerSocket, data: bytes) -> None:
        counts["peer writes"] += 1
        peer_write(socket, data)

    def counted_flush(socket: ClientSocket) -> None:
        counts["client writes"] += 1
        client_flush(socket)

    def counted_task(loop, work, **options):
        counts["tasks"] += 1
        return asyncio.Task(work, loop=loop, **options)

    address = str(leader.settings.client_address)
    async with connect(address, prefer_leader=False, session_timeout=30.0) as client:
        await client.put(PATH, VALUE, parents=True)
        loop = asyncio.get_running_loop()
        finished = asyncio.Event()
        left, errors = WRITES, 0

        def ask() -> None:
            client.submit(ops.SET, (PATH, VALUE, -1, []), done)

        def done(code: int, _revision: int, _value: object) -> None:
            nonlocal left, errors
            errors += code != codes.OK
            left -= 1
            if left >= OUTSTANDING:
                ask()
            elif not left:
                finished.set()

        syncs = [server.counters.sync_seconds.count for server in servers]
        monkeypatch.setattr(PeerSocket, "write", counted_write)
        monkeypatch.setattr(ClientSocket, "flush", counted_flush)
        loop.set_task_factory(counted_task)
        for _ in range(OUTSTANDING):
            ask()
        async with asyncio.timeout(30):
            await finished.wait()
        loop.set_task_factory(None)
    syncs = [s.counters.sync_seconds.count - n for s, n in zip(servers, syncs, strict=True)]
    assert errors == 0
    assert counts["tasks"] <= 10, counts
    assert counts["client writes"] <= 3 * BATCHES, counts
    assert counts["peer writes"] <= 12 * BATCHES, counts
    assert all(count >= BATCHES for count in sorted(syncs)[1:]), "a majority has to sync each batch"
    assert all(count <= 3 * BATCHES for count in syncs), syncs
