"""What version 3 of the state machine changed: the digest. Told like `story`, with numbers."""

from __future__ import annotations

from tests.samples.story import EPHEMERAL, PERSISTENT, TTL
from tests.samples.story_v2 import MINE, StoryV2


def story():
    """Return the entries of the story."""
    s = StoryV2()
    s.put(1, b"")
    ann = s.open("ann")
    s.do(ann, 1, "/before", b"as version 1", PERSISTENT, False, False, 0, [])
    s.internal(68, 2)
    s.do(ann, 3, "/before", b"as version 2", -1, [])
    s.internal(68, 3)  # from here on the digest is mixed
    bob, zoe = s.open("bob"), s.guest("zoe3")
    _plain(s, ann)
    _locks(s, ann, bob)
    _rest(s, ann, bob, zoe)
    return s.entries


def _plain(s, ann):
    s.do(ann, 1, "/n", b"1", PERSISTENT, False, False, 0, [])
    s.do(ann, 3, "/n", b"22", -1, [])
    s.do(ann, 2, "/n", b"", True, [])
    s.do(ann, 2, "/n", b"x" * 1_024, True, [])
    s.do(ann, 2, "/n", b"y" * 1_025, True, [])  # as its checksum
    s.do(ann, 1, "/n/\N{SNOWMAN}", b"e", EPHEMERAL, False, False, 0, [])
    s.do(ann, 4, "/n/\N{SNOWMAN}", -1, False, [])
    s.do(ann, 1, "/n/nothing", None, PERSISTENT, False, False, 0, [])
    s.do(ann, 4, "/none", -1, False, [])
    s.do(ann, 4, "/", -1, False, [])  # with a text that says why not
    s.put(1, b"")


def _locks(s, ann, bob):
    held = s.do(ann, 6, "/lock", False, True, 0, "alone")
    s.do(ann, 7, "/lock", held)
    held = s.do(ann, 6, "/lock", False, True, 0, "again")
    s.do(bob, 6, "/lock", False, True, 0, "waits")
    s.do(ann, 7, "/lock", held)  # granted to the one who waits
    s.do(ann, 3, "/n", b"stale", -1, [["/lock", held]])


def _rest(s, ann, bob, zoe):
    create = [1, "/txn", b"", PERSISTENT, False, False, 0, []]
    s.do(ann, 5, [], [create, [3, "/n", b"txn", -1, []], [4, "/before", -1, False, []]], [])
    s.ask(zoe, 81, "/mine", b"m", TTL, False, 900, MINE)
    s.command(ann, [3, 2, 2, "/n", b"a copy of an old request", -1, []])
    s.command(ann, [6, 15, 12, "/lock", False, True, 0, "a copy of one that is remembered"])
    s.command(ann, [5, 18, 15, [], [], []])
    s.command(987_654, [3, 1, 1, "/n", b"a session that never was", -1, []])
    s.do(bob, 1, "/own", b"", EPHEMERAL, False, False, 0, [])
    s.internal(65, bob)
    s.now += 2_000
    s.internal(66)  # what has a TTL goes
    s.do(ann, 9)
    s.put(1, b"")
