"""Names for the numbers that differ from run to run.

A zxid is named after the write it belongs to (`z3` is the third successful write of the case
that a script has seen), a time after its zxid, a session after its place in the case. What has
to hold between them is checked here: a relation that does not hold shows in the text.
"""

from __future__ import annotations

import time

from tests.zookeeper.jute import Stat

CLOCK_MS = 60_000
"""How far a time may be from now: tests and server share a clock, but a case takes a while."""


class Names:
    """The names of one case."""

    def __init__(self) -> None:
        self.token = b""
        """What a server said last in SASL."""
        self._zxids: dict[int, str] = {}
        self._writes = 0
        self._unseen = 0
        self._before: int | None = None
        self._times: dict[int, int] = {}
        self._sessions: dict[int, str] = {}
        self._passwords: dict[int, bytes] = {}

    def begin(self, zxid: int) -> None:
        """Note the last zxid before the case began."""
        self._before = zxid

    def new_zxid(self, zxid: int) -> str:
        """Name the zxid of a write that has just been answered."""
        if zxid in self._zxids and not self._zxids[zxid].startswith("x"):
            return f"{self._zxids[zxid]} again"
        self._writes += 1
        self._zxids[zxid] = f"z{self._writes}"
        return self._zxids[zxid]

    def zxid(self, zxid: int) -> str:
        """Return the name of a zxid that a Stat or an event shows."""
        if zxid <= 0:
            return str(zxid)
        if self._before is not None and zxid <= self._before:
            return "old"
        if zxid not in self._zxids:  # nobody was told of that write, such as the end of a session
            self._unseen += 1
            self._zxids[zxid] = f"x{self._unseen}"
        return self._zxids[zxid]

    def zxid_called(self, name: str) -> int:
        """Return the number of a named zxid; plain numbers stand for themselves."""
        if name == "old":
            return self._before or 0
        known = {called: number for number, called in self._zxids.items()}
        return known[name] if name in known else int(name, 0)

    def session(self, number: int) -> str:
        """Return the name of a session id."""
        if number == 0:
            return "0"
        if number not in self._sessions:
            self._sessions[number] = f"s{len(self._sessions) + 1}"
        return self._sessions[number] + ("" if number > 0 else " negative")

    def remember_password(self, session: int, password: bytes) -> None:
        self._passwords[session] = password

    def session_called(self, name: str) -> tuple[int, bytes]:
        """Return id and password of a session by its name."""
        for number, called in self._sessions.items():
            if called == name:
                return number, self._passwords[number]
        raise KeyError(name)

    def show_password(self, session: int, password: bytes | None) -> str:
        if password is None:
            return "null"
        if not any(password):
            return f"{len(password)} zeros"
        if self._passwords.get(session, password) != password:
            return "another"
        return f"{len(password)} bytes"

    def show_stat(self, stat: Stat) -> str:
        """Return one line with every field.

        Nodes that nobody created, such as the root, are older than the case: their counters are
        masked.
        """
        shown = [
            f"czxid={self.zxid(stat.czxid)}",
            f"mzxid={self.zxid(stat.mzxid)}",
            f"ctime={self._time(stat.ctime, stat.czxid)}",
            f"mtime={self._time(stat.mtime, stat.mzxid)}",
            f"version={stat.version}",
            f"cversion={stat.cversion if stat.czxid else '*'}",
            f"aversion={stat.aversion}",
            f"owner={self.session(stat.owner)}",
            f"length={stat.length if stat.czxid else '*'}",
            f"children={stat.children}",
            f"pzxid={self.zxid(stat.pzxid)}",
        ]
        return "stat " + " ".join(shown)

    def _time(self, at: int, zxid: int) -> str:
        """A write has one time, the same wherever it shows; it is that of the clock."""
        if at == 0 or (self._before is not None and zxid <= self._before):
            return "0" if at == 0 else "old"
        if self._times.setdefault(zxid, at) != at:
            return "differs"
        if abs(time.time() * 1000 - at) > CLOCK_MS:
            return f"wrong({at})"
        return f"of({self.zxid(zxid)})"
