"""The story that the samples tell: entries of every kind, with every outcome worth keeping.

It is written with numbers, not names: this is what version 1 put on disk, whatever the names
become. Used only to make samples; the tests read what was made.
"""

from __future__ import annotations

import msgpack

T0 = 1_700_000_000_000
PERSISTENT, EPHEMERAL, CONTAINER, TTL = range(4)


class Story:
    """Entries in order: (term, kind, stamp_ms, data)."""

    def __init__(self):
        self.entries = []
        self.now = T0
        self.serials = {}

    @property
    def index(self):
        return len(self.entries)

    def put(self, kind, data):
        self.entries.append((1 + self.index // 20, kind, self.now, data))
        self.now += 7
        return self.index

    def command(self, session, request):
        return self.put(0, msgpack.packb([session, request], use_bin_type=True))

    def internal(self, op, *arguments):
        tag = 1_000 + self.index
        return self.command(0, [op, tag, tag, *arguments])

    def open(self, name, timeout_ms=10_000):
        return self.internal(64, name.encode() * 4, timeout_ms, name, "10.0.0.1:5000")

    def do(self, session, op, *arguments):
        serial = self.serials[session] = self.serials.get(session, 0) + 1
        return self.command(session, [op, serial, max(1, serial - 3), *arguments])


def story():
    """Return the entries of the story."""
    s = Story()
    s.put(1, b"")  # a new leader's no-op
    ann, bob, eve = s.open("ann"), s.open("bob", 5_000), s.open("eve")
    _writes(s, ann)
    _kinds(s, bob)
    s.put(1, b"")
    _locks(s, ann, bob, eve)
    _transactions(s, ann, bob)
    s.put(2, msgpack.packb([["n1", "n2", "n3"], [], ["n4"]]))  # a membership: nothing to apply
    s.command(ann, [1, 2, 1, "/a", b"again", 0, False, False, 0, []])  # a retried request
    s.internal(65, eve)  # eve's lease ran out: her lock opens after its delay
    s.now += 1_000
    s.internal(66)
    s.now += 5_000
    s.internal(66)  # containers and what has a TTL go
    s.internal(67, 424_242, "a session that is not there")
    s.do(ann, 3, "/a", b"the last word", -1, [])
    return s.entries


def _writes(s, ann):
    s.do(ann, 1, "/a", b"data", PERSISTENT, False, False, 0, [])
    s.do(ann, 1, "/a", b"twice", PERSISTENT, False, False, 0, [])
    s.do(ann, 1, "/deep/er/est", None, PERSISTENT, False, True, 0, [])
    s.do(ann, 1, "/bad//path", b"", PERSISTENT, False, False, 0, [])
    s.do(ann, 3, "/a", b"set", -1, [])
    s.do(ann, 3, "/a", b"wrong version", 7, [])
    s.do(ann, 3, "/a", "\N{SNOWMAN}".encode(), 1, [])
    s.do(ann, 2, "/put/me", b"p", True, [])
    s.do(ann, 2, "/put/me", b"q", False, [])
    s.do(ann, 1, "/del", b"", PERSISTENT, False, False, 0, [])
    s.do(ann, 1, "/del/x", b"", PERSISTENT, False, False, 0, [])
    s.do(ann, 4, "/del", -1, False, [])
    s.do(ann, 4, "/del", -1, True, [])
    s.command(ann, [99, 500, 1])  # nothing that version 1 knows
    s.command(987_654, [3, 1, 1, "/a", b"", -1, []])  # a session that never was
    s.serials[ann] = 500


def _kinds(s, bob):
    for _ in range(3):
        s.do(bob, 1, "/put/seq-", b"", PERSISTENT, True, False, 0, [])
    s.do(bob, 1, "/put/mine-", b"e", EPHEMERAL, True, False, 0, [])
    s.do(bob, 1, "/mine", b"e", EPHEMERAL, False, False, 0, [])
    s.do(bob, 1, "/mine/no", b"", PERSISTENT, False, False, 0, [])
    s.do(bob, 1, "/box", b"", CONTAINER, False, False, 0, [])
    s.do(bob, 1, "/box/x", b"", PERSISTENT, False, False, 0, [])
    s.do(bob, 4, "/box/x", -1, False, [])
    s.do(bob, 1, "/box2/y", b"", CONTAINER, False, True, 0, [])
    s.do(bob, 1, "/short", b"t", TTL, False, False, 900, [])
    s.do(bob, 1, "/long", b"t", TTL, False, False, 900_000_000, [])


def _locks(s, ann, bob, eve):
    held = s.do(ann, 6, "/lock", False, True, 0, "mine")
    waiting = s.do(bob, 6, "/lock", True, True, 50, "next")
    s.do(eve, 6, "/lock", True, True, 0, "")
    s.do(bob, 6, "/lock", False, False, 0, "no wait")
    s.do(ann, 3, "/a", b"guarded", -1, [["/lock", held]])
    s.do(ann, 3, "/a", b"stale", -1, [["/lock", held - 1]])
    s.do(ann, 7, "/lock", held)
    s.do(bob, 7, "/lock", waiting)
    s.do(eve, 6, "/delayed", False, True, 3_000, "delay")
    s.do(ann, 6, "/delayed", False, True, 0, "after the delay")
    s.do(bob, 6, "/broken", False, True, 60_000, "to be broken")
    s.do(ann, 8, "/broken", "by ann")
    s.do(bob, 6, "/kept/here", True, True, 0, "stays")
    s.do(ann, 6, "/kept/here", True, True, 0, "stays too")
    s.do(ann, 6, "/kept/here", False, True, 0, "waits")


def _transactions(s, ann, bob):
    conditions = [[16, "/a", -1], [17, "/zz", False], [20, "/a", 10_000]]
    create = [1, "/txn", b"", 0, False, False, 0, []]
    then = [[3, "/a", b"txn", -1, []], create, [4, "/long", -1, False, []]]
    s.do(ann, 5, conditions, then, [[3, "/a", b"else", -1, []]])
    s.do(ann, 5, [[19, "/a", b"nothing like it"]], [], [[2, "/else", b"1", False, []]])
    s.do(bob, 5, [], [[3, "/a", b"undone", -1, []], [16, "/a", 0]], [])
    s.do(bob, 5, [[18, "/kept/here", 1]], [], [])
    closing = s.open("zoe")
    s.do(closing, 1, "/zoe", b"", EPHEMERAL, False, False, 0, [])
    s.do(closing, 9)
