"""Links between replicas on loopback: who dials, what breaks them, what replaces what."""

import asyncio
import contextlib

import pytest

from coordsvc.base.ports import SilentLogger
from coordsvc.protocols.peer import codec
from coordsvc.protocols.peer.conversation import PeerConversation, PeerIdentity
from coordsvc.raft.messages import Heartbeat, MemberInfo
from coordsvc.replica.codec import EntryEncoder
from coordsvc.replica.gate import Greeting
from coordsvc.replica.messages import Dismissal
from coordsvc.server import peers as module
from coordsvc.server.addresses import Address
from coordsvc.server.peers import PeerLinks
from tests.ports import free_ports


class FakeGate:
    """Lets in who is a member."""

    def __init__(self, name, members):
        self.name = name
        self.members = members

    def greeting(self):
        return Greeting(MemberInfo(self.name), 3)

    def refusal_of(self, greeting):
        name = greeting.info.name
        return None if name in self.members else Dismissal(3, f"{name} is not a member")


class FakeBook:
    def __init__(self, name, ports):
        self.name = name
        self.places = {peer: [Address("127.0.0.1", port)] for peer, port in ports.items()}

    def others(self):
        return [peer for peer in self.places if peer != self.name]

    def peer(self, name):
        return self.places.get(name, [])


class FakeReplica:
    def __init__(self, gate):
        self.members = self
        self.gate = gate
        self.encoder = EntryEncoder()
        self.told = []
        self.error = None

    def receive(self, peer, message, now):
        if self.error is not None:
            raise self.error
        self.told.append((peer, message))

    def link_made(self, peer, now, greeting):
        assert greeting.info.name == peer
        self.told.append(("made", peer))

    def link_lost(self, peer, now):
        self.told.append(("lost", peer))


class FakeDriver:
    def __init__(self, gate):
        self.replica = FakeReplica(gate)
        self.fatal = []
        self.peers = None

    def schedule(self):
        pass

    respond = schedule

    def fail(self, error):
        self.fatal.append(error)


class End:
    """One replica's links."""

    def __init__(self, name, ports, cluster="one"):
        self.name = name
        self.port = ports[name]
        self.members = set(ports)
        self.book = FakeBook(name, ports)
        self.driver = FakeDriver(FakeGate(name, self.members))
        self.links = PeerLinks(PeerIdentity(cluster, name), self.book, self.driver, SilentLogger())

    @property
    def told(self):
        return self.driver.replica.told

    async def start(self):
        await self.links.start("127.0.0.1", self.port)

    async def until(self, what):
        async with asyncio.timeout(5):
            while not what():
                await asyncio.sleep(0.002)


async def finish(*ends):
    for end in ends:
        await end.links.close()
    await asyncio.sleep(0.01)


@pytest.fixture
def ports():
    return dict(zip("ab", free_ports(2), strict=True))


@pytest.fixture
async def pair(ports):
    ends = End("a", ports), End("b", ports)
    for end in ends:
        await end.start()
    for end in ends:
        await end.until(lambda end=end: end.told)
    yield ends
    await finish(*ends)


class Stranger:
    """A peer by hand."""

    @classmethod
    async def dial(cls, end, name, cluster="one"):
        self = cls()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", end.port)
        identity = PeerIdentity(cluster, name)
        greeting = PeerConversation(identity, FakeGate(name, {end.name}), end.name).greeting(
            end.name
        )
        self.writer.write(greeting)
        return self

    def say(self, number):
        self.writer.write(codec.encode(Heartbeat(number, 0, 0), EntryEncoder()))

    async def closed(self):
        async with asyncio.timeout(5):
            while await self.reader.read(1_000):
                pass


async def test_the_smaller_name_dials_and_messages_go_both_ways_in_order(pair):
    a, b = pair
    a.links.send([("b", Heartbeat(1, 0, 0)), ("b", Heartbeat(2, 0, 0)), ("z", Heartbeat(3, 0, 0))])
    b.links.send([("a", Heartbeat(4, 0, 0))])
    await b.until(lambda: len(b.told) == 3)
    await a.until(lambda: len(a.told) == 2)
    assert b.told == [("made", "a"), ("a", Heartbeat(1, 0, 0)), ("a", Heartbeat(2, 0, 0))]
    assert a.told == [("made", "b"), ("b", Heartbeat(4, 0, 0))]


