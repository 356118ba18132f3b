"""A blocking connection for short-lived programs, such as command-line tools.

Everything happens in `turn`: dialing, sending, receiving, keeping the session alive, finding a
way around a server that has fallen silent. A caller that waits for something else as well, such
as a child process, hands its descriptors to `turn`. Not for use by several threads.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self

from coordsvc_client.claims import TRY_AGAIN, Claim, ClaimState
from coordsvc_client.conversation import Conversation, State
from coordsvc_client.detour import Detour
from coordsvc_client.dialing import PAUSE_MS_MAX, Dialer
from coordsvc_client.silence import SILENCE_MS
from coordsvc_client.watching import Watch
from coordsvc_client.wire import codes, ops

NEVER: Final = 1 << 62
RECEIVE_BYTES: Final = 256 * 1024
PATIENCE_MS: Final = 1_000
"""How long to knock while no server at all takes a connection."""
FAREWELL_MS: Final = 250
"""How long a session's end may take; if it takes longer, the session times out by itself."""
ANSWER_MS: Final = 5_000
"""How long a claim may take to be answered at all: granted, queued or refused."""
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock_ms() -> int:
    """Return milliseconds of a clock that also runs while the machine sleeps, if it has one."""
    return time.clock_gettime_ns(_CLOCK) // 1_000_000


class BlockingError(Exception):
    """The root of what a blocking connection raises."""


