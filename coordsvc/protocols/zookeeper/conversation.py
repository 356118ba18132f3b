"""The server's side of one ZooKeeper connection, without I/O.

Replies leave in the order of the requests. Writes go on to the replica at once and wait in line
for their outcome; what comes behind them waits too, and is answered when its turn has come. With
nothing in line a read is answered on the spot.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from coordsvc.base import limits
from coordsvc.base.ids import Index, Millis, NodeId, Serial, SessionId, Term
from coordsvc.base.vocabulary import codes, ops
from coordsvc.protocols.zookeeper import numbers, readonly
from coordsvc.protocols.zookeeper.answers import ANSWERED, Answers, event_frame, failure, reply
from coordsvc.protocols.zookeeper.connecting import Connecting
from coordsvc.protocols.zookeeper.hall import ZooKeeperHall, error_of
from coordsvc.protocols.zookeeper.identification import Identification
from coordsvc.protocols.zookeeper.jute import (
    HEADER,
    FrameLengthError,
    FrameSplitter,
    JuteError,
    Reader,
    pack_frame,
    pack_string,
)
from coordsvc.protocols.zookeeper.later import Later
from coordsvc.protocols.zookeeper.operators.facts import ConnectionFacts
from coordsvc.protocols.zookeeper.operators.meter import Tally
from coordsvc.protocols.zookeeper.reconfiguring import begin
from coordsvc.protocols.zookeeper.records import ConnectRequest, pack_connect_response
from coordsvc.protocols.zookeeper.shortcuts import path_reply, plain_step, stat_reply
from coordsvc.protocols.zookeeper.watching import may_hear, path_told
from coordsvc.protocols.zookeeper.writes import (
    WRITES,
    RefusedError,
    Write,
    body_of,
    command_of,
    grows,
    request_of,
)
from coordsvc.replica.codec import command_prefix
from coordsvc.state.acl import Who
from coordsvc.state.events import Event, LockChange
from coordsvc.state.results import Applied

_CONNECTING: Final = 0  # waits for the first frame
_ATTACHING: Final = 1  # it is being carried out; requests behind it wait
_OPEN: Final = 2
_CLOSED: Final = 3

_FREQUENT: Final = frozenset({numbers.SET_DATA, numbers.CREATE})
_IDENTIFYING: Final = frozenset({numbers.AUTH, numbers.SASL})
_AHEAD_BYTES_MAX: Final = 8 * limits.MIB
"""Of requests in line of one connection; what comes behind is not looked at before."""


class ZooKeeperConversation:
    """One connection. A `replica.ports.Client`."""

    __slots__ = (
        "_address", "_ahead_bytes", "_answers", "_bare", "_congested", "_connecting", "_dirty",
        "_hall", "_heard_at", "_held", "_held_bytes", "_identification", "_laters", "_line",
        "_outbox", "_prefix", "_read_only", "_replica", "_serial", "_splitter", "_stage",
        "_unsent_bytes", "pending", "session", "tally", "told", "who",
    )  # fmt: skip

    def __init__(self, hall: ZooKeeperHall, address: str, known_as: Who = ()) -> None:
        """Begin with a client at `address` that its connection shows to be `known_as` (TLS)."""
        self._hall = hall
        self._replica = hall.replica
        self._address = address
        self._stage = _CONNECTING
        self._splitter = FrameSplitter(hall.frame_bytes_max)
        self._connecting = Connecting(hall, address)
        self._read_only = False
        self._answers = Answers(hall, self)
        self._prefix = b""
        self._serial: Serial = 0
        self._heard_at: Millis = 0
        self.tally = Tally()
        self._line: deque[Write | Later | bytes | tuple[int, int]] = deque()
        """Writes and syncs under way, and behind them frames to answer and failures to tell."""
        self._ahead_bytes = 0
        self._laters = 0
        """How many answers in line are decided elsewhere; writes are not begun behind them."""
        self._held: deque[bytes] = deque()  # frames that nobody has looked at yet
        self._held_bytes = 0
        self._outbox: list[bytes] = []
        self._unsent_bytes = 0
        self._dirty = self.told = self._congested = False
        self._identification = Identification(hall, address, known_as)
        self._bare = self._identification.bare
        self.who: Who = self._identification.who
        """Who the client has shown to be."""
        self.session: SessionId = 0
        self.pending: dict[Serial, bytes] = {}

    # ------------------------------------------------------------------ what the runtime asks

    @property
    def closed(self) -> bool:
        """Whether the connection is to be closed once everything is sent."""
        return self._stage == _CLOSED

    @property
    def waits_for_greeting(self) -> bool:
        """Whether the client has yet to say which session it wants."""
        return self._stage == _CONNECTING

    @property
    def clogged(self) -> bool:
        """Whether so much waits here that no more should be read for now."""
        return self._held_bytes > limits.FRAME_BYTES_MAX

    def is_silent(self, now: Millis) -> bool:
        """Tell whether the client has been silent for longer than its session's timeout."""
        return self._stage == _OPEN and now - self._heard_at > self._connecting.timeout_ms

    def data_to_send(self) -> bytes:
        """Return what has gathered since the last call."""
        outbox = self._outbox
        self._outbox = []
        self._unsent_bytes = 0
        self._dirty = False
        self._hall.sent += len(outbox)
        self.tally.answered(len(outbox), self._replica.now, self._hall.meter)
        return b"".join(outbox)

    def facts(self, now: Millis, wall_now: Millis, *, secure: bool) -> ConnectionFacts:
        """Return what operators are told of this connection; `wall_now` is ms since 1970."""
        queued, zxid = len(self._line) + len(self._held), self._replica.machine.revision
        client = (self._address, self.session, queued, self._connecting.timeout_ms)
        return self.tally.facts((*client, zxid, self._heard_at, secure), now, wall_now)

    def congested(self, is_so: bool) -> None:
        """More than limits.OUTBOX_BYTES_MAX are unsent, or no longer."""
        self._congested = is_so
        self.go_on()

    def lost(self) -> None:
        """The connection is gone."""
        self._stage = _CLOSED
        self._replica.disconnect(self)

    def _send(self, data: bytes) -> None:
        self._outbox.append(data)
        self._unsent_bytes += len(data)
        if not self._dirty:
            self._dirty = True
            self._hall.dirty.append(self)

    def _close(self) -> None:
        if self._stage != _CLOSED:
            self._stage = _CLOSED
            self._line.clear()
            self._held.clear()
            self._held_bytes = 0
            self._replica.disconnect(self)
            self._send(b"")  # so that the runtime looks at it

    # ------------------------------------------------------------------ from the client

    def receive_data(self, data: bytes, now: Millis) -> None:
        """Take what came from the client."""
        if self._stage == _CLOSED:
            return
        try:
            frames = self._splitter.split(data)
        except FrameLengthError:
            self._close()
            return
        self._heard_at = now
        self.tally.asked(now)
        if self._stage == _OPEN:
            self._replica.touch(self.session, now)
            for frame in frames:
                self._take(frame)
            return
        for frame in frames:
            if self._stage == _CONNECTING:
                self._connect(frame, now)
            else:
                self._hold(frame)
        if self._held_bytes > limits.FRAME_BYTES_MAX:
            self._close()

    def _hold(self, frame: bytes) -> None:
        self._held.append(frame)
        self._held_bytes += len(frame)

    def _connect(self, frame: bytes, now: Millis) -> None:
        connecting = self._connecting
        if not connecting.take(frame):
            self._close()
            return
        self._stage = _ATTACHING
        self._replica.connect(self)
        if connecting.is_for_reading_only:
            self._open_read_only()
        else:
            connecting.begin(self, now)

    def _open_read_only(self) -> None:
        response = self._connecting.session_for_reading()
        if response is None:
            self._close()
            return
        self._stage, self._read_only, self.session = _OPEN, True, response.session
        self._send(pack_frame(pack_connect_response(response)))

    def _refuse(self, xid: int, op: int) -> None:
        """Do nothing that would need a quorum."""
        error = readonly.refusal_of(self.session, op)
        self._fail(xid, error)
        if error == numbers.OK:
            self._close()

    @property
    def _is_full(self) -> bool:
        """Whether no more can be taken into line."""
        return (
            self._ahead_bytes > _AHEAD_BYTES_MAX
            or len(self._line) >= limits.REQUESTS_IN_FLIGHT_MAX
            or self._is_stuffed
        )

    @property
    def _is_stuffed(self) -> bool:
        """Whether so much is unsent that no more answers should be made."""
        return self._congested or self._unsent_bytes > limits.OUTBOX_BYTES_MAX

    def go_on(self) -> None:
        """Answer what has waited for room; to be called when everything was sent."""
        if (self._line or self._held) and self._stage == _OPEN and not self._is_stuffed:
            self._advance()
            self._take_held()

    def _take(self, frame: bytes) -> None:
        """Look at a frame, or leave it until what is in line has been answered."""
        if self._stage == _OPEN and (self._held or self._is_full or not self._look_at(frame)):
            self._hold(frame)

    def _take_held(self) -> None:
        held = self._held
        while held and not self._is_full:
            frame = held.popleft()
            self._held_bytes -= len(frame)
            if not self._look_at(frame):
                held.appendleft(frame)
                self._held_bytes += len(frame)
                return

    def _look_at(self, frame: bytes) -> bool:
        """Take a request up; False if the line must be empty before."""
        if len(frame) < HEADER.size:
            self._close()
            return True
        xid, op = HEADER.unpack_from(frame)
        tally = self.tally
        tally.received += 1
        tally.last_op, tally.last_xid = op, xid
        line = self._line
        if self._read_only and op in readonly.REFUSED:
            self._refuse(xid, op)
        elif op in WRITES:
            if self._laters:
                return self._put_off()
            self._write(xid, op, frame)
        elif op in ANSWERED:
            if line:
                line.append(frame)
                self._ahead_bytes += len(frame)
            else:
                self._send(self._answers.answer(xid, op, frame, self.who, self.session))
        elif op == numbers.SYNC:
            self._begin_sync(xid, frame)
        elif op == numbers.RECONFIG and not self._laters:
            self._wait_for(begin(self._hall, xid, Reader(frame, 8), self.who, self._settle))
        elif line:
            return self._put_off()
        elif op in _IDENTIFYING:
            self._identify(xid, op, frame)
        else:
            self._fail(xid, numbers.UNIMPLEMENTED)
            self._close()
            return True
        self._hall.count(op)
        return True

    def _put_off(self) -> bool:
        """Leave a request until it is looked at again, and count it then."""
        self.tally.received -= 1
        return False

    # ------------------------------------------------------------------ writes

    def _write(self, xid: int, op: int, frame: bytes) -> None:
        kinds: list[int] = []
        step = plain_step(op, frame) if op in _FREQUENT else None
        try:
            if step is None:
                step, kinds = request_of(op, Reader(frame, 8), self.who)
        except JuteError:
            self._fail_in_line(xid, numbers.MARSHALLING_ERROR)
            return
        except RefusedError as refused:
            self._fail_in_line(xid, error_of(refused.code))
            return
        replica = self._replica
        if replica.health.room.refusal and grows(op, kinds):
            self._fail_in_line(xid, numbers.SYSTEM_ERROR)
            return
        self._serial += 1
        bare = self._bare or op == numbers.CLOSE_SESSION
        command = command_of(self._prefix, self._serial, step, self.who, bare=bare)
        self._line.append(Write(xid, op, len(command), kinds))
        self._ahead_bytes += len(command)
        replica.submit(self, self._serial, command)

    def _fail_in_line(self, xid: int, error: int) -> None:
        if self._line:
            self._line.append((xid, error))
        else:
            self._fail(xid, error)

    def decided(self, applied: Applied) -> None:
        """Answer the write at the head of the line, and what waits behind it."""
        code = applied.code
        if code in {codes.SUPERSEDED, codes.SESSION_EXPIRED, codes.TOO_MANY}:
            self._close()  # the session goes on elsewhere, or is over
            return
        if type(self._line[0]) is not Write:
            self._advance(at_once=True)  # to what has waited for room
        write = self._line.popleft()
        assert type(write) is Write, "writes are decided in the order sent"
        self._ahead_bytes -= write.size
        if code:
            self._send(failure(write.xid, applied.revision, error_of(code)))
        elif write.op == numbers.SET_DATA:
            self._send(stat_reply(write.xid, applied.revision, applied.value))
        elif write.op == numbers.CREATE:
            self._send(path_reply(write.xid, applied.revision, applied.value))
        else:
            self._send(reply(write.xid, applied.revision, body_of(write, applied.value)))
        if write.op == numbers.CLOSE_SESSION:
            self._close()
        elif self._line or self._held:
            self._advance()

    def _advance(self, *, at_once: bool = False) -> None:
        """Answer what is at the head of the line and need not wait; then look at what is held.

        Unless it must be `at_once`, it waits while too much is unsent.
        """
        line = self._line
        while line:
            head = line[0]
            if type(head) is Write or (type(head) is Later and not head.decided):
                return
            if self._is_stuffed and not at_once:
                return
            line.popleft()
            if type(head) is bytes:
                self._ahead_bytes -= len(head)
                xid, op = HEADER.unpack_from(head)
                self._send(self._answers.answer(xid, op, head, self.who, self.session))
            elif type(head) is tuple:
                self._fail(*head)
            else:
                assert type(head) is Later
                self._laters -= 1
                self._send(head.frame(self._replica.machine.revision))
        if self._held:
            self._take_held()

    def _fail(self, xid: int, error: int) -> None:
        self._send(failure(xid, self._replica.machine.revision, error))

    def _begin_sync(self, xid: int, frame: bytes) -> None:
        """Have the replica confirm that it is up to date; reads behind it wait in line."""
        try:
            path = Reader(frame, 8).read_string()
        except JuteError:
            self._fail_in_line(xid, numbers.MARSHALLING_ERROR)
            return
        sync = Later(xid, pack_string(path))
        self._wait_for(sync)
        replica = self._replica
        replica.read(self, 0, sync, consistency=ops.LINEARIZABLE, min_revision=0, now=replica.now)

    def _wait_for(self, later: Later) -> None:
        """Put an answer into line, or send it if it is decided and nothing is before it."""
        if later.decided and not self._line:
            self._send(later.frame(self._replica.machine.revision))
        else:
            self._laters += 1
            self._line.append(later)

    def _settle(self, later: Later) -> None:
        if self._stage == _OPEN and self._line and self._line[0] is later:
            self._advance()

    def _identify(self, xid: int, op: int, frame: bytes) -> None:
        known = self._identification
        answer, may_go_on = known.step(xid, op, frame, self._replica.machine.revision)
        self._send(answer)
        self.who, self._bare = known.who, known.bare
        if not may_go_on:
            self._close()

    # ------------------------------------------------------------------ from the replica

    def welcomed(self, session: SessionId, password: bytes, timeout_ms: Millis) -> None:
        """Answer the first frame, and take up what came behind it."""
        if self._stage != _ATTACHING:
            return
        self._stage = _OPEN
        self.session = session
        self._prefix = command_prefix(session)
        self._serial = self._replica.machine.sessions.by_id[session].replies.last_serial
        self._connecting.timeout_ms = timeout_ms
        self._send(self._connecting.welcome(session, password))
        self._take_held()

    def rejected(self, code: int, text: str) -> None:
        """Close; a client whose session is no more is told so if it asks for it."""
        if self._read_only and code == codes.NO_QUORUM:
            return
        if self._stage == _ATTACHING and code in {codes.SESSION_EXPIRED, codes.BAD_PASSWORD}:
            self._send(self._connecting.refusal())
        self._close()

    def refused(self, serial: Serial, code: int, text: str) -> None:
        """Close: a write was not carried out, so what comes behind it must not be either."""
        self._close()

    def read_refused(self, serial: Serial, code: int, text: str) -> None:
        """Close: this server cannot say that it is up to date; another one may."""
        self._close()

    def serve(self, read: object) -> None:
        """Go on with what has been confirmed: a sync, or the wish for a session."""
        if self._stage == _CLOSED:
            return
        if isinstance(read, Later):
            read.decide()
            self._settle(read)
        elif isinstance(read, ConnectRequest) and not self._connecting.resume(self):
            self.rejected(codes.SESSION_EXPIRED, "no such session, or not its password")

    def notify(self, watch_id: int, event: Event) -> None:
        """Pass on a change; `watch_id` is what the watch is told."""
        if self._stage != _OPEN or not may_hear(self._replica.machine, watch_id, event, self.who):
            return
        if self._congested or self._unsent_bytes > limits.OUTBOX_BYTES_MAX:
            self._close()  # it does not read; when it comes back it asks for what it missed
        else:
            frame = event_frame(watch_id, path_told(watch_id, event))
            self._outbox.append(frame)
            self._unsent_bytes += len(frame)
            if not (self._dirty or self.told):
                self.told = True
                self._hall.told.append(self)

    def watch_lost(self, watch_id: int, code: int, revision: Index) -> None:
        """Close: the client sets its watches again elsewhere, and hears what it missed."""
        self._close()

    def lock_changed(self, change: LockChange, revision: Index) -> None:
        """Native claims mean nothing to this client."""

    def leader_changed(self, leader: NodeId | None, term: Term) -> None:
        """Send a client away that was served for want of a leader."""
        if self._read_only and leader is not None:
            self._close()
