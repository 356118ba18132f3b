import time

import pytest

from coordsvc.cli.migration import following
from coordsvc.cli.migration.following import Runner
from coordsvc.cli.migration.mirror import Mirror
from coordsvc.cli.migration.zkclient import ZkClient, ZkGone
from tests.unit.cli.migration.fakezookeeper import FakeZooKeeper
from tests.unit.cli.migration.zookeeper_socket import Server


class Pair:
    """A source and a target behind sockets, and what runs between them."""

    def __init__(self, *, watches=True):
        self.source, self.target = FakeZooKeeper(), FakeZooKeeper()
        self.servers = Server(self.source, watches=watches), Server(self.target)
        clients = [ZkClient([server.address]) for server in self.servers]
        for client in clients:
            client.connect(1.0)
        self.clients = clients
        self.said = []
        self.mirror = Mirror(
            *clients,
            top="/app",
            to="/app",
            dry=False,
            progress=lambda: None,
            sequences_max=100,
        )
        self.runner = Runner(*clients, self.mirror, top="/app", say=self.said.append)

    def equal(self):
        return self.source.content() == self.target.content()

    def close(self):
        for each in (*self.clients, *self.servers):
            each.close()


@pytest.fixture
def pair(request):
    made = Pair(**getattr(request, "param", {}))
    made.source.put("/app/a", b"1")
    yield made
    made.close()


def following_until_equal(pair, *steps):
    """Follow; do a step whenever the trees are equal, and end after the last."""
    left = list(steps)
    until = time.monotonic() + 20

    def is_over():
        assert time.monotonic() < until
        if not pair.equal():
            return False
        if not left:
            return True
        left.pop(0)()
        return False

    pair.runner.follow(is_over)


def test_changes_are_carried_when_the_watch_tells(pair):
    def change():
        pair.source.put("/app/a", b"2")
        pair.servers[0].tell("/app/a")

    following_until_equal(pair, change)
    assert pair.target.nodes["/app/a"].data == b"2"
    assert pair.mirror.report.sweeps == 2
    assert pair.said[0].startswith("in step")


@pytest.mark.parametrize("pair", [{"watches": False}, {"watches": None}], indirect=True)
def test_a_source_that_cannot_be_watched_is_looked_at_again_and_again(pair, monkeypatch):
    monkeypatch.setattr(following, "POLL_S", 0.05)
    following_until_equal(pair, lambda: pair.source.put("/app/a", b"2"))
    assert pair.target.nodes["/app/a"].data == b"2"


@pytest.mark.parametrize("side", [0, 1])
def test_lost_connections_are_made_again(pair, side):
    def change():
        pair.servers[side].drop()
        pair.source.put("/app/b", b"2")

    following_until_equal(pair, change)
    assert pair.mirror.report.reconnects >= 1
    assert "/app/b" in pair.target.nodes


def test_a_copy_goes_on_where_it_was_cut(pair):
    for i in range(300):
        pair.source.put(f"/app/{i}", b"x")
    pair.servers[1].drop_after = 400
    pair.runner.repeat(pair.mirror.sweep)
    assert pair.equal()
    assert pair.mirror.report.reconnects == 1


def test_when_nobody_answers_any_more_it_says_so(pair, monkeypatch):
    monkeypatch.setattr(ZkClient.connect, "__defaults__", (0.0,))
    pair.servers[1].close()
    with pytest.raises(ZkGone):
        pair.runner.repeat(pair.mirror.sweep)
