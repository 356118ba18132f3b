"""What version 2 of the state machine brought, as entries: told like `story`, with numbers.

Snapshots are taken in its middle: what has to be in one is there before, and is used after.
"""

from __future__ import annotations

import msgpack

from tests.samples.story import CONTAINER, EPHEMERAL, PERSISTENT, TTL, Story

ERA = 2**32  # serials of a session that has gone on over another connection begin there
OPEN = [[31, "world", "anyone"]]
MINE = [[31, "digest", "ann:secret"], [1, "ip", "10.0.0.0/8"]]
ANN, ROOT = [["digest", "ann:secret"]], [["super", ""]]
MEMBERS = [
    ["n1", 11, "n1:2281", "n1:2181", "n1:8181", False, ""],
    ["n2", 22, "n2:2281", "n2:2181", "n2:8181", False, ""],
    ["n4", 44, "n4:2281", "n4:2181", "n4:8181", True, "n2"],
]
"""Name, number of the folder, addresses, whether it is to vote, whom it replaces."""


class StoryV2(Story):
    """Entries as a door for ZooKeeper makes them."""

    def guest(self, name):
        return self.internal(89, name.encode() * 4, 10_000, "zookeeper", "10.0.0.1:5000")

    def attach(self, session, password, era):
        done = self.internal(88, session, password, 20_000, "11.0.0.9:1", era)
        self.serials[session] = (era + 1) * ERA
        return done

    def ask(self, session, op, *arguments):
        """As ZooKeeper's door numbers them: nothing is remembered for copies."""
        serial = self.serials[session] = self.serials.get(session, 0) + 1
        return self.command(session, [op, serial, serial, *arguments])

    def ask_as(self, who, session, *step):
        return self.ask(session, 83, who, list(step))


def story():
    """Return the entries of the story."""
    s = StoryV2()
    s.put(1, b"")
    native = s.open("ned")
    s.do(native, 81, "/early", b"", PERSISTENT, False, 0, MINE)  # nothing that version 1 knows
    s.internal(68, 2)  # from here on version 2 counts
    ann, bob = s.guest("ann4"), s.guest("bob4")
    _lists(s, ann, bob, native)
    _quotas(s, ann)
    _multis(s, ann, bob)
    s.put(3, msgpack.packb([["n1", "n2"], [], ["n4"], MEMBERS]))
    s.attach(bob, b"wrong", 0)
    s.attach(bob, b"bob4" * 4, 0)
    s.attach(bob, b"bob4" * 4, 0)  # a copy, or one that lost a race
    s.command(bob, [1, 9, 9, "/late", b"over the old connection", PERSISTENT, False, False, 0, []])
    s.ask(bob, 3, "/shown", b"over the new one", -1, [])
    s.ask(bob, 3, "/near", b"from another address", -1, [])
    _later(s, ann, bob, native)
    return s.entries


def _lists(s, ann, bob, native):
    s.ask(ann, 81, "/hidden", b"h", PERSISTENT, False, 0, [[31, "digest", "ann:secret"]])
    s.ask_as(ANN, ann, 81, "/hidden/below", b"", EPHEMERAL, False, 0, MINE)
    s.ask(ann, 81, "/shown", b"s", PERSISTENT, False, 0, [[31, "ip", "10.0.0.0/8"]])
    s.ask(bob, 81, "/near", b"n", PERSISTENT, False, 0, [[31, "ip", "10.0.0.0/8"]])
    s.ask(ann, 81, "/open", b"o", PERSISTENT, False, 0, OPEN)
    s.ask(bob, 81, "/open/no", b"", PERSISTENT, False, 0, [[31, "nobody", "knows"]])
    s.ask(bob, 80, "/open", [[1, "world", "anyone"]], 0)
    s.ask(bob, 80, "/open", OPEN, 1)  # nobody may, by now
    s.ask(bob, 3, "/open", b"not any more", -1, [])
    s.ask(bob, 3, "/hidden", b"denied", -1, [])
    s.ask_as(ANN, bob, 3, "/hidden", b"allowed", -1, [])
    s.ask_as(ROOT, bob, 80, "/open", MINE, 1)
    s.ask_as([["sasl", "eve"]], bob, 4, "/hidden", -1, True, [])
    s.do(native, 6, "/hidden", False, True, 0, "denied")
    s.do(native, 6, "/shown", False, True, 0, "held")
    s.do(native, 80, "/shown", OPEN, -1)


def _quotas(s, ann):
    s.ask(ann, 1, "/q", b"12345", PERSISTENT, False, False, 0, [])
    s.ask(ann, 1, "/zookeeper/quota/q", b"", PERSISTENT, False, False, 0, [])
    limits = b"count=1,bytes=-1;byteHardLimit=20;countHardLimit=3"
    s.ask(ann, 1, "/zookeeper/quota/q/zookeeper_limits", limits, PERSISTENT, False, False, 0, [])
    s.ask(ann, 1, "/zookeeper/quota/q/zookeeper_stats", b"", PERSISTENT, False, False, 0, [])
    s.ask(ann, 1, "/q/a", b"123", PERSISTENT, False, False, 0, [])
    s.ask(ann, 1, "/q/b", b"1234567890123", PERSISTENT, False, False, 0, [])  # too many bytes
    s.ask(ann, 1, "/q/b", b"", CONTAINER, False, False, 0, [])
    s.ask(ann, 1, "/q/c", b"", PERSISTENT, False, False, 0, [])  # too many nodes


def _multis(s, ann, bob):
    create = [1, "/m", b"", PERSISTENT, False, False, 0, []]
    s.ask(ann, 82, [create, [16, "/m", 0], [3, "/m", b"1", 0, []]])
    s.ask(ann, 82, [[4, "/m", 1, False, []], [84, 7], [1, "/n", b"", 0, False, False, 0, []]])
    s.ask_as(ANN, bob, 82, [[81, "/multi", b"", TTL, False, 900, MINE], [80, "/multi", OPEN, -1]])
    s.ask(bob, 82, [])


def _later(s, ann, bob, native):
    s.ask_as(ANN, ann, 3, "/hidden", b"still allowed", -1, [])
    s.ask(bob, 3, "/hidden", b"still denied", -1, [])
    s.ask(ann, 3, "/q/a", b"1234567890123456", -1, [])  # too many bytes still
    s.ask(ann, 4, "/q/b", -1, False, [])
    s.ask(ann, 1, "/q/c", b"", PERSISTENT, True, False, 0, [])
    s.do(native, 3, "/shown", b"", -1, [["/shown", s.index]])  # not the token
    s.ask(ann, 4, "/zookeeper/config", -1, False, [])
    s.now += 2_000
    s.internal(66)  # what has a TTL goes
    s.internal(68, 1)  # it does not go back
    s.ask(bob, 9)
    s.internal(65, ann)
    s.put(2, msgpack.packb([["n1", "n2", "n4"], [], []]))
    s.internal(67, native, "by an operator")
    s.guest("zoe4")
