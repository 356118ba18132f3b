"""SimNetwork: TCP connections between simulated hosts, with everything TCP does not promise.

Bytes of one connection arrive in order, in other pieces than they were sent in, after any delay,
or not at all once the connection breaks. Nothing is promised between connections, also not
between an old and a new one of the same pair.

A cut link stalls the bytes without a word. They arrive after the healing, or the sending side
gives up after a while, as TCP does; the other side learns of it later still. A connection that
is idle outlives any cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Final, Protocol, TypeAlias

from tests.sim.links import Direction, Links
from tests.sim.world import MS, SECOND, Micros, Process, Timer

GIVE_UP_AFTER: Final[tuple[Micros, Micros]] = (2 * SECOND, 20 * SECOND)
"""Between these a sender drops a connection on which nothing gets through."""

RETRANSMIT_AFTER_MAX: Final[Micros] = 200 * MS
"""What was stalled arrives at most this long after the healing."""

SPLIT_PERCENT: Final = 10

SOCKET_BUFFER_BYTES: Final = 16 * 1024
"""What has arrived for a paused process; the rest waits on the way, and its sender notices."""

WINDOW_POLL: Final[Micros] = 20 * MS


class StreamHandler(Protocol):
    """What is told about one end of a connection. `closed` is the last call, made once."""

    def opened(self) -> None:
        """The other side has accepted; what was written before is on its way too."""

    def received(self, data: bytes) -> None:
        """Bytes have arrived."""

    def closed(self, reason: str) -> None:
        """The connection has ended, by either side or by the network."""


class _Mark(Enum):
    OPEN = auto()
    ACCEPTED = auto()
    END = auto()


class _Reset:
    """The sender's side is gone; what was in flight behind it is lost."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


_Item: TypeAlias = bytes | _Mark | _Reset
Accept: TypeAlias = "Callable[[Stream], StreamHandler]"
"""Called with the listening end of a new connection; returns who is told about it."""


class Stream:
    """One end of a connection."""

    def __init__(self, network: SimNetwork, process: Process, *, host: str, remote: str) -> None:
        self.host = host
        self.remote = remote
        self.process = process
        self.is_open = True
        self._network = network
        self._handler: StreamHandler | None = None
        self.pipe = _Pipe(network, self, (host, remote))
        self._peer: Stream | None = None
        self._buffered = 0

    def write(self, data: bytes) -> None:
        """Send bytes; silently dropped if the connection has ended."""
        if self.is_open and data:
            self.pipe.push(data)

    def close(self) -> None:
        """End the connection when everything written has been sent. Nothing is received more."""
        if self.is_open:
            self.pipe.push(_Mark.END)
            self._end("closed here")

    def abort(self) -> None:
        """End the connection at once; what is in flight may be lost."""
        if self.is_open:
            self.pipe.reset("reset by peer")
            self._end("aborted here")

    def unsent_bytes(self) -> int:
        """Return how many written bytes have not arrived yet."""
        return self.pipe.bytes_waiting()

    def _end(self, reason: str) -> None:
        self.is_open = False
        self._network.forget(self)
        handler, self._handler = self._handler, None
        if handler is not None:
            self.process.after(0, lambda: handler.closed(reason))

    def attach(self, handler: StreamHandler) -> None:
        """Say who is told. For the network only."""
        self._handler = handler

    def attach_peer(self, peer: Stream) -> None:
        """Say which end is opposite, now that there is one. For the network only."""
        self._peer = peer

    def vanish(self, *, silent: bool) -> None:
        """Lose this end without telling it, since its process has died. For the network only."""
        self.is_open = False
        self._handler = None
        self._network.forget(self)
        if silent:
            self.pipe.drop()
        else:
            self.pipe.reset("reset by peer")

    def break_off(self, reason: str) -> None:
        """End this end because the network has failed. For the network only."""
        if self.is_open:
            self.pipe.drop()
            self._end(reason)

    def give_up(self) -> None:
        """Nothing gets through any more: end here, and some time later there. For the pipe."""
        self.pipe.drop()
        self.break_off("timed out")
        peer = self._peer
        if peer is not None:
            later = self._network.draw_give_up((self.remote, self.host))
            self._network.world.after(later, lambda: peer.break_off("timed out"))

    def arrive(self, item: _Item) -> None:
        """Take what the other end has sent. For the pipe of the other end only."""
        if not self.is_open:
            # A dead or closed end answers bytes with a reset, as a kernel does.
            if self._peer is not None and not isinstance(item, _Reset):
                self.pipe.reset("reset by peer")
            return
        if isinstance(item, bytes):
            self._buffered += len(item)
            self.process.call(lambda: self._receive(item))
        elif isinstance(item, _Reset):
            self.break_off(item.reason)
        elif item is _Mark.END:
            self.process.call(lambda: self._end("closed by peer"))
        else:
            assert item is _Mark.ACCEPTED, "an opening goes to the listener"
            if self._handler is not None:
                self.process.call(self._handler.opened)

    @property
    def takes_more(self) -> bool:
        """Whether the kernel takes bytes for a process that is paused. For the pipe only."""
        return self._buffered < SOCKET_BUFFER_BYTES or not self.process.paused

    def _receive(self, data: bytes) -> None:
        self._buffered -= len(data)
        if self._handler is not None:
            self._handler.received(data)

    @property
    def peer(self) -> Stream | None:
        """The opposite end, once it exists. For the network only."""
        return self._peer


