"""The server's side of one native connection, without I/O.

Mutations go on to the replica as the client's own bytes; reads come back through `serve` when
their consistency allows; what is to be sent gathers in an outbox that leaves as one frame, when
the bytes at hand are dealt with or at the end of the turn.
"""

from __future__ import annotations

from typing import Final

from coordsvc.base import limits, paths
from coordsvc.base.ids import Index, Millis, NodeId, Serial, SessionId, Term
from coordsvc.base.values import Value
from coordsvc.protocols.native.greeting import Hello, HelloError, read_hello
from coordsvc.protocols.native.hall import Hall
from coordsvc.protocols.native.reads import (
    Arrive,
    Attach,
    BadReadError,
    Read,
    Watch,
    answer,
    read_request,
    weight_of,
)
from coordsvc.replica.codec import command_prefix
from coordsvc.replica.disk_room import grows
from coordsvc.replica.health import DIFFERS
from coordsvc.replica.reads import is_served_at_once
from coordsvc.state.acl import READ, who_at
from coordsvc.state.commands import validate
from coordsvc.state.events import Event, LockChange
from coordsvc.state.results import Applied
from coordsvc.watch.table import matches, without_data
from coordsvc_client.wire import codes, ops
from coordsvc_client.wire.framing import (
    FrameError,
    FrameSplitter,
    decode,
    encode_frame,
    frame_of_packed,
    pack,
)

_GREETING: Final = 0  # waits for HELLO
_ATTACHING: Final = 1  # HELLO is being carried out; requests behind it wait
_OPEN: Final = 2
_CLOSED: Final = 3


