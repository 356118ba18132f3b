"""ZooKeeper clients do what they like while servers stop and links break: the promises hold."""

import random

import pytest

from coordsvc.protocols.zookeeper import numbers, records
from tests.unit.replica.callers import Door

PATHS = ["/a", "/b", "/c"]


class Walker:
    """One client: asks at random, moves when its connection ends, and checks what it is told."""

    def __init__(self, doors, chance, up):
        self.doors, self.chance, self.up = doors, chance, up
        self.session, self.password, self.zxid = 0, bytes(16), 0
        self.caller = None
        self.versions = {}
        """Path to the versions of this client's own acknowledged writes."""
        self.lost_sessions = 0
        self.answered = 0

    def turn(self):
        if self.caller is None or self.caller.talk.closed:
            self.dial()
        elif self.greeted:
            for _ in range(self.chance.randrange(4)):
                self.ask()
        self.hear()

    def dial(self):
        self.hear()
        at = self.chance.choice(self.up())
        self.caller = self.doors[at].dial()
        self.caller.greet(self.session, self.password, zxid=self.zxid)
        self.greeted = False
        self.asked, self.watched, self.seen = [], {}, 0

    def ask(self):
        path, watch = self.chance.choice(PATHS), self.chance.random() < 0.3
        op, body = self.chance.choice(
            [
                (numbers.SET_DATA, records.pack_set_data(path, b"x", -1)),
                (numbers.SET_DATA, records.pack_set_data(path, b"x", -1)),
                (numbers.EXISTS, records.pack_path_watch(path, watch)),
                (numbers.EXISTS, records.pack_path_watch(path, watch)),
                (numbers.SYNC, b"\0\0\0\1/"),
                (numbers.PING, b""),
            ]
        )
        self.asked.append((self.caller.send(op, body), op, path, watch))

    def hear(self):
        if self.caller is None:
            return
        for reader in self.caller.frames():
            if not self.greeted:
                self.take_welcome(records.read_connect_response(reader))
            else:
                self.take(records.read_reply_header(reader), reader)

    def take_welcome(self, response):
        self.greeted = True
        if response.session == 0:
            self.lost_sessions += 1
            self.session, self.password = 0, bytes(16)
        else:
            assert self.session in (0, response.session)
            self.session, self.password = response.session, response.password

    def take(self, header, reader):
        if header.xid == numbers.XID_EVENT:
            self.watched.pop(records.read_watcher_event(reader).path)
            return
        xid, op, path, watch = self.asked.pop(0)
        assert header.xid == (numbers.XID_PING if op == numbers.PING else xid), (
            "first in, first out"
        )
        assert header.error == 0
        assert header.zxid >= self.zxid, "a client never travels back in time"
        self.zxid = header.zxid
        self.answered += 1
        if op not in (numbers.SET_DATA, numbers.EXISTS):
            return
        stat = records.read_stat(reader)
        # An event comes before the first answer that shows its change.
        assert stat.mzxid <= self.watched.get(path, stat.mzxid)
        own = self.versions.setdefault(path, [])
        if op == numbers.SET_DATA:
            assert stat.mzxid == header.zxid
            own.append(stat.version)
        elif own:
            assert stat.version >= own[-1], "a client reads its own writes"
        if watch and op == numbers.EXISTS:
            self.watched.setdefault(path, stat.mzxid)


def shake(cluster, chance):
    """Do something to the cluster that leaves a majority, or mend something."""
    down = sorted(cluster.down)
    if down and chance.random() < 0.6:
        cluster.start(down[0])
    elif cluster.cut_pairs and chance.random() < 0.6:
        one, other = sorted(next(iter(cluster.cut_pairs)))
        if not {one, other} & cluster.down:
            cluster.heal(one, other)
    elif not down and not cluster.cut_pairs:
        if chance.random() < 0.5:
            cluster.stop(chance.choice(sorted(cluster.members)))
        else:
            cluster.cut(*chance.sample(sorted(cluster.members), 2))


@pytest.mark.parametrize("seed", range(4))
def test_promises_hold_whatever_happens(make_cluster, seed):
    chance = random.Random(f"walk {seed}")
    cluster = make_cluster(seed=seed)
    names = sorted(cluster.members)
    doors = {}

    def up():
        return [name for name in names if name not in cluster.down]

    def open_doors():
        for name in up():
            if name not in doors or doors[name].hall.replica is not cluster[name]:
                doors[name] = Door(cluster, name)

    open_doors()
    maker = doors[names[0]].dial()
    maker.greet()
    cluster.settle()
    maker.welcome()
    for path in PATHS:
        maker.create(path)
    cluster.settle()
    assert maker.errors() == [0, 0, 0]

    walkers = [Walker(doors, chance, up) for _ in range(3)]
    for step in range(150):
        if step % 10 == 9:
            shake(cluster, chance)
            running = [cluster[name] for name in up()]
            for walker in walkers:
                if walker.caller and walker.caller.talk._replica not in running:
                    walker.caller.talk.lost()
        open_doors()
        for walker in walkers:
            walker.turn()
        cluster.advance(chance.choice([0, 1, 20, 100]))
    for name in sorted(cluster.down):
        cluster.start(name)
    for pair in list(cluster.cut_pairs):
        cluster.heal(*sorted(pair))
    open_doors()
    cluster.elect()
    for _ in range(5):
        for walker in walkers:
            walker.hear()
        cluster.advance(200)

    assert sum(walker.answered for walker in walkers) > 100
    assert [walker.lost_sessions for walker in walkers] == [0, 0, 0], "their clients lived"
    final = [
        {path: cluster[name].machine.tree.nodes[path].version for path in PATHS} for name in names
    ]
    assert final[0] == final[1] == final[2]
    for path in PATHS:
        told = [version for walker in walkers for version in walker.versions.get(path, [])]
        assert len(set(told)) == len(told), "one acknowledgement for a version"
        assert max(told, default=0) <= final[0][path], "no acknowledged write is lost"