class _Pipe:
    """What travels from one end to the other, in order."""

    def __init__(self, network: SimNetwork, sender: Stream, direction: Direction) -> None:
        self.direction = direction
        self._network = network
        self._sender = sender
        self._queue: deque[tuple[Micros, _Item]] = deque()
        self._last_due: Micros = 0
        self._timer: Timer | None = None
        self._give_up: Timer | None = None

    def push(self, item: _Item) -> None:
        delay = self._network.links.draw_delay(self.direction)
        self._last_due = max(self._last_due, self._network.world.now + delay)
        self._queue.append((self._last_due, item))
        self._arm()

    def reset(self, reason: str) -> None:
        """Lose any part of what is in flight, from its end; then tell of the reset."""
        chance = self._network.links.chance_of(self.direction)
        for _ in range(chance.randint(0, len(self._queue))):
            self._queue.pop()
        self.push(_Reset(reason))

    def drop(self) -> None:
        """Lose everything in flight, and tell nobody."""
        self._queue.clear()
        self._disarm()

    def bytes_waiting(self) -> int:
        return sum(len(item) for _, item in self._queue if isinstance(item, bytes))

    def wake(self) -> None:
        """The way may be open again: send what was stalled."""
        if self._give_up is not None:
            self._give_up.cancel()
            self._give_up = None
            chance = self._network.links.chance_of(self.direction)
            wait = chance.randint(0, RETRANSMIT_AFTER_MAX)
            self._timer = self._network.world.after(wait, self._deliver_due)

    def _arm(self) -> None:
        if self._timer is None and self._give_up is None and self._queue:
            world = self._network.world
            self._timer = world.at(max(world.now, self._queue[0][0]), self._deliver_due)

    def _disarm(self) -> None:
        for timer in (self._timer, self._give_up):
            if timer is not None:
                timer.cancel()
        self._timer = self._give_up = None
        self._network.unstall(self)

    def _deliver_due(self) -> None:
        self._timer = None
        if not self._queue:
            return
        if not self._network.is_passable(self.direction):
            self._stall()
            return
        peer = self._sender.peer
        if peer is not None and not peer.takes_more and isinstance(self._queue[0][1], bytes):
            self._timer = self._network.world.after(WINDOW_POLL, self._deliver_due)
            return
        item = self._take()
        self._network.deliver(self._sender, item)
        self._arm()

    def _take(self) -> _Item:
        """Take the first item; bytes are joined with what else is due, or split."""
        _, item = self._queue.popleft()
        if not isinstance(item, bytes):
            return item
        now = self._network.world.now
        while self._queue and self._queue[0][0] <= now and isinstance(self._queue[0][1], bytes):
            _, more = self._queue.popleft()
            assert isinstance(more, bytes)
            item += more
        chance = self._network.links.chance_of(self.direction)
        if len(item) > 1 and chance.randrange(100) < SPLIT_PERCENT:
            at = chance.randrange(1, len(item))
            self._queue.appendleft((now + chance.randint(0, MS), item[at:]))
            item = item[:at]
        return item

    def _stall(self) -> None:
        wait = self._network.draw_give_up(self.direction)
        self._give_up = self._network.world.after(wait, self._sender.give_up)
        self._network.stall(self)


