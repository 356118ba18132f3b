"""Requests from the asking to the answer: serials, the window, retries, deadlines.

Every request keeps its serial for life. After a connection has ended, everything that is still
open is sent again in the order of the serials, and the cluster recognises what it has done.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from coordsvc_client.wire import codes, ops
from coordsvc_client.wire.framing import FRAME_BYTES_MAX, head_of, pack

NEVER: Final = 1 << 62
"""A deadline that does not come."""
WINDOW: Final = 1024
"""Requests on the wire at once; half of what a server takes from one connection."""
BACKLOG_MAX: Final = 100_000
"""Requests without an answer, sent or not; no more should be asked."""
TIDY_SLACK: Final = 256
"""Requests given up that are not worth a clean-up."""
RETRY_MS_MIN: Final = 20
RETRY_MS_MAX: Final = 500
MUTATION: Final = -1
"""Stands where a read has its consistency."""

Done: TypeAlias = Callable[[int, int, object], None]
"""Called once with code, revision and value. With a code other than 0 the value is a text."""


def ignore(_code: int, _revision: int, _value: object) -> None:
    """Hear an answer that changes nothing."""


class Request:
    """One request on its way to its answer."""

    __slots__ = (
        "args",
        "bound",
        "consistency",
        "deadline",
        "done",
        "in_flight",
        "maybe",
        "op",
        "open",
        "refusals",
        "sends",
        "sent_at",
        "serial",
    )

    def __init__(
        self, serial: int, op: int, args: tuple[object, ...], done: Done, consistency: int
    ) -> None:
        self.serial: int = serial
        self.op: int = op
        self.args: tuple[object, ...] = args
        self.done: Done = done
        self.consistency: int = consistency
        self.deadline: int = NEVER
        self.bound: bool = False
        """It is about this connection and is not carried over to the next."""
        self.open: bool = True
        """Neither answered nor given up."""
        self.in_flight: bool = False
        self.maybe: bool = False
        """An earlier copy may have taken effect, although its answer never came."""
        self.sends: int = 0
        self.sent_at: int = -1
        self.refusals: int = 0


class RequestQueue:
    """All requests without an answer, sent or not."""

    __slots__ = (
        "_delayed",
        "_mutations",
        "_next_sweep",
        "_serial",
        "due",
        "in_flight",
        "open",
        "unsent",
    )

    def __init__(self) -> None:
        self.in_flight: int = 0
        """Requests on the wire."""
        self._serial = 0
        self.open: dict[int, Request] = {}
        """Those without an answer, by serial."""
        self.unsent: deque[Request] = deque()
        """Those that `fill` may take, and some that are closed."""
        self._delayed: list[tuple[int, int, Request]] = []
        self._mutations: deque[Request] = deque()
        self._next_sweep = NEVER
        self.due: int = NEVER
        """When to call `wake` at the latest."""

    def read(
        self,
        op: int,
        args: tuple[object, ...],
        done: Done,
        *,
        consistency: int = ops.LINEARIZABLE,
        deadline: int = NEVER,
    ) -> Request:
        """Ask; `done` is called with the answer, or with TIMED_OUT at the deadline."""
        return self.ask(op, args, done, consistency, deadline)

    def mutate(
        self, op: int, args: tuple[object, ...], done: Done, *, deadline: int = NEVER
    ) -> Request:
        """Change something, at most once however often it has to be sent.

        At the deadline `done` gets TIMED_OUT if nothing happened, OUTCOME_UNKNOWN if it may have.
        """
        return self.ask(op, args, done, MUTATION, deadline)

    def ask(
        self, op: int, args: tuple[object, ...], done: Done, consistency: int, deadline: int
    ) -> Request:
        """Do as `read` does, or with the consistency MUTATION as `mutate` does."""
        self._serial = serial = self._serial + 1
        self.open[serial] = request = Request(serial, op, args, done, consistency)
        self.unsent.append(request)
        if consistency == MUTATION:
            self._mutations.append(request)
        request.deadline = deadline
        if deadline < self._next_sweep:
            self._next_sweep = deadline
            self.due = min(self.due, deadline)
        return request

    @property
    def is_full(self) -> bool:
        """Tell whether so much is without an answer that no more should be asked."""
        return len(self.open) >= BACKLOG_MAX

    def withdraw(self, request: Request) -> None:
        """Take a request back if no server has it; otherwise its answer is awaited all the same."""
        if request.open and not (request.in_flight or request.maybe):
            self.close(request)
            self._tidy()

    def close(self, request: Request) -> None:
        """Take a request out of everything that waits."""
        del self.open[request.serial]
        request.open = False
        if request.in_flight:
            request.in_flight = False
            self.in_flight -= 1
        mutations = self._mutations
        while mutations and not mutations[0].open:
            mutations.popleft()

    def _tidy(self) -> None:
        """Forget what was given up before it was sent: without a server nothing else would."""
        kept = len(self.unsent) + len(self._mutations)
        if kept > 4 * len(self.open) + TIDY_SLACK:
            self.unsent = deque(request for request in self.unsent if request.open)
            self._mutations = deque(request for request in self._mutations if request.open)

    def put_first(self) -> None:
        """Send the request asked last before all others."""
        self.unsent.rotate(1)

    def fill(self, out: list[bytes], revision: int, now: int) -> None:
        """Append to `out` what the window allows to send at `now`.

        Reads that must not go back in time ask for `revision` at least.
        """
        unsent = self.unsent
        room = WINDOW - self.in_flight
        floor = 0  # the same for all that leave together
        # A ping may exceed the window: it finds out why that does not move.
        while unsent and (room > 0 or unsent[0].op == ops.PING):
            request = unsent.popleft()
            if not request.open:
                continue
            try:
                if request.consistency == MUTATION:
                    floor = floor or self._floor()
                    body: bytes = pack((request.op, request.serial, floor, *request.args))
                else:
                    level = request.consistency
                    least = 0 if level == ops.STALE else revision
                    body = pack((request.op, request.serial, level, least, *request.args))
            except (TypeError, ValueError, OverflowError) as error:
                self._refuse(request, codes.BAD_ARGUMENTS, f"no argument of that kind: {error}")
                continue
            if len(body) > FRAME_BYTES_MAX:
                self._refuse(request, codes.TOO_LARGE, f"a request of {len(body)} bytes")
                continue
            request.in_flight = True
            if request.sends == 0 or request.consistency != MUTATION:
                # The answer to a copy of a mutation may be that of the first one, and proves no
                # more than that this session lived when the first one came.
                request.sent_at = now
            request.sends += 1
            self.in_flight += 1
            room -= 1
            out.append(head_of(len(body)) + body)

    def _refuse(self, request: Request, code: int, text: str) -> None:
        """End a request that no server could take."""
        self.close(request)
        request.done(code, 0, text)

    def _floor(self) -> int:
        """Return the lowest serial of a mutation that has no answer yet."""
        return self._mutations[0].serial

    def retry(self, request: Request, code: int, now: int) -> None:
        """Send a refused request again a little later, and later with each refusal."""
        assert request.in_flight
        request.in_flight = False
        self.in_flight -= 1
        request.maybe = request.maybe or code in codes.MAYBE
        request.refusals += 1
        wait_ms = min(RETRY_MS_MIN << min(request.refusals, 10), RETRY_MS_MAX)
        heapq.heappush(self._delayed, (now + wait_ms, request.serial, request))
        self.due = min(self.due, now + wait_ms)

    def refused(self) -> None:
        """Note that nothing of what is on the wire was or will be done."""
        for request in self.open.values():
            request.in_flight = False
        self.in_flight = 0

    def requeue(self) -> None:
        """Line everything open up again after the connection; what was on the wire is in doubt."""
        self._delayed.clear()
        self.due = self._next_sweep
        for request in list(self.open.values()):
            if request.bound:
                self.close(request)
            elif request.in_flight:
                request.in_flight = False
                request.maybe = True
            request.refusals = 0
        self.in_flight = 0
        self.unsent = deque(self.open.values())

    def fail_mutations(self, text: str) -> None:
        """End every open mutation: the session that made them is gone."""
        for request in list(self.open.values()):
            if request.consistency == MUTATION:
                unknown = request.maybe or request.in_flight
                self.close(request)
                request.done(codes.OUTCOME_UNKNOWN if unknown else codes.SESSION_EXPIRED, 0, text)

    def fail_all(self, code: int, text: str) -> None:
        """End every open request: nobody will connect again.

        An error in a callback is raised when all have been called.
        """
        self.requeue()
        failed: Exception | None = None
        for request in list(self.open.values()):
            self.close(request)
            unknown = request.consistency == MUTATION and request.maybe
            try:
                request.done(codes.OUTCOME_UNKNOWN if unknown else code, 0, text)
            except Exception as error:  # noqa: BLE001 - the user's own; all others must hear too
                failed = failed or error
        if failed is not None:
            raise failed

    def wake(self, now: int) -> None:
        """Line up what is to be tried again; give up what is past its deadline."""
        while self._delayed and self._delayed[0][0] <= now:
            self.unsent.append(heapq.heappop(self._delayed)[2])
        if now >= self._next_sweep:
            self._sweep(now)
        self.due = min(self._next_sweep, self._delayed[0][0] if self._delayed else NEVER)

    def _sweep(self, now: int) -> None:
        for request in [r for r in self.open.values() if r.deadline <= now]:
            unknown = request.consistency == MUTATION and (request.maybe or request.in_flight)
            self.close(request)
            request.done(codes.OUTCOME_UNKNOWN if unknown else codes.TIMED_OUT, 0, None)
        self._tidy()
        self._next_sweep = min((r.deadline for r in self.open.values()), default=NEVER)
