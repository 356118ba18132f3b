"""SimClient: the real client's conversation, driven as `coordsvc_client.link` drives it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from coordsvc.base.ids import Index
from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes, ops
from coordsvc_client.claims import Claim, ClaimState
from coordsvc_client.conversation import Conversation, State
from coordsvc_client.endpoints import Address, Endpoints, parse_address
from coordsvc_client.greeting import Greeting, Verdict
from coordsvc_client.requests import NEVER
from tests.sim.clock import SimClock
from tests.sim.network import SimNetwork, Stream
from tests.sim.observer import Observer
from tests.sim.watching import Watching
from tests.sim.workloads.client import Answer, Done, LockListener, WatchListener
from tests.sim.world import MS, SECOND, Callback, Micros, Process, Timer

CONNECT: Final[Micros] = 3 * SECOND
WAKE_MS_MAX: Final = 500
MOVE_PAUSE_MS: Final = 5_000
DRAIN: Final[Micros] = SECOND
ESCAPE_PAUSE: Final[Micros] = 100 * MS
SHUN_MS: Final = 5_000


@dataclass(slots=True)
class ClientSettings:
    """How one client behaves."""

    session_timeout_ms: int
    prefer_leader: bool
    answer_within_ms: int
    """After so long a request is given up; 0: never."""


class SimClient:
    """One client. See `tests.sim.workloads.client.Client`."""

    def __init__(
        self,
        name: str,
        network: SimNetwork,
        servers: Sequence[str],
        observer: Observer,
        settings: ClientSettings,
        *,
        drift_ppm_max: int,
    ) -> None:
        self.name = name
        self.network = network
        self.observer = observer
        self.settings = settings
        self.chance: random.Random = network.world.stream(f"client {name}")
        self.process = Process(network.world, name)
        self.clock = SimClock.random(network.world, self.chance, drift_ppm_max=drift_ppm_max)
        self.sessions_lost = 0
        self._endpoints = Endpoints(
            [parse_address(f"{server}:2181") for server in servers], self.chance.randrange
        )
        self.conversation = Conversation(
            make_password=lambda: self.chance.randbytes(16),
            timeout_ms=settings.session_timeout_ms,
            client_name=name,
            on_state=self._on_state,
        )
        self._wire: _Wire | None = None
        self._next_wire: _Wire | None = None
        self._moving: _Wire | None = None
        self._move_at = 0
        self._escape: _Wire | None = None
        self._fleeing = False
        self._shunned = ""
        self._shun_until = 0
        self._connections = 0
        self._flush_due = False
        self._timer: Timer | None = None
        self._true_time: dict[int, Micros] = {}
        self._proved_at = -1
        self._locks: list[LockListener] = []
        self._claims: dict[tuple[str, int], Claim] = {}
        self._watches = 0
        self._watchings: list[Watching] = []
        self.process.after(0, self._connect)

    # What workloads ask.

    @property
    def is_paused(self) -> bool:
        """Whether the process stands still."""
        return self.process.paused

    def now(self) -> Micros:
        """Return the true time."""
        return self.network.world.now

    def after(self, delay: Micros, callback: Callback) -> None:
        """Run `callback` later."""
        self.process.after(delay, callback)

    def submit(
        self,
        op: int,
        args: tuple[Value, ...],
        done: Done,
        *,
        consistency: int = ops.LINEARIZABLE,
    ) -> None:
        """Ask for an operation; locks go the way of the client library's own claims."""
        if op == ops.ACQUIRE:
            self._acquire(args, done)
        elif op == ops.RELEASE:
            self._release(args, done)
        else:
            self._ask(op, args, done, consistency)
        self._poke()

    def _ask(self, op: int, args: tuple[Value, ...], done: Done, consistency: int) -> None:
        requests = self.conversation.requests
        within = self.settings.answer_within_ms
        deadline = self.clock.now_ms() + within if within else NEVER
        heard = self._teller(op, args, done, consistency)
        if op in ops.MUTATIONS:
            requests.mutate(op, args, heard, deadline=deadline)
        else:
            requests.read(op, args, heard, consistency=consistency, deadline=deadline)

    def _teller(
        self, op: int, args: tuple[Value, ...], done: Done, consistency: int = ops.LINEARIZABLE
    ) -> Callable[[int, int, object], None]:
        is_read = op in ops.READS and consistency != ops.STALE

        def heard(code: int, revision: int, value: object) -> None:
            if code < codes.NOT_LEADER and revision:
                self._shown(revision, is_read=is_read)
                answer = (code, revision, cast("Value", value))
                self.observer.views.answered(self.name, op, args, answer)
            done(Answer(code, revision, cast("Value", value)))

        return heard

    def _shown(self, revision: Index, *, is_read: bool) -> None:
        """Note that an answer shows a revision; that of a repeated mutation may be an old one."""
        for watching in self._watchings:
            watching.note_cut()
        self.observer.watches.shown(self.connection, revision)
        if is_read:
            self.observer.seen.saw(self.name, revision)

    def watch(self, path: str, mode: int, listener: WatchListener) -> None:
        """Watch with data."""
        self._watchings.append(Watching(self, path, mode, listener))
        self._poke()

    def next_watch(self) -> str:
        """Return a name for a watch. For the watches."""
        self._watches += 1
        return f"{self.name}/{self._watches}"

    @property
    def connection(self) -> str:
        """The name of the present connection. For the watches."""
        return f"{self.name}#{self._connections}"

    def listen_to_locks(self, listener: LockListener) -> None:
        """Tell this listener about locks."""
        self._locks.append(listener)

    def _acquire(self, args: tuple[Value, ...], done: Done) -> None:
        path, shared, wait, delay_ms, note = args
        assert isinstance(path, str)
        assert isinstance(delay_ms, int)
        assert isinstance(note, str)
        answered = False

        def changed(claim: Claim) -> None:
            nonlocal answered
            if answered:
                self._tell_of(claim)
                return
            answered = True
            if claim.state is ClaimState.GONE:
                # With a request it was granted, and lost before this client was sure of it.
                done(Answer(codes.OUTCOME_UNKNOWN if claim.request else claim.code))
                return
            self._claims[path, claim.request] = claim
            state = ops.HELD if claim.state is ClaimState.HELD else ops.WAITING
            value: list[Value] = [state, claim.request, claim.token, claim.position]
            done(Answer(codes.OK, 0, value))

        self.conversation.claims.acquire(
            path, changed, shared=bool(shared), wait=bool(wait), delay_ms=delay_ms, note=note
        )

    def _tell_of(self, claim: Claim) -> None:
        state = ops.HELD if claim.state is ClaimState.HELD else ops.GONE
        if state == ops.GONE:
            self._claims.pop((claim.path, claim.request), None)
        for listener in self._locks:
            listener.lock_changed(claim.path, claim.request, state, claim.token)

    def _release(self, args: tuple[Value, ...], done: Done) -> None:
        path, request = args
        assert isinstance(path, str)
        assert isinstance(request, int)
        claim = self._claims.pop((path, request))
        heard = self._teller(ops.RELEASE, args, done)
        self.conversation.claims.release(claim, heard)

    # The state of the session.

    def _on_state(self, state: State) -> None:
        self.network.world.trace(self.name, f"{state.value} session {self.conversation.session}")
        if state is State.LOST:
            self.sessions_lost += 1

    def _note_lease(self) -> None:
        """Tell the checker what this client believes."""
        conversation = self.conversation
        lease, session = conversation.lease, conversation.session
        now_ms = self.clock.now_ms()
        if lease.proved_at == self._proved_at or session <= 0:
            self._proved_at = lease.proved_at
            return
        self._proved_at = lease.proved_at
        if not lease.holds(now_ms):
            return
        sent_at = max(0, self._true_time[lease.proved_at] - MS)  # clocks show whole milliseconds
        self.observer.sessions.answered(session, sent_at=sent_at)
        until = self.now() + self.clock.delay_until_ms(lease.end())
        self.observer.sessions.believes_until(session, until)

    # Sending and receiving.

    def _now_ms(self) -> int:
        now_ms = self.clock.now_ms()
        self._true_time.setdefault(now_ms, self.now())
        return now_ms

    def _poke(self) -> None:
        if not self._flush_due:
            self._flush_due = True
            self.process.after(0, self._flush)

    def received(self, wire: _Wire, data: bytes) -> None:
        """Take bytes of a connection. For the wires."""
        if wire is self._wire:
            self.conversation.receive_data(data, self._now_ms())
            self._note_lease()
            self._poke()
        elif wire.greeting is not None and wire.greeting.receive(data) is not None:
            self._judge_escape(wire)

    def _flush(self) -> None:
        self._flush_due = False
        conversation, wire = self.conversation, self._wire
        if wire is not None:
            if conversation.farewell is not None:
                self._leave(wire)
            else:
                wire.stream.write(conversation.data_to_send(self._now_ms()))
                if conversation.draining and conversation.is_idle:
                    self._change_over()
                self._follow_leader()
                if conversation.silence.is_silent and not self._fleeing:
                    self._fleeing = True
                    self._flee(wire)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due = min(self.conversation.deadline(), self.clock.now_ms() + WAKE_MS_MAX)
        delay = max(self.clock.delay_until_ms(due), 1)
        self._timer = self.process.after(delay, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.conversation.wake(self._now_ms())
        self._flush()

    # Connecting.

    def _connect(self) -> None:
        prepared, self._next_wire = self._next_wire, None
        if prepared is not None:
            greeting = prepared.greeting
            ours = greeting is None or greeting.session == self.conversation.session
            if ours and prepared.stream.is_open:
                self._serve(prepared)
                return
            prepared.stream.abort()
        self._open(self._endpoints.next())

    def _open(self, address: Address) -> _Wire:
        return _Wire(self, address)

    def wire_opened(self, wire: _Wire) -> None:
        """A server took the connection. For the wires."""
        if wire is self._escape:
            greeting = wire.greeting = self.conversation.greet(self._now_ms())
            wire.stream.write(greeting.hello)
            patience = self.conversation.patience_ms() * MS
            self.process.after(patience, lambda: self._give_up_escape(wire))
            return
        if wire is not self._moving:
            self._serve(wire)
            return
        self._moving = None
        if self._wire is None or wire.left is not self._wire:
            wire.stream.abort()
            return
        self.conversation.draining = True
        self._moving = wire
        self._poke()
        self.process.after(DRAIN, lambda: self._end_drain(wire))

    def wire_failed(self, wire: _Wire) -> None:
        """No server took the connection. For the wires."""
        if wire is self._moving:
            self._moving = None
        elif wire is self._escape:
            self._give_up_escape(wire)
        else:
            self.process.after(self._endpoints.failed() * MS, self._connect)

    def _end_drain(self, wire: _Wire) -> None:
        if wire is self._moving:
            self._change_over()

    def _change_over(self) -> None:
        """Leave this server for the leader."""
        self._next_wire, self._moving = self._moving, None
        self._move_at = 0
        if self._wire is not None:
            self._leave(self._wire)

    def _serve(self, wire: _Wire) -> None:
        assert self._wire is None
        self._wire = wire
        self._connections += 1
        greeting, wire.greeting = wire.greeting, None
        self.conversation.begin(self._now_ms(), greeting)
        self._note_lease()
        self._poke()

    def wire_lost(self, wire: _Wire) -> None:
        """The connection has ended. For the wires."""
        if wire is self._wire:
            self._leave(wire)
        elif wire is self._moving:
            self._moving = None
            self.conversation.draining = False
        elif wire is self._escape:
            self._give_up_escape(wire)

    def _leave(self, wire: _Wire) -> None:
        conversation = self.conversation
        was_welcome, farewell = conversation.welcomed, conversation.farewell
        self._wire = None
        wire.stream.abort()
        conversation.end(self._now_ms())
        if self._moving is not None and self._moving.is_up:
            self._next_wire, self._moving = self._moving, None
        self._set_timer()
        pause = 0
        if was_welcome:
            self._endpoints.succeeded()
        if not was_welcome or farewell is not None:
            pause = self._endpoints.failed()
        self.process.after(pause * MS, self._connect)

    def _follow_leader(self) -> None:
        conversation = self.conversation
        if (
            not self.settings.prefer_leader
            or self._moving is not None
            or self._wire is None
            or not conversation.welcomed
            or conversation.leader in ("", conversation.node)
            or not conversation.leader_address
            or self.clock.now_ms() < self._move_at
            or (
                conversation.leader_address == self._shunned
                and self.clock.now_ms() < self._shun_until
            )
        ):
            return
        self._move_at = self.clock.now_ms() + MOVE_PAUSE_MS
        self._moving = self._open(parse_address(conversation.leader_address))
        self._moving.left = self._wire

    # Leaving a silent server.

    def _flee(self, left: _Wire) -> None:
        """Greet other servers in turn while this one is silent; go to the first that answers."""
        address = self._endpoints.other(left.address)
        silent = self._wire is left and self.conversation.silence.is_silent
        if not silent or address is None:
            self._fleeing = False
            return
        self._escape = self._open(address)
        self._escape.left = left

    def _judge_escape(self, wire: _Wire) -> None:
        greeting, left = wire.greeting, wire.left
        if wire is not self._escape or greeting is None:
            return
        silent = self._wire is left and self.conversation.silence.is_silent
        if greeting.verdict is not Verdict.TAKE or not silent:
            self._give_up_escape(wire)
            return
        assert left is not None
        self._escape, self._fleeing = None, False
        self._shunned = str(left.address)
        self._shun_until = self.clock.now_ms() + SHUN_MS
        if self._next_wire is not None:
            self._next_wire.stream.abort()
        self._next_wire = wire
        self._leave(left)

    def _give_up_escape(self, wire: _Wire) -> None:
        if wire is not self._escape:
            return
        left, self._escape = wire.left, None
        assert left is not None
        wire.stream.abort()
        self.process.after(ESCAPE_PAUSE, lambda: self._flee(left))


class _Wire:
    """One connection."""

    def __init__(self, client: SimClient, address: Address) -> None:
        self.address = address
        self.left: _Wire | None = None
        """From which connection this one is to take over."""
        self.greeting: Greeting | None = None
        """Said already, before this connection is taken into use."""
        self.is_up = False
        self._client = client
        self._over = False
        self.stream: Stream = client.network.connect(
            client.process, host=client.name, remote=address.host, handler=self
        )
        client.process.after(CONNECT, self._give_up_unless_up)

    def opened(self) -> None:
        self.is_up = True
        self._client.wire_opened(self)

    def received(self, data: bytes) -> None:
        self._client.received(self, data)

    def closed(self, reason: str) -> None:
        if self.is_up:
            self._client.wire_lost(self)
        elif not self._over:
            self._over = True
            self._client.wire_failed(self)

    def _give_up_unless_up(self) -> None:
        if not self.is_up:
            self.stream.abort()
