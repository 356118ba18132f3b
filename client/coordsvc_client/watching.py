"""One watch: where it stands in the history, so that it can go on anywhere without a gap."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, cast

from coordsvc_client.requests import RequestQueue, ignore
from coordsvc_client.wire import codes, ops

RESYNC = 0
"""Kind of the event that says: the history was cut; read again, later events follow on."""

EventListener: TypeAlias = Callable[[int, str, int, list[int] | None, bytes | None], None]
"""Called with kind, path, revision, stat and data."""
FailureListener: TypeAlias = Callable[[int, str], None]
"""Called with a result code and a text when the watch cannot go on at all."""


class Watch:
    """A standing question for changes at `path`, and how much of the answer has arrived."""

    __slots__ = (
        "_at",
        "_had",
        "_partial",
        "_shown_base",
        "deliver",
        "established",
        "fail",
        "id",
        "mode",
        "on_start",
        "path",
        "resync",
        "since",
        "with_data",
    )

    def __init__(
        self,
        path: str,
        *,
        mode: int,
        since: int,
        with_data: bool,
        deliver: EventListener,
        fail: FailureListener,
    ) -> None:
        assert mode in (ops.WATCH_NODE, ops.WATCH_CHILDREN, ops.WATCH_SUBTREE)
        self.path: str = path
        self.mode = mode
        self.since: int = since
        """Every event up to this revision was delivered or is not wanted; 0: from now on."""
        self.with_data: bool = with_data
        self.deliver: EventListener = deliver
        self.fail: FailureListener = fail
        self.id: int = 0
        """The serial of the request that last set it up; 0 while it is not set up."""
        self.established: bool = False
        self.on_start: Callable[[], None] | None = None
        """Called when the server has taken it up: changes from now on are delivered."""
        self.resync: bool = False
        """A cut in the history is still to be told."""
        # One revision can have several events, and the connection can break between them. So the
        # watch starts before its newest revision again and passes over as many as it had.
        self._partial: int = 0  # the newest revision with an event
        self._had: int = 0  # how many of its events were delivered
        self._at: int = 0  # how many of them came on this connection
        self._shown_base: int = 0

    def arm(self, watch_id: int) -> int:
        """Note that it is being set up under this id; return the revision to start after."""
        self.id = watch_id
        self.established = False
        self._at = 0
        return self.since

    def start(self, revision: int, *, shown: int) -> None:
        """Note that the server delivers what comes after `revision`.

        `shown` is the newest revision that a reply on this connection has shown so far.
        """
        self.established = True
        self._shown_base = shown
        self.since = max(self.since, revision)
        self._tell_resync(self.since)
        if self.on_start is not None:
            self.on_start()

    def receive(
        self, kind: int, path: str, revision: int, stat: list[int] | None, data: bytes | None
    ) -> None:
        """Deliver one event, unless it was delivered before."""
        if revision <= self.since:
            return
        self._tell_resync(revision - 1)
        if revision != self._partial:
            if self._partial:
                self.since = max(self.since, revision - 1)
            self._partial = revision
            self._had = self._at = 0
        self._at += 1
        if self._at > self._had:
            self._had = self._at
            self.deliver(kind, path, revision, stat, data)

    def disconnect(self, shown: int) -> None:
        """Note the end of the connection, whose replies have shown revision `shown`.

        Events precede any reply that shows their change, so nothing up to there is missing.
        """
        if self.established and shown > self._shown_base:
            self.since = max(self.since, shown)
        self.established = False
        self.id = 0

    def cut(self) -> None:
        """Note that the history does not reach back: go on from now, and say so."""
        self.since = self._partial = self._had = self._at = 0
        self.established = False
        self.id = 0
        self.resync = True

    def _tell_resync(self, revision: int) -> None:
        if self.resync:
            self.resync = False
            self.deliver(RESYNC, self.path, revision, None, None)


class WatchTable:
    """The watches of one client, kept up across connections."""

    def __init__(self, requests: RequestQueue) -> None:
        self.shown: int = 0
        """The newest revision that a reply on this connection has shown."""
        self._requests = requests
        self._connected = False
        self._all: dict[Watch, None] = {}
        self._by_id: dict[int, Watch] = {}  # of this connection

    def begin(self) -> None:
        """Set all watches up: a connection is open."""
        self._connected = True
        self.shown = 0
        for watch in self._all:
            self._arm(watch)

    def end(self) -> None:
        """Note how far each watch has come: the connection is gone."""
        self._connected = False
        for watch in self._all:
            watch.disconnect(self.shown)
        self._by_id.clear()

    def add(self, watch: Watch) -> None:
        """Keep this watch up, on whatever connection there is, until `remove`."""
        self._all[watch] = None
        if self._connected:
            self._arm(watch)

    def remove(self, watch: Watch) -> None:
        """End a watch. It delivers nothing from now on."""
        self._all.pop(watch, None)
        if self._by_id.pop(watch.id, None) is not None:
            self._requests.read(
                ops.UNWATCH, (watch.id,), ignore, consistency=ops.SEQUENTIAL
            ).bound = True

    def _arm(self, watch: Watch) -> None:
        def armed(code: int, _revision: int, value: object) -> None:
            self._receive_armed(watch, request.serial, code, value)

        args = (watch.path, watch.mode, watch.since, watch.with_data)
        request = self._requests.read(ops.WATCH, args, armed, consistency=ops.SEQUENTIAL)
        request.bound = True
        watch.arm(request.serial)
        self._by_id[request.serial] = watch

    def _receive_armed(self, watch: Watch, watch_id: int, code: int, value: object) -> None:
        if watch_id not in self._by_id:
            return  # ended meanwhile
        if code == codes.OK and isinstance(value, int):
            watch.start(value, shown=self.shown)
        else:
            self.receive_lost(watch_id, code, str(value))

    def receive_lost(self, watch_id: int, code: int, text: str = "") -> None:
        """Set a watch up anew after a cut in its history, or end it if it cannot go on."""
        watch = self._by_id.pop(watch_id, None)
        if watch is None:
            return
        if code == codes.COMPACTED or code >= codes.NOT_LEADER:
            watch.cut()
            self._arm(watch)
        else:
            del self._all[watch]
            watch.fail(code, text)

    def receive_event(
        self, watch_id: int, event: tuple[int, str, int], stat: object, data: object
    ) -> None:
        """Hand an event on to its watch, unless that has ended."""
        watch = self._by_id.get(watch_id)
        if watch is not None:
            # An array of numbers and bytes, by the protocol.
            watch.receive(*event, cast("list[int] | None", stat), cast("bytes | None", data))