class SimNetwork:
    """All connections of a world."""

    def __init__(self, links: Links) -> None:
        self.links = links
        self.world = links.world
        self._listeners: dict[str, tuple[Process, Accept]] = {}
        self._down: set[str] = set()
        self._streams: dict[Stream, None] = {}  # in the order they were made
        self._stalled: dict[_Pipe, None] = {}
        links.notify_healed(self._wake)

    def listen(self, host: str, process: Process, accept: Accept) -> None:
        """Take connections to `host` from now on. A host that was dropped is up again."""
        self._listeners[host] = (process, accept)
        if host in self._down:
            self._down.discard(host)
            for other in self.links.hosts:
                self._wake((other, host))

    def connect(
        self, process: Process, *, host: str, remote: str, handler: StreamHandler
    ) -> Stream:
        """Start a connection from `host` to `remote`; the handler hears what becomes of it."""
        stream = Stream(self, process, host=host, remote=remote)
        stream.attach(handler)
        self._streams[stream] = None
        stream.pipe.push(_Mark.OPEN)
        return stream

    def drop_host(self, host: str, *, silent: bool) -> None:
        """End all connections of a host whose process has died.

        Silently if the machine died with it: the others then notice only when they send.
        """
        self._listeners.pop(host, None)
        for stream in [stream for stream in self._streams if stream.host == host]:
            stream.vanish(silent=silent)
        if silent:
            self._down.add(host)

    def reset_between(self, one: str, other: str) -> None:
        """Break all connections between two hosts; what is in flight may be lost."""
        for stream in [s for s in self._streams if (s.host, s.remote) == (one, other)]:
            self.world.trace("network", f"reset {one}>{other}")
            stream.abort()

    def is_passable(self, direction: Direction) -> bool:
        """Tell whether bytes arrive at the other host. For the pipes only."""
        return self.links.is_open(direction) and direction[1] not in self._down

    def draw_give_up(self, direction: Direction) -> Micros:
        """Return how long a sender waits in vain before it gives up. For the pipes only."""
        return self.links.chance_of(direction).randint(*GIVE_UP_AFTER)

    def stall(self, pipe: _Pipe) -> None:
        """Wake this pipe when its way is open again. For the pipes only."""
        self._stalled[pipe] = None

    def unstall(self, pipe: _Pipe) -> None:
        """Forget a pipe that no longer waits. For the pipes only."""
        self._stalled.pop(pipe, None)

    def forget(self, stream: Stream) -> None:
        """Drop an end that is closed. For the streams only."""
        self._streams.pop(stream, None)

    def deliver(self, sender: Stream, item: _Item) -> None:
        """Hand over what has arrived. For the pipes only."""
        if sender.peer is not None:
            sender.peer.arrive(item)
        elif item is _Mark.OPEN:
            self._accept(sender)

    def _accept(self, caller: Stream) -> None:
        listener = self._listeners.get(caller.remote)
        end = Stream(
            self,
            listener[0] if listener else caller.process,
            host=caller.remote,
            remote=caller.host,
        )
        caller.attach_peer(end)
        end.attach_peer(caller)
        if listener is None:
            end.is_open = False
            end.pipe.push(_Reset("refused"))
            return
        process, accept = listener
        self._streams[end] = None
        process.call(lambda: end.attach(accept(end)))
        end.pipe.push(_Mark.ACCEPTED)

    def _wake(self, direction: Direction) -> None:
        if not self.is_passable(direction):
            return
        for pipe in [pipe for pipe in self._stalled if pipe.direction == direction]:
            self.unstall(pipe)
            pipe.wake()