class NativeConversation:
    """One connection. A `replica.ports.Client`."""

    __slots__ = (
        "_address", "_congested", "_dirty", "_hall", "_hello", "_outbox", "_packed", "_prefix",
        "_reading", "_replica", "_splitter", "_stage", "_unsent_bytes", "_waiting",
        "_waiting_bytes", "_who", "clogged", "closed", "pending", "session", "told",
    )  # fmt: skip

    def __init__(self, hall: Hall, address: str) -> None:
        self._hall = hall
        self._replica = hall.replica
        self._address = address
        self._who = who_at(address)
        self._stage = _GREETING
        self.closed = False
        """Whether the connection is to be closed once everything is sent."""
        self.clogged = False
        """Whether so much waits for the session that no more should be read for now.

        Behind it what cannot be taken is refused. Here that would shut out a client that has much
        under way: it sends all of it behind its greeting.
        """
        self._splitter = FrameSplitter()
        self._hello: Hello | None = None
        self._prefix = b""
        self._outbox: list[list[Value] | bytes] = []
        self._packed = False  # some of the outbox is packed already
        self._dirty = False  # this stands in the hall's list of those
        self.told = False
        """Whether this stands in the hall's queue of those."""
        self._unsent_bytes = 0  # of the data in the outbox, roughly
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._reading = 0
        self._congested = False
        self.session: SessionId = 0
        self.pending: dict[Serial, bytes] = {}

    # ------------------------------------------------------------------ from the client

    @property
    def waits_for_greeting(self) -> bool:
        """Whether the client has yet to say who it is."""
        return self._stage == _GREETING

    def is_silent(self, _now: Millis) -> bool:
        """Never: the leader tells of a session that was not heard from."""
        return False

    def receive_data(self, data: bytes, now: Millis) -> None:
        """Take what came from the client."""
        if self._stage == _CLOSED:
            return
        try:
            bodies = self._splitter.split(data)
            if self._stage == _OPEN:
                if self.session:
                    self._replica.touch(self.session, now)
                for body in bodies:
                    self._request(body, now)
            else:
                self._before_open(bodies, now)
        except FrameError as error:
            self.rejected(codes.BAD_FRAME, str(error))
        except HelloError as refusal:
            self.rejected(refusal.code, refusal.text)

    def lost(self) -> None:
        """The connection is gone."""
        self._stage, self.closed = _CLOSED, True
        self._replica.disconnect(self)

    def _before_open(self, bodies: list[bytes], now: Millis) -> None:
        if bodies and self._stage == _GREETING:
            self._greet(read_hello(decode(bodies.pop(0))), now)
        if self._stage == _OPEN:  # a connection without a session is open at once
            for body in bodies:
                self._request(body, now)
            return
        self._waiting += bodies
        self._waiting_bytes += sum(map(len, bodies))
        share = max(
            self._waiting_bytes / limits.FRAME_BYTES_MAX,
            len(self._waiting) / limits.REQUESTS_IN_FLIGHT_MAX,
        )
        self.clogged = share > 1
        if share > 2:  # that was read all the same
            self.rejected(codes.OVERLOADED, "too much was sent before the session stood")

    def _greet(self, hello: Hello, now: Millis) -> None:
        self._hello = hello
        self._stage = _ATTACHING
        self._replica.connect(self)
        if self._replica.stopping:
            self.rejected(codes.STOPPING, "this server is stopping")
        elif self._replica.health.differs:
            self.rejected(codes.BEHIND, DIFFERS)
        elif hello.session > 0:
            self._replica.read(
                self,
                0,
                Attach(hello.session, hello.password),
                consistency=ops.LINEARIZABLE,
                min_revision=hello.last_revision,
                now=now,
            )
        elif hello.last_revision > self._replica.applied:
            # Here it would see time run backwards. If this is a member that lags it catches up;
            # if the whole cluster was set back (restored too low), nobody takes this client in.
            self._replica.read(
                self,
                0,
                Arrive(hello),
                consistency=ops.SEQUENTIAL,
                min_revision=hello.last_revision,
                now=now,
            )
        else:
            self._take_in(hello)

    def _take_in(self, hello: Hello) -> None:
        """Open a session for a client that has none, or take it in without one."""
        hall = self._hall
        if hello.session == ops.NO_SESSION:
            self.welcomed(0, b"", 0)
            return
        timeout_ms = min(
            max(hello.timeout_ms, hall.session_timeout_ms_min), hall.session_timeout_ms_max
        )
        self._replica.open_session(
            self, hello.password, timeout_ms, hello.client_name, self._address
        )

    def _request(self, body: bytes, now: Millis) -> None:
        if self._stage == _CLOSED:
            return  # what came behind a request that ended the connection: order must hold
        request = decode(body)
        if type(request) is not list or len(request) < 3 or type(request[0]) is not int:
            raise FrameError("a request is an array [op, serial, ...]")
        op, serial = request[0], request[1]
        if type(serial) is not int or serial < 1:
            raise FrameError("a serial is a number from 1 on")
        if len(self.pending) + self._reading >= limits.REQUESTS_IN_FLIGHT_MAX:
            self._refuse_for_now(op, serial, "too many requests are waiting")
        elif op in ops.MUTATIONS:
            self._hall.requests[op] += 1
            self._mutate(serial, request, body)
        elif op in ops.READS:
            self._hall.requests[op] += 1
            self._read(op, serial, request, now)
        else:
            self.refused(serial, codes.UNSUPPORTED, f"there is no operation {op}")

    def _refuse_for_now(self, op: int, serial: Serial, text: str) -> None:
        """Refuse what may be tried again.

        To refuse one mutation and take the next would change their order, so that ends the
        connection: a client that comes back sends all of them again.
        """
        if op in ops.MUTATIONS:
            self.rejected(codes.OVERLOADED, text)
        else:
            self.refused(serial, codes.OVERLOADED, text)

    def _mutate(self, serial: Serial, request: list[object], body: bytes) -> None:
        if not self.session:
            self.refused(serial, codes.SESSION_EXPIRED, "a mutation needs a session")
        elif serial in self.pending:
            self.refused(serial, codes.MALFORMED, "that serial is in use")
        else:
            code, text = validate(request, self._replica.machine.version)
            full = self._replica.health.room.refusal
            if code:
                self.refused(serial, code, text)
            elif full and grows(request):
                self.refused(serial, codes.DISK_FULL, full)
            else:
                self._replica.submit(self, serial, self._prefix + body)

    def _read(self, op: int, serial: Serial, request: list[object], now: Millis) -> None:
        try:
            read, consistency, min_revision = read_request(op, serial, request)
        except BadReadError as error:
            self.refused(serial, codes.MALFORMED, str(error))
            return
        if type(read) is Read:
            if op == ops.UNWATCH:
                self._unwatch(read)
                return
            replica = self._replica
            at_once = is_served_at_once(consistency, min_revision, replica.machine.revision)
            if at_once and not replica.health.differs:
                self._answer(read)
                return
        self._reading += 1
        self._replica.read(
            self, serial, read, consistency=consistency, min_revision=min_revision, now=now
        )

    # ------------------------------------------------------------------ from the replica

    def welcomed(self, session: SessionId, password: bytes, timeout_ms: Millis) -> None:
        """Answer HELLO and take up the requests that came behind it."""
        if self._stage != _ATTACHING:
            return
        self._stage = _OPEN
        self.session = session
        self._prefix = command_prefix(session)
        replica, hall = self._replica, self._hall
        leader = replica.raft.leader or ""
        self._send(
            [
                ops.WELCOME,
                session,
                password,
                timeout_ms,
                replica.applied,
                replica.node,
                leader,
                hall.address_of(leader) if leader else "",
                hall.cluster,
                list(hall.formerly()),
                hall.servers(),
            ]
        )
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self.clogged = False
        try:
            for body in waiting:
                self._request(body, replica.now)
        except FrameError as error:  # the replica that called must not pay for it
            self.rejected(codes.BAD_FRAME, str(error))

    def rejected(self, code: int, text: str) -> None:
        """Say goodbye and close."""
        if self._stage == _CLOSED:
            return
        self._send([ops.GOODBYE, code, text])
        self._stage, self.closed = _CLOSED, True
        self._replica.disconnect(self)

    def decided(self, applied: Applied) -> None:
        """Answer a mutation."""
        if applied.code:
            self._hall.count_failure(applied.code)
        self._send([applied.serial, applied.code, applied.revision, applied.value])

    def refused(self, serial: Serial, code: int, text: str) -> None:
        """Answer a request that was not carried out."""
        if serial == 0:  # the attachment itself could not be confirmed
            self.rejected(code, text)
            return
        self._hall.count_failure(code)
        self._send([serial, code, self._replica.applied, text])

    def read_refused(self, serial: Serial, code: int, text: str) -> None:
        """Answer a read that could not be served."""
        self._reading -= 1
        self.refused(serial, code, text)

    def serve(self, read: object) -> None:
        """Answer a read now."""
        if self._stage == _CLOSED:
            return
        if isinstance(read, Attach):
            self._replica.attach(self, read.session, read.password)
            return
        if isinstance(read, Arrive):
            self._take_in(read.hello)
            return
        self._reading -= 1
        if isinstance(read, Watch):
            self._watch(read)
            return
        assert isinstance(read, Read)
        self._answer(read)

    def _answer(self, read: Read) -> None:
        if self._unsent_bytes > limits.OUTBOX_BYTES_MAX:
            self.refused(read.serial, codes.OVERLOADED, "too much is waiting to be sent")
        else:
            hall = self._hall
            if read.op == ops.STATUS:
                code, value = codes.OK, hall.status()
            else:
                code, value = answer(self._replica.machine, hall.pages, read, self._who)
                if code:
                    hall.count_failure(code)
            self._unsent_bytes += weight_of(value)
            self._send([read.serial, code, self._replica.machine.revision, value])

    def notify(self, watch_id: int, event: Event) -> None:
        """Pass on a change."""
        if self._stage == _CLOSED:
            return
        if event.acl is not None and not event.acl.allows(self._who, READ):
            return
        if self._congested or self._unsent_bytes > limits.OUTBOX_BYTES_MAX:
            self._cut_watches()
            return
        hall = self._hall
        message = hall.events.encode(watch_id, event)
        self._unsent_bytes += len(message)
        self._outbox.append(message)
        self._packed = True
        if not (self.told or self._dirty):
            self.told = True
            hall.told.append(self)

    def watch_lost(self, watch_id: int, code: int, revision: Index) -> None:
        """Tell that a watch has ended."""
        self._send([ops.WATCH_LOST, watch_id, code, revision])

    def lock_changed(self, change: LockChange, revision: Index) -> None:
        """Pass on what became of a claim."""
        self._send(
            [ops.LOCK_EVENT, change.path, change.request, change.state, change.token, revision]
        )

    def leader_changed(self, leader: NodeId | None, term: Term) -> None:
        """Pass on who leads, and who the members are."""
        if self._stage == _OPEN:
            name = leader or ""
            hall = self._hall
            address = hall.address_of(name) if name else ""
            self._send([ops.LEADER, name, address, term, hall.servers()])

    # ------------------------------------------------------------------ watches

    def _watch(self, watch: Watch) -> None:
        replica = self._replica
        fault = paths.fault_of(watch.path)
        if fault:  # nothing can ever happen there: the client is to hear that now
            self._send([watch.serial, codes.BAD_PATH, replica.applied, fault])
            return
        missed: list[Event] | None = []
        if watch.since:
            missed = replica.machine.history.since(watch.since)
        if missed is None:
            self._send(
                [
                    watch.serial,
                    codes.COMPACTED,
                    replica.applied,
                    "the history no longer reaches back so far",
                ]
            )
            return
        start = watch.since or replica.applied
        if not replica.watches.add(
            self, watch.serial, watch.path, watch.mode, with_data=watch.with_data, since=start
        ):
            self._send([watch.serial, codes.TOO_MANY, replica.applied, "too many watches"])
            return
        self._send([watch.serial, codes.OK, replica.applied, start])
        for event in missed:
            if matches(watch.mode, watch.path, event):
                self.notify(watch.serial, event if watch.with_data else without_data(event))

    def _unwatch(self, read: Read) -> None:
        watch_id = read.arguments[0]
        assert isinstance(watch_id, int)
        self._replica.watches.remove(self, watch_id)
        self._send([read.serial, codes.OK, self._replica.applied, None])

    def _cut_watches(self) -> None:
        """The client does not read: end its watches, so that memory stays bounded."""
        for watch_id in self._replica.watches.remove_listener(self):
            self.watch_lost(watch_id, codes.COMPACTED, self._replica.applied)

    # ------------------------------------------------------------------ to the client

    def congested(self, is_so: bool) -> None:
        """More than limits.OUTBOX_BYTES_MAX are unsent, or no longer."""
        self._congested = is_so

    def _send(self, message: list[Value]) -> None:
        if self._stage == _CLOSED:
            return
        if not self._dirty:
            self._dirty = True
            self._hall.dirty.append(self)
        self._outbox.append(message)

    def data_to_send(self) -> bytes:
        """Return the frames that hold everything gathered since the last call."""
        messages = self._outbox
        self._outbox = []
        self._unsent_bytes = 0
        self._dirty = False
        if self._packed:
            return self._packed_to_send(messages)
        if not messages:
            return b""
        frame = encode_frame(messages)
        if len(frame) <= limits.FRAME_BYTES_MAX:
            return frame
        return b"".join(encode_frame([message]) for message in messages)

    def _packed_to_send(self, messages: list[list[Value] | bytes]) -> bytes:
        self._packed = False
        if len(messages) == 1:
            (message,) = messages
            assert type(message) is bytes
            return self._hall.events.frame(message)
        packed = [each if type(each) is bytes else pack(each) for each in messages]
        frame = frame_of_packed(packed)
        if len(frame) <= limits.FRAME_BYTES_MAX:
            return frame
        return b"".join(frame_of_packed([each]) for each in packed)