@pytest.mark.parametrize("first", ["127.0.0.1", UnicodeError("no name of a host")])
async def test_all_addresses_of_a_name_are_tried(ports, monkeypatch, first):
    """As one that has an IPv6 address too, where the member listens for IPv4 only."""
    (closed,) = free_ports(1)
    loop = asyncio.get_running_loop()
    asked = []

    async def getaddrinfo(_host, port, **_options):
        asked.append(port)
        if isinstance(first, Exception) and len(asked) == 1:
            raise first
        return [(2, 1, 6, "", ("127.0.0.1", closed)), (2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo, raising=False)
    ends = End("a", ports), End("b", ports)
    for end in reversed(ends):
        await end.start()
    await ends[0].until(lambda: ends[0].told)
    await finish(*ends)


async def test_a_link_that_breaks_is_told_of_and_made_again(pair):
    a, b = pair
    b.links.links["a"].close()
    await a.until(lambda: len(a.told) == 3)
    await b.until(lambda: len(b.told) == 3)
    assert a.told == [("made", "b"), ("lost", "b"), ("made", "b")]
    assert b.told == [("made", "a"), ("lost", "a"), ("made", "a")]


async def test_a_newer_link_takes_the_place_of_an_old_one_without_a_word_of_loss(ports):
    b = End("b", ports)
    await b.start()
    old = await Stranger.dial(b, "a")
    await b.until(lambda: b.told)
    new = await Stranger.dial(b, "a")
    await old.closed()
    new.say(7)
    await b.until(lambda: len(b.told) == 3)
    assert b.told == [("made", "a"), ("made", "a"), ("a", Heartbeat(7, 0, 0))]
    new.writer.close()
    await b.until(lambda: b.told[-1] == ("lost", "a"))
    old.writer.close()
    await finish(b)


async def test_a_stranger_is_turned_away(ports):
    b = End("b", ports)
    await b.start()
    for name, cluster in (("a", "two"), ("z", "one")):
        stranger = await Stranger.dial(b, name, cluster)
        await stranger.closed()
        stranger.writer.close()
    assert b.told == []
    await finish(b)


async def test_a_peer_that_refuses_is_not_dialled_without_pause(ports, monkeypatch):
    monkeypatch.setattr(module, "DIAL_PAUSE_S_MIN", 0.02)
    dialled = []

    class Refusing(asyncio.Protocol):
        def connection_made(self, transport):
            dialled.append(1)
            transport.close()

    loop = asyncio.get_running_loop()
    server = await loop.create_server(Refusing, "127.0.0.1", ports["b"])
    a = End("a", ports)
    await a.start()
    await asyncio.sleep(0.2)
    assert 1 <= len(dialled) <= 6
    await finish(a)
    server.close()


async def test_nonsense_behind_the_greeting_ends_the_link(ports):
    b = End("b", ports)
    await b.start()
    peer = await Stranger.dial(b, "a")
    await b.until(lambda: b.told)
    peer.writer.write(b"\x00\x00\x00\x01\xc1")
    await peer.closed()
    await b.until(lambda: b.told == [("made", "a"), ("lost", "a")])
    peer.writer.close()
    await finish(b)


async def test_a_failed_assertion_about_a_message_stops_the_node(ports):
    b = End("b", ports)
    await b.start()
    peer = await Stranger.dial(b, "a")
    b.driver.replica.error = AssertionError("rule")
    peer.say(1)
    await b.until(lambda: b.driver.fatal)
    peer.writer.close()
    await finish(b)


async def test_a_link_that_takes_nothing_more_is_broken_off(pair):
    a, b = pair
    a.links.links["b"].pause_writing()
    await a.until(lambda: ("lost", "b") in a.told)
    await b.until(lambda: ("lost", "a") in b.told)


async def test_who_does_not_say_who_he_is_is_cut_off(ports, monkeypatch):
    monkeypatch.setattr(module, "GREETING_S", 0.05)
    end = End("a", ports)
    await end.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", end.port)
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()
    assert not end.links.strangers
    await finish(end)


async def test_strangers_are_few_and_keep_no_member_out(ports, monkeypatch):
    monkeypatch.setattr(module, "STRANGERS_MAX", 2)
    end = End("b", ports)
    await end.start()
    idle = [await asyncio.open_connection("127.0.0.1", end.port) for _ in range(3)]
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            assert await idle[0][0].read() == b"", "the oldest goes"
    member = await Stranger.dial(end, "a")
    await end.until(lambda: end.told == [("made", "a")])
    assert len(end.links.strangers) <= 2
    for _, writer in idle:
        writer.close()
    member.writer.close()
    await finish(end)


async def test_a_link_outlives_the_patience_for_greetings(ports, monkeypatch):
    monkeypatch.setattr(module, "GREETING_S", 0.05)
    ends = End("a", ports), End("b", ports)
    for end in ends:
        await end.start()
    await ends[0].until(lambda: ends[0].told)
    await asyncio.sleep(0.2)
    assert ends[0].told == [("made", "b")]
    await finish(*ends)