class CallFailed(BlockingError):
    """A request was answered with a code other than 0, or not in time."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text or codes.NAMES.get(code, f"code {code}").replace("_", " "))
        self.code = code
        self.text = text


class Unreachable(BlockingError):
    """No server could serve us in time; the text says why the last one could not."""


class Answer(NamedTuple):
    """What a request was answered."""

    revision: int
    value: object


class Change(NamedTuple):
    """One event of a watch."""

    kind: int
    path: str
    revision: int
    stat: list[int] | None
    data: bytes | None


def _ignore_claim(_claim: Claim) -> None:
    """Hear of a change that the caller looks for by itself."""


class Connection:
    """A client of a cluster, made for programs that do one thing after another."""

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        with_session: bool = True,
        timeout_ms: int = 10_000,
        name: str = "",
        pause_ms_max: int = PAUSE_MS_MAX,
        silence_ms: int = SILENCE_MS,
    ) -> None:
        self.conversation = Conversation(
            make_password=lambda: os.urandom(16),
            timeout_ms=timeout_ms,
            client_name=name,
            with_session=with_session,
            silence_ms=silence_ms,
        )
        self._endpoints = list(endpoints)
        self._detour: Detour | None = None
        self._dialer = Dialer(endpoints, pause_ms_max=pause_ms_max)
        self._socket: socket.socket | None = None
        self._endpoint = ""  # of the socket
        self._began = clock_ms()
        self._touched = False  # a server has taken a connection
        self._served = False  # a server has welcomed us
        self._fault = ""
        self._outgoing = bytearray()

    def __enter__(self) -> Self:
        """Return itself; nothing is connected before it is needed."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the session."""
        self.close()

    # One thing after another.

    def call(
        self,
        op: int,
        *args: object,
        timeout_s: float,
        consistency: int = ops.LINEARIZABLE,
    ) -> Answer:
        """Ask or change something and return the answer.

        Raises:
            CallFailed: the answer was no, or there was none in time.
            Unreachable: there was nobody to ask.

        """
        answers: list[tuple[int, int, object]] = []
        until = clock_ms() + round(timeout_s * 1000)

        def done(code: int, revision: int, value: object) -> None:
            answers.append((code, revision, value))

        if op in ops.MUTATIONS:
            self.conversation.requests.mutate(op, args, done, deadline=until)
        else:
            self.conversation.requests.read(op, args, done, consistency=consistency, deadline=until)
        while not answers:
            self.turn(until)
            self._give_up_if_hopeless()
        code, revision, value = answers[0]
        if code == codes.OK:
            return Answer(revision, value)
        if not self._served and code == codes.TIMED_OUT:
            raise Unreachable(self._why())
        raise CallFailed(code, value if isinstance(value, str) else "")

    def open(self, *, timeout_s: float) -> None:
        """Return when a server has welcomed us, and so the session is open.

        Raises:
            Unreachable: none did in time.

        """
        until = clock_ms() + round(timeout_s * 1000)
        while not self._served:
            if clock_ms() >= until:
                raise Unreachable(self._why())
            self.turn(until)
            self._give_up_if_hopeless()

    def watch(
        self, path: str, *, mode: int, since: int = 0, with_data: bool = True
    ) -> Iterator[Change]:
        """Yield what changes, without an end and without a gap, across connections.

        Raises:
            CallFailed: the watch cannot go on.
            Unreachable: there was nobody to watch with.

        """
        changes: deque[Change] = deque()
        failures: list[CallFailed] = []
        self.conversation.watches.add(
            Watch(
                path,
                mode=mode,
                since=since,
                with_data=with_data,
                deliver=lambda *change: changes.append(Change(*change)),
                fail=lambda code, text: failures.append(CallFailed(code, text)),
            )
        )
        while True:
            while changes:
                yield changes.popleft()
            if failures:
                raise failures[0]
            self.turn(NEVER)
            self._give_up_if_hopeless()

    def acquire(
        self,
        path: str,
        *,
        timeout_s: float | None,
        shared: bool = False,
        note: str = "",
        delay_ms: int = 0,
    ) -> Claim:
        """Claim a lock and return the claim, which is HELD; also beyond the end of a session.

        With a `timeout_s` of 0 it is not queued for; with None it is waited for without an end.
        The caller has to go on calling `turn` and to look at the claim after each: it is GONE
        as soon as the lock may no longer be ours.

        Raises:
            CallFailed: LOCKED, it was not free in time; or the claim was refused for good.
            Unreachable: there was nobody to ask.

        """
        until = NEVER if timeout_s is None else clock_ms() + round(timeout_s * 1000)
        # An answer takes its time even if nobody has to wait for the lock.
        answer_until = max(until, clock_ms() + ANSWER_MS)
        claims = self.conversation.claims
        while True:
            claim = claims.acquire(
                *(path, _ignore_claim),
                shared=shared,
                wait=timeout_s != 0,
                delay_ms=delay_ms,
                note=note,
            )
            self._until_settled(claim, until, answer_until)
            if claim.state is ClaimState.HELD:
                return claim
            if claim.token or claim.code not in TRY_AGAIN:  # a token: it was held, and lost at once
                raise CallFailed(claim.code, "")

    def _until_settled(self, claim: Claim, until: int, answer_until: int) -> None:
        """Return when a claim is HELD or GONE."""
        while claim.state in (ClaimState.ASKED, ClaimState.WAITING):
            give_up = answer_until if claim.state is ClaimState.ASKED else until
            if clock_ms() >= give_up:
                self.conversation.claims.abandon(claim)
                if not self._served:
                    raise Unreachable(self._why())
                raise CallFailed(codes.LOCKED, "the lock did not become free in time")
            self.turn(give_up)
            self._give_up_if_hopeless()

    def release(self, claim: Claim, *, timeout_s: float) -> None:
        """Give a claim up and wait until the cluster knows.

        If it does not answer in time, the end of the session does the same later.
        """
        if claim.state is not ClaimState.HELD:
            self.conversation.claims.abandon(claim)
            return
        answers: list[int] = []
        until = clock_ms() + round(timeout_s * 1000)
        self.conversation.claims.release(
            claim, lambda code, _revision, _value: answers.append(code)
        )
        while not answers and clock_ms() < until:
            self.turn(until)

    def _why(self) -> str:
        return self._fault or self._dialer.fault or "no answer"

    @property
    def state(self) -> State:
        """Return how far the session can be relied on."""
        return self.conversation.state

    def close(self) -> None:
        """End the session if there is one, waiting a moment for the cluster to know."""
        if self.conversation.session > 0 and self._socket is not None:
            answers: list[int] = []
            until = clock_ms() + FAREWELL_MS
            self.conversation.requests.mutate(
                ops.CLOSE, (), lambda code, _revision, _value: answers.append(code), deadline=until
            )
            while not answers and self._socket is not None:
                self.turn(until)
        self._dialer.close()
        self._end_detour()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # The one place where time passes.

    def turn(self, until: int, also: Sequence[int] = ()) -> list[int]:
        """Send, wait for something to happen but not past `until`, receive.

        Returns those of the descriptors `also` that became readable.
        """
        self._prepare(clock_ms())
        poller = select.poll()
        for descriptor in also:
            poller.register(descriptor, select.POLLIN)
        due = min(until, self.conversation.deadline())
        if self._socket is not None:
            wanted = select.POLLIN | (select.POLLOUT if self._outgoing else 0)
            poller.register(self._socket, wanted)
        search = self._detour if self._socket is not None else self._dialer
        if search is not None:
            due = min(due, search.deadline())
            interest = search.interest()
            if interest is not None:
                poller.register(*interest)
        wait_ms = max(0, due - clock_ms())
        ready = poller.poll(None if due >= NEVER else wait_ms)
        self._receive_if(ready)
        now = clock_ms()
        self.conversation.wake(now)
        self._leave_if_told(now)
        return [descriptor for descriptor, _ in ready if descriptor in also]

    def _prepare(self, now: int) -> None:
        """Be connected if that can be done at once, and hand over what is to be sent."""
        self.conversation.wake(now)
        self._leave_if_told(now)
        if self._socket is None:
            self._socket = self._dialer.advance(now)
            if self._socket is not None:
                self._touched = True
                self._endpoint = self._dialer.endpoint
                self.conversation.begin(now)
        self._go_around(now)
        if self._socket is not None:
            self._outgoing += self.conversation.data_to_send(now)
            self._send(now)

    def _send(self, now: int) -> None:
        assert self._socket is not None
        try:
            while self._outgoing:
                sent = self._socket.send(self._outgoing)
                del self._outgoing[:sent]
        except BlockingIOError:
            pass
        except OSError as error:
            self._disconnect(now, str(error.strerror))

    def _receive_if(self, ready: list[tuple[int, int]]) -> None:
        if self._socket is None or self._socket.fileno() not in [fd for fd, _ in ready]:
            return
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._disconnect(clock_ms(), str(error.strerror))
            return
        now = clock_ms()
        if not data:
            self._disconnect(now, "the server closed the connection")
            return
        self.conversation.receive_data(data, now)
        self._note_welcome()

    def _note_welcome(self) -> None:
        if self.conversation.welcomed:
            self._served = True
            self._dialer.succeeded()

    def _go_around(self, now: int) -> None:
        """While the server is silent, look for another one; go on there once it lets us in."""
        if self._socket is None or not self.conversation.silence.is_silent:
            self._end_detour()
            return
        if self._detour is None:
            known = dict.fromkeys((*self._endpoints, *self.conversation.servers))
            others = [endpoint for endpoint in known if endpoint != self._endpoint]
            if not others:
                return
            self._detour = Detour(self.conversation, others)
        found = self._detour.advance(now)
        if found is not None:
            self._disconnect(now, "the server has fallen silent")
            self._socket, self._endpoint = found.socket, found.endpoint
            self.conversation.begin(now, found.greeting)
            self._note_welcome()

    def _end_detour(self) -> None:
        if self._detour is not None:
            self._detour.close()
            self._detour = None

    def _leave_if_told(self, now: int) -> None:
        farewell = self.conversation.farewell
        if farewell is not None and self._socket is not None:
            self._disconnect(now, farewell.text or codes.NAMES.get(farewell.code, ""))

    def _disconnect(self, now: int, why: str) -> None:
        assert self._socket is not None
        self._fault = why
        self._socket.close()
        self._socket = None
        self._outgoing.clear()
        self._end_detour()
        self.conversation.end(now)
        self._dialer.learn(self.conversation.servers)
        leader = self.conversation.leader_address
        if leader and leader != self._endpoint:  # which is of no use at present
            self._dialer.prefer(leader)

    def _give_up_if_hopeless(self) -> None:
        """Raise Unreachable if no server has so much as taken a connection for a while."""
        if not self._touched and self._dialer.rounds > 1 and clock_ms() > self._began + PATIENCE_MS:
            raise Unreachable(self._dialer.fault)
