"""World: one seed, one heap of events, one virtual time. Everything simulated lives in it.

Time is virtual and counted in whole microseconds from 0. It stands still while code runs, and
jumps from event to event. Events of one instant run in the order in which they were scheduled.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from tests.sim.verdicts import NoProgress

Micros: TypeAlias = int
"""Microseconds of virtual time: an instant since the start of the run, or a duration."""

Callback: TypeAlias = Callable[[], None]

MS: Final[Micros] = 1_000
SECOND: Final[Micros] = 1_000_000

TRACE_LINES_MAX: Final = 4_000
"""What a failed run prints at most; the end of a run explains its failure."""


EVENTS_PER_INSTANT_MAX: Final = 20_000
"""More of them without any time passing is a program that spins."""


class Timer:
    """A callback that waits for its instant."""

    __slots__ = ("callback", "when")

    def __init__(self, when: Micros, callback: Callback) -> None:
        self.when = when
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        """Make sure that the callback never runs (again). Harmless when repeated."""
        self.callback = None


class World:
    """What a run is made of; the same seed gives the same run, down to the last event."""

    def __init__(
        self, seed: int, *, trace_lines_max: int = TRACE_LINES_MAX, detailed: bool = False
    ) -> None:
        self.seed = seed
        self.detailed = detailed
        """Whether details are noted too; it changes nothing else."""
        self.now: Micros = 0
        self.events_run = 0
        self._heap: list[tuple[Micros, int, Timer]] = []
        self._scheduled = 0
        self._at_this_instant = 0
        self._trace: deque[str] = deque(maxlen=None if detailed else trace_lines_max)
        self._trace_lines = 0
        self._details = 0
        self._trace_hash = hashlib.blake2b(digest_size=16)
        self._streams: set[str] = set()

    def stream(self, name: str) -> random.Random:
        """Return the random numbers of the consumer `name`, who alone draws from them.

        They depend on the seed and the name only, so a new consumer disturbs no other.
        """
        assert name not in self._streams, f"two consumers would share the stream {name}"
        self._streams.add(name)
        return random.Random(f"{self.seed}/{name}")

    def at(self, when: Micros, callback: Callback) -> Timer:
        """Run `callback` at the instant `when`, which must not be past."""
        assert when >= self.now, f"{when} is past, it is {self.now}"
        timer = Timer(when, callback)
        self._scheduled += 1
        heapq.heappush(self._heap, (when, self._scheduled, timer))
        return timer

    def after(self, delay: Micros, callback: Callback) -> Timer:
        """Run `callback` when `delay` has passed; 0 means later in this instant."""
        return self.at(self.now + delay, callback)

    def run_for(self, duration: Micros) -> None:
        """Let `duration` pass."""
        self.run_until_time(self.now + duration)

    def run_until_time(self, when: Micros) -> None:
        """Let time pass up to and including the instant `when`."""
        while self._heap and self._heap[0][0] <= when:
            self._run_next()
        self.now = max(self.now, when)

    def run_until(self, condition: Callable[[], bool], *, within: Micros, what: str) -> None:
        """Let time pass until `condition` holds, which is asked after every event.

        Raises:
            NoProgress: it does not hold after `within`; `what` says what was waited for.

        """
        deadline = self.now + within
        while not condition():
            if not self._heap or self._heap[0][0] > deadline:
                self.now = deadline
                raise NoProgress(f"after {within // MS} ms there is still no {what}")
            self._run_next()

    def run_until_idle(self, *, within: Micros) -> None:
        """Run until nothing is scheduled.

        Raises:
            NoProgress: there is still something after `within`.

        """
        self.run_until(lambda: not self._pending(), within=within, what="end of activity")

    def trace(self, source: str, text: str) -> None:
        """Note that something happened; the latest notes are kept for a failure."""
        line = f"{self.now / MS:12.3f} ms  {source:<12} {text}"
        self._trace_lines += 1
        self._trace_hash.update(line.encode())
        self._trace.append(line)

    def detail(self, text: str) -> None:
        """Note what is too frequent for every run; call only if `detailed`."""
        self._details += 1
        self._trace.append(f"{self.now / MS:12.3f} ms  {text}")

    def trace_text(self) -> str:
        """Return the notes of the run, oldest first, saying how many were dropped."""
        dropped = self._trace_lines + self._details - len(self._trace)
        head = [f"seed {self.seed}; {dropped} earlier lines dropped"] if dropped else []
        return "\n".join([*head, *self._trace])

    def trace_hash(self) -> str:
        """Return a digest of all notes and the count of events: equal runs have equal ones."""
        head = f"{self.now} {self.events_run} {self._trace_lines} "
        return hashlib.blake2b(
            head.encode() + self._trace_hash.digest(), digest_size=16
        ).hexdigest()

    def _pending(self) -> bool:
        while self._heap and self._heap[0][2].callback is None:
            heapq.heappop(self._heap)
        return bool(self._heap)

    def _run_next(self) -> None:
        when, _, timer = heapq.heappop(self._heap)
        callback = timer.callback
        if callback is None:
            return
        assert when >= self.now
        self._at_this_instant = self._at_this_instant + 1 if when == self.now else 0
        if self._at_this_instant > EVENTS_PER_INSTANT_MAX:
            raise NoProgress(f"{EVENTS_PER_INSTANT_MAX} events and no time has passed")
        self.now = when
        self.events_run += 1
        timer.callback = None
        callback()


class Process:
    """What runs and dies together: the events of one simulated server or client.

    While paused (as by SIGSTOP, or a long garbage collection) its events wait and then run in
    their order at the instant of the resumption. When killed, they never run.
    """

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.alive = True
        self.paused = False
        self._held: deque[Callback] = deque()

    def after(self, delay: Micros, callback: Callback) -> Timer:
        """Run `callback` when `delay` has passed, if the process then lives and runs."""
        timer: Timer

        def due() -> None:
            # The timer stays cancellable while its callback is held back by a pause.
            timer.callback = callback
            self.call(lambda: _run_once(timer))

        timer = self.world.after(delay, due)
        return timer

    def call(self, callback: Callback) -> None:
        """Run `callback` now; after the pause if there is one; never if killed."""
        if not self.alive:
            return
        if self.paused:
            self._held.append(callback)
            return
        callback()

    def pause(self) -> None:
        """Stop running. Time goes on without the process."""
        self.paused = True

    def resume(self) -> None:
        """Run again, beginning with what was held back."""
        self.paused = False
        while self._held and self.alive and not self.paused:
            self._held.popleft()()

    def kill(self) -> None:
        """End for ever. A restarted server is another Process."""
        self.alive = False
        self._held.clear()


def _run_once(timer: Timer) -> None:
    callback, timer.callback = timer.callback, None
    if callback is not None:
        callback()
