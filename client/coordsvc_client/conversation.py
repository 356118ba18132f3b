"""The client's side of the native protocol, without I/O: greeting, session, lease, what arrives.

A driver owns the socket and the clock. It calls `begin` when a connection is open, hands over
what arrives with `receive_data`, sends what `data_to_send` returns after every call, calls
`wake` no later than `deadline` says, drops the connection when `farewell` is set, and calls
`end` when the connection is gone. Then it connects again, anywhere, and everything that is
still open goes on: requests keep their serials, so that the cluster does each at most once.
While `silence.is_silent` it greets other servers with what `greet` returns, and goes on with the
first that lets it in.

`now` is integer milliseconds of one clock that also runs while the machine sleeps.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

from coordsvc_client.claims import ClaimTable
from coordsvc_client.greeting import SESSION_ENDERS, Greeting
from coordsvc_client.lease import PINGS_PER_TIMEOUT, Lease
from coordsvc_client.requests import MUTATION, NEVER, Request, RequestQueue, ignore
from coordsvc_client.silence import SILENCE_MS, Silence
from coordsvc_client.watching import WatchTable
from coordsvc_client.wire import codes, ops
from coordsvc_client.wire.framing import FrameError, FrameSplitter, decode, encode_frame

HELLO_WAIT_MS: Final = 3_000
"""A server that has not answered the greeting by then is given up."""
REFUSALS_MAX: Final = 6
"""A request refused so often in a row on one connection makes the client go elsewhere."""

NO_BYTES: Final = b""

PROVING_CODES: Final = frozenset(range(codes.CONDITION_FAILED + 1)) - {
    codes.BAD_PATH,
    codes.BAD_ARGUMENTS,
    codes.TOO_LARGE,
    codes.SESSION_EXPIRED,
}
"""Answers that only the replicated state can give; others a lone server may give by itself."""
RETRIED: Final = codes.RETRYABLE | codes.MAYBE | {codes.SESSION_MOVED}


class State(Enum):
    """How far the session can be relied on."""

    CONNECTED = "connected"
    """A server answers, and the session is certainly alive."""
    SUSPENDED = "suspended"
    """No server, or no proof yet. Locks are still held until the lease ends."""
    LOST = "lost"
    """The session has expired, or may have: whatever depended on it is to be taken as gone."""


class Farewell(NamedTuple):
    """Why a connection is of no more use."""

    code: int
    text: str


class Conversation:
    """One client's talk with a cluster, across connections and sessions."""

    __slots__ = (
        "_connected",
        "_hello_at",
        "_make_password",
        "_may_send",
        "_out",
        "_password",
        "_session_end",
        "_splitter",
        "calm_ms",
        "claims",
        "client_name",
        "cluster",
        "draining",
        "farewell",
        "leader",
        "leader_address",
        "lease",
        "node",
        "on_state",
        "requests",
        "revision",
        "servers",
        "session",
        "silence",
        "state",
        "timeout_ms",
        "watches",
        "welcomed",
    )

    def __init__(
        self,
        *,
        make_password: Callable[[], bytes],
        timeout_ms: int,
        client_name: str = "",
        with_session: bool = True,
        silence_ms: int = SILENCE_MS,
        on_state: Callable[[State], None] | None = None,
    ) -> None:
        self.timeout_ms = timeout_ms
        """The session timeout asked for."""
        self.client_name = client_name
        self.session = 0 if with_session else ops.NO_SESSION
        """The session's number; 0 while there is none."""
        self.state: State = State.SUSPENDED
        self.revision: int = 0
        """The newest revision seen. Nothing older will be shown, except to a stale read."""
        self.lease: Lease = Lease(timeout_ms)
        self.silence: Silence = Silence(silence_ms)
        self.silence.suit(timeout_ms)
        self.requests: RequestQueue = RequestQueue()
        self.watches: WatchTable = WatchTable(self.requests)
        self.claims: ClaimTable = ClaimTable(self.requests)
        self.farewell: Farewell | None = None
        """Why the driver has to drop this connection; None while it is good."""
        self.welcomed: bool = False
        self.draining: bool = False
        """Send nothing new: the driver wants to change connections at the next quiet moment."""
        self.cluster: str = ""
        self.node: str = ""
        """The server at the other end; empty while there is none."""
        self.leader: str = ""
        self.leader_address: str = ""
        self.servers: tuple[str, ...] = ()
        """Where the members of the cluster are, as a server last said; empty until one does."""
        self._make_password = make_password
        self._password = make_password() if with_session else NO_BYTES
        self.on_state = on_state
        self._splitter = FrameSplitter()
        self._out: list[bytes] = []
        self.calm_ms: int = 0
        """What begins after a call of `deadline` is due no sooner than so long after it began, but
        for what `requests.due` says: before that there is no need to ask for the deadline again."""
        self._connected: bool = False
        self._may_send: bool = False
        self._hello_at = -1
        self._session_end = codes.OK

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing is on the wire."""
        return self.requests.in_flight == 0

    # Connections.

    def greet(self, now: int) -> Greeting:
        """Return the first words to a server, sent at `now`."""
        hello = [
            ops.HELLO,
            ops.MAGIC,
            [ops.PROTOCOL_VERSION],
            self.session,
            self._password,
            self.timeout_ms,
            self.revision,
            self.client_name,
        ]
        return Greeting(encode_frame(hello), session=self.session, at=now)

    def patience_ms(self) -> int:
        """Return how long to wait for the answer to a greeting beside a silent server.

        To open a session takes the whole cluster, and each attempt leaves one behind.
        """
        return HELLO_WAIT_MS if self.session == 0 else self.silence.limit_ms

    def begin(self, now: int, greeting: Greeting | None = None) -> None:
        """Greet: a connection is open. Or go on with one on which this was done already."""
        assert not self._connected
        assert greeting is None or greeting.session == self.session, "it greets for this session"
        self._connected = True
        self.calm_ms = 0
        if greeting is None:
            greeting = self.greet(now)
            self._out.append(greeting.hello)
        self._hello_at = greeting.at
        self.lease.connection_began(greeting.at)
        self.silence.greeted(greeting.at)
        self.watches.begin()
        self.claims.begin()
        # A mutation behind the greeting that opens a session would be sent again in yet another
        # session if the welcome got lost.
        self._may_send = self.session != 0
        if greeting.data:
            self.receive_data(greeting.data, now)

    def end(self, now: int) -> None:
        """Note that the connection is gone. Open requests wait for the next one."""
        self._connected = self._may_send = self.welcomed = self.draining = False
        self.calm_ms = 0
        self.farewell = None
        self.node = ""
        self._out.clear()
        self._splitter = FrameSplitter()
        self.silence.ended()
        self.watches.end()
        self.claims.end()
        self.requests.requeue()
        self._update_state(now)

    def data_to_send(self, now: int) -> bytes:
        """Return the bytes to send now; requests count as sent at `now`."""
        if self._may_send and not self.draining:
            self.requests.fill(self._out, self.revision, now)
        if not self._out:
            return NO_BYTES
        if self.requests.in_flight:
            self.silence.asked(now)
        data = NO_BYTES.join(self._out)
        self._out.clear()
        return data

    # What arrives.

    def receive_data(self, data: bytes, now: int) -> None:
        """Take bytes from the server; call back for every answer and event in them."""
        try:
            for body in self._splitter.split(data):
                self._receive_frame(decode(body), now)
        except FrameError as error:
            self.farewell = Farewell(codes.BAD_FRAME, f"the server broke the protocol: {error}")
        if self._session_end:
            self._lose_session(self._session_end)
        self.silence.heard(now, waiting=self.requests.in_flight > 0)
        self._update_state(now)

    def _receive_frame(self, messages: object, now: int) -> None:
        if type(messages) is not list:
            raise FrameError("a frame that is no array")
        for message in messages:
            if self.farewell is not None:
                break
            if type(message) is not list:
                raise FrameError("a message that is no array")
            if len(message) == 4:  # a reply, nearly always: to match it would double its cost
                serial, code, revision, value = message
                if type(serial) is type(code) is type(revision) is int and serial > 0:
                    self._receive_reply(serial, code, revision, value, now)
                    continue
            self._receive(message, now)

    def _receive(self, message: list[object], now: int) -> None:
        match message:
            case [int(serial), int(code), int(revision), value, *_] if serial > 0:
                self._receive_reply(serial, code, revision, value, now)
            case [ops.EVENT, int(watch_id), int(kind), str(path), int(revision), stat, data, *_]:
                self._see(revision)
                self.watches.receive_event(watch_id, (kind, path, revision), stat, data)
            case [ops.WATCH_LOST, int(watch_id), int(code), int(revision), *_]:
                self._see(revision)
                self.watches.receive_lost(watch_id, code)
            case [ops.LOCK_EVENT, str(path), int(request), int(state), int(token), int(at), *_]:
                self._see(at)
                proved = self.lease.holds(now)
                self.claims.receive_event((path, request), state, token, proved=proved)
            case [ops.LEADER, str(node), str(address), int(), *rest]:
                self.leader, self.leader_address = node, address
                self._learn_servers(rest)
            case [ops.GOODBYE, int(code), str(text), *_]:
                self._receive_goodbye(code, text)
            case [ops.WELCOME, int(session), bytes(password), int(timeout_ms), *rest]:
                self._receive_welcome((session, password, timeout_ms), rest, now)
            case [int(kind), *_] if kind < ops.GOODBYE:
                pass  # what a later server may say to those who understand it
            case _:
                raise FrameError("a message of no known shape")

    def _see(self, revision: int) -> None:
        """Show nothing older from now on, whatever showed this."""
        self.revision = max(self.revision, revision)

    def _receive_reply(
        self, serial: int, code: int, revision: int, value: object, now: int
    ) -> None:
        request = self.requests.open.get(serial)
        if request is None or not request.in_flight:
            return  # given up meanwhile
        if revision > self.watches.shown and request.op != ops.WATCH:
            self.watches.shown = revision
        self.revision = max(self.revision, revision)
        if code in PROVING_CODES:
            if request.consistency <= ops.LINEARIZABLE:
                self.lease.prove(request.sent_at)
        elif code == codes.SESSION_EXPIRED:
            self._receive_session_expired(request, value)
            return
        elif code in RETRIED:
            self._retry(request, code, now)
            return
        elif code == codes.DISK_FULL and request.maybe and request.op == ops.ACQUIRE:
            # An earlier copy may have got the lock, which nobody would release if that were not
            # found out; what the server remembers of it is answered when there is room again.
            self._retry(request, code, now)
            return
        elif code == codes.DISK_FULL and request.maybe:
            code = codes.OUTCOME_UNKNOWN  # this copy was refused; an earlier one may get through
        self.requests.close(request)
        request.done(code, revision, value)

    def _receive_session_expired(self, request: Request, value: object) -> None:
        self._session_end = codes.SESSION_EXPIRED
        if request.consistency == MUTATION:
            self.requests.close(request)
            code = codes.OUTCOME_UNKNOWN if request.maybe else codes.SESSION_EXPIRED
            request.done(code, 0, value)

    def _retry(self, request: Request, code: int, now: int) -> None:
        """Ask again a little later, or elsewhere if this server keeps on refusing."""
        self.requests.retry(request, code, now)
        if code in (codes.STOPPING, codes.SESSION_MOVED) or request.refusals >= REFUSALS_MAX:
            self.farewell = Farewell(code, "this server cannot serve at present")

    def _receive_welcome(self, mine: tuple[int, bytes, int], rest: list[object], now: int) -> None:
        match rest:
            case [int(revision), str(node), str(leader), str(address), str(cluster), *more]:
                formerly = more[0] if more and isinstance(more[0], list) else []
            case _:
                raise FrameError("a welcome of no known shape")
        if self.cluster not in ("", cluster) and self.cluster not in formerly:
            text = f"this server belongs to cluster {cluster}, not {self.cluster}"
            self.farewell = Farewell(codes.BAD_ARGUMENTS, text)
            return
        if self.session == 0:
            # Opening a session is a write, so the lease is proved; re-attaching proves nothing.
            self.lease.prove(self._hello_at)
        if self.session != ops.NO_SESSION:
            self.session, self._password, self.lease.timeout_ms = mine
            self.silence.suit(self.lease.timeout_ms)
        self.welcomed = self._may_send = True
        self.calm_ms = 0
        self.cluster, self.node = cluster, node
        self.leader, self.leader_address = leader, address
        self._learn_servers(more[1:])
        self.revision = max(self.revision, revision)
        if self.lease.proved_at != self._hello_at:
            self._ping(now)

    def _learn_servers(self, rest: list[object]) -> None:
        """Take where the members are; a server of before says nothing of it."""
        match rest:
            case [list(servers), *_] if servers:
                self.servers = tuple(server for server in servers if isinstance(server, str))
            case _:
                pass

    def _receive_goodbye(self, code: int, text: str) -> None:
        self.farewell = Farewell(code, text)
        if not self.welcomed:
            self.requests.refused()
        if code in SESSION_ENDERS:
            self._session_end = code

    # The session and its lease.

    def _lose_session(self, code: int) -> None:
        """Give the session up for ever; the next connection opens another one."""
        self._session_end = codes.OK
        self.calm_ms = 0
        if self.farewell is None:
            self.farewell = Farewell(code, "the session has ended")
        self.session = 0
        self._password = self._make_password()
        self.lease.reset()
        self._set_state(State.LOST)
        self.claims.lose_session()
        self.requests.fail_mutations("the session has ended")

    def _update_state(self, now: int) -> None:
        if self.state is State.CONNECTED and self.welcomed and now < self.lease.end():
            return  # nearly always
        if self.session == ops.NO_SESSION or (self.session > 0 and self.lease.holds(now)):
            self._set_state(State.CONNECTED if self.welcomed else State.SUSPENDED)
        elif self.session > 0:
            self._set_state(State.LOST)
            self.claims.lose_lease()

    def _set_state(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self.calm_ms = 0
            if self.on_state is not None:
                self.on_state(state)

    def _ping(self, now: int) -> None:
        """Ask for a proof of the lease, ahead of everything that waits to be sent."""
        self.requests.read(ops.PING, (), ignore).bound = True
        self.requests.put_first()
        self.lease.pinged(now)

    # Time.

    def deadline(self) -> int:
        """Return when to call `wake` at the latest."""
        due = self.requests.due
        if self._connected and not self.welcomed:
            due = min(due, self._hello_at + HELLO_WAIT_MS)
        elif self.welcomed:
            due = min(due, self.lease.ping_due(), self.lease.doubt_due() or NEVER)
        if self._connected:
            due = min(due, self.silence.due())
        if self.session > 0 and self.state is not State.LOST:
            due = min(due, self.lease.end())
        self.calm_ms = self._calm_ms() if self.welcomed else 0
        return due

    def _calm_ms(self) -> int:
        """Return in how many milliseconds what begins from now on is due at the earliest."""
        return min(self.silence.limit_ms // 2, self.lease.timeout_ms // PINGS_PER_TIMEOUT)

    def wake(self, now: int) -> None:
        """Do what is due: retries, deadlines, pings, doubts of the server, end of the lease."""
        self.requests.wake(now)
        if self.silence.wake(now):
            self._knock()
        if self.welcomed:
            self._watch_over_connection(now)
        elif self._connected and now >= self._hello_at + HELLO_WAIT_MS:
            self.farewell = Farewell(codes.TIMED_OUT, "the server did not answer the greeting")
        self._update_state(now)

    def _watch_over_connection(self, now: int) -> None:
        doubt = self.lease.doubt_due()
        if doubt is not None and now >= doubt:
            self.farewell = Farewell(codes.TIMED_OUT, "the server has fallen silent")
        elif now >= self.lease.ping_due():
            self._ping(now)

    def _knock(self) -> None:
        """Ask what a server answers by itself, to tell one that is gone from one that waits."""
        self.requests.read(ops.PING, (), ignore, consistency=ops.STALE).bound = True
        self.requests.put_first()
