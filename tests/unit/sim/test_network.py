"""Simulated connections keep TCP's promises, and no others."""

from __future__ import annotations

from tests.sim.links import Links
from tests.sim.network import GIVE_UP_AFTER, SimNetwork, Stream
from tests.sim.world import MS, SECOND, Process, World


class End:
    """Records what one end of a connection is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.data = b""
        self.pieces = 0
        self.stream: Stream | None = None

    def opened(self) -> None:
        self.heard.append("opened")

    def received(self, data: bytes) -> None:
        assert data
        self.data += data
        self.pieces += 1

    def closed(self, reason: str) -> None:
        self.heard.append(reason)


class Pair:
    """A client host `c` that connects to a server host `s`."""

    def __init__(self, seed: int = 1, *, listening: bool = True) -> None:
        self.world = World(seed)
        self.links = Links(self.world)
        self.network = SimNetwork(self.links)
        self.processes = {name: Process(self.world, name) for name in ("c", "s")}
        for name in self.processes:
            self.links.add_host(name)
        self.served: list[End] = []
        if listening:
            self.listen()

    def listen(self) -> None:
        self.network.listen("s", self.processes["s"], self._accept)

    def connect(self) -> End:
        end = End()
        end.stream = self.network.connect(self.processes["c"], host="c", remote="s", handler=end)
        return end

    def connected(self) -> tuple[End, End]:
        end = self.connect()
        self.world.run_for(SECOND)
        assert end.heard == ["opened"]
        return end, self.served[-1]

    def _accept(self, stream: Stream) -> End:
        end = End()
        end.stream = stream
        self.served.append(end)
        return end


def stream_of(end: End) -> Stream:
    assert end.stream is not None
    return end.stream


def test_bytes_arrive_in_order_and_in_other_pieces() -> None:
    pair = Pair()
    client, server = pair.connected()
    sent = b""
    for number in range(300):
        piece = b"%06d" % number
        sent += piece
        stream_of(client).write(piece)
        pair.world.run_for(100)
    pair.world.run_for(SECOND)
    assert server.data == sent
    assert server.pieces != 300
    assert stream_of(client).unsent_bytes() == 0


def test_what_is_written_before_the_opening_arrives_too() -> None:
    pair = Pair()
    client = pair.connect()
    stream_of(client).write(b"hello")
    pair.world.run_for(SECOND)
    assert pair.served[0].data == b"hello"


def test_the_listening_side_may_write_first() -> None:
    pair = Pair()
    client, server = pair.connected()
    stream_of(server).write(b"welcome")
    pair.world.run_for(SECOND)
    assert client.data == b"welcome"


def test_a_host_that_does_not_listen_refuses() -> None:
    pair = Pair(listening=False)
    client = pair.connect()
    pair.world.run_for(SECOND)
    assert client.heard == ["refused"]


def test_closing_delivers_what_was_written() -> None:
    pair = Pair()
    client, server = pair.connected()
    stream_of(client).write(b"last words")
    stream_of(client).close()
    stream_of(client).write(b"too late")
    stream_of(client).close()
    pair.world.run_for(SECOND)
    assert server.data == b"last words"
    assert server.heard == ["closed by peer"]
    assert client.heard == ["opened", "closed here"]


def test_an_abort_loses_a_suffix_of_what_is_in_flight() -> None:
    lengths = set()
    for seed in range(40):
        pair = Pair(seed)
        client, server = pair.connected()
        for _ in range(5):
            stream_of(client).write(b"abc")
        stream_of(client).abort()
        pair.world.run_for(SECOND)
        assert (b"abc" * 5).startswith(server.data)
        assert server.heard == ["reset by peer"]
        lengths.add(len(server.data))
    assert 0 in lengths
    assert len(lengths) > 2


def test_a_cut_stalls_bytes_until_it_is_healed() -> None:
    pair = Pair()
    client, server = pair.connected()
    cut = pair.links.cut_pair("c", "s")
    stream_of(client).write(b"patience")
    pair.world.run_for(SECOND)
    assert server.data == b""
    assert stream_of(client).unsent_bytes() == 8
    cut.heal()
    pair.world.run_for(SECOND)
    assert server.data == b"patience"
    assert client.heard == ["opened"]


def test_a_long_cut_ends_the_connection_on_both_sides() -> None:
    pair = Pair()
    client, server = pair.connected()
    pair.links.cut([("c", "s")])
    stream_of(client).write(b"lost")
    pair.world.run_for(3 * GIVE_UP_AFTER[1])
    assert client.heard == ["opened", "timed out"]
    assert server.heard == ["timed out"]
    assert server.data == b""


def test_an_idle_connection_outlives_a_cut() -> None:
    pair = Pair()
    client, server = pair.connected()
    cut = pair.links.isolate("s")
    pair.world.run_for(100 * SECOND)
    cut.heal()
    stream_of(client).write(b"still here")
    pair.world.run_for(SECOND)
    assert server.data == b"still here"


def test_a_one_way_cut_lets_the_other_way_pass() -> None:
    pair = Pair()
    client, server = pair.connected()
    pair.links.cut([("s", "c")])
    stream_of(client).write(b"question")
    stream_of(server).write(b"answer")
    pair.world.run_for(SECOND)
    assert (server.data, client.data) == (b"question", b"")


def test_an_old_and_a_new_connection_of_one_pair_overlap() -> None:
    pair = Pair()
    old, old_server = pair.connected()
    cut = pair.links.cut([("c", "s")])
    stream_of(old).write(b"old")
    pair.world.run_for(100 * MS)
    new = pair.connect()
    stream_of(new).write(b"new")
    cut.heal()
    pair.world.run_for(SECOND)
    assert old_server.data == b"old"
    assert pair.served[1].data == b"new"


def test_a_process_that_dies_resets_its_connections() -> None:
    pair = Pair()
    client, server = pair.connected()
    pair.processes["s"].kill()
    pair.network.drop_host("s", silent=False)
    pair.world.run_for(SECOND)
    assert client.heard == ["opened", "reset by peer"]
    assert server.heard == []


def test_a_machine_that_dies_is_noticed_only_by_who_sends() -> None:
    pair = Pair()
    client, _ = pair.connected()
    pair.network.drop_host("s", silent=True)
    pair.world.run_for(100 * SECOND)
    assert client.heard == ["opened"]
    stream_of(client).write(b"anybody there?")
    pair.world.run_for(GIVE_UP_AFTER[1] + SECOND)
    assert client.heard == ["opened", "timed out"]


def test_a_restarted_machine_resets_old_connections_when_they_send() -> None:
    pair = Pair()
    client, _ = pair.connected()
    pair.network.drop_host("s", silent=True)
    stream_of(client).write(b"anybody there?")
    pair.world.run_for(SECOND)
    assert client.heard == ["opened"]
    pair.listen()
    pair.world.run_for(SECOND)
    assert client.heard == ["opened", "reset by peer"]
    assert [end.data for end in pair.served] == [b""]


def test_a_connection_can_be_broken_from_outside() -> None:
    pair = Pair()
    client, server = pair.connected()
    pair.network.reset_between("c", "s")
    pair.world.run_for(SECOND)
    assert client.heard == ["opened", "aborted here"]
    assert server.heard == ["reset by peer"]


def test_a_paused_process_reads_what_came_after_it_resumes() -> None:
    pair = Pair()
    client, server = pair.connected()
    pair.processes["s"].pause()
    stream_of(client).write(b"are you there?")
    pair.world.run_for(SECOND)
    assert server.data == b""
    pair.processes["s"].resume()
    assert server.data == b"are you there?"


def test_a_paused_process_accepts_after_it_resumes() -> None:
    pair = Pair()
    pair.processes["s"].pause()
    client = pair.connect()
    stream_of(client).write(b"first")
    pair.world.run_for(SECOND)
    pair.processes["s"].resume()
    assert pair.served[0].data == b"first"


def test_the_same_seed_gives_the_same_pieces() -> None:
    def run(seed: int) -> tuple[int, int]:
        pair = Pair(seed)
        client, server = pair.connected()
        for _ in range(100):
            stream_of(client).write(b"0123456789")
        pair.world.run_for(SECOND)
        return server.pieces, pair.world.events_run

    assert run(5) == run(5)
    assert run(5) != run(6)
