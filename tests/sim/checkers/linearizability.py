"""Is there one order of the operations that explains every answer and respects real time?

The search is Wing and Gong's ("Testing and verifying concurrent objects", 1993) with Lowe's
memory of states already tried ("Testing for linearizability", 2017). A history is first divided
into parts that do not touch one another. An operation with an unknown outcome may be put
anywhere after its invocation, or nowhere; three rules keep these from exploding the search:
they are tried last, only where they change the state, and of several equal ones the oldest first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from tests.sim.history import Operation, Outcome
from tests.sim.verdicts import WrongResult

State = TypeVar("State")

STEPS_MAX: Final = 300_000
"""States looked at before a part of a history is given up as undecided: some seconds."""


class Verdict(Enum):
    """What a search found."""

    LINEARIZABLE = "linearizable"
    NOT_LINEARIZABLE = "not linearizable"
    UNDECIDED = "undecided"


class Model(Protocol[State]):
    """What the service would do if it were one thing that does one thing at a time."""

    def initial(self) -> State:
        """Return the state before the first operation. States are hashable values."""

    def step(self, state: State, operation: Operation) -> State | None:
        """Return the state after `operation`, or None if its answer could not come from here.

        The answer of an operation with an unknown outcome is open; it always gives a state.
        """


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one history; for a bad one, the operations no order can explain."""

    verdict: Verdict
    stuck: tuple[Operation, ...] = ()
    explained: int = 0
    steps: int = 0

    def demand(self) -> None:
        """Accept anything but a proven mistake.

        Raises:
            WrongResult: the history is not linearizable.

        """
        if self.verdict is Verdict.NOT_LINEARIZABLE:
            lines = "\n  ".join(str(operation) for operation in self.stuck)
            raise WrongResult(
                f"not linearizable: after {self.explained} operations none of these can be next\n"
                f"  {lines}"
            )


class _Place(NamedTuple):
    """How far an order has got. All completed operations before `base` are in it; `ahead` has
    bit n set if base + n is in it too; `guesses` has bit n set if unknown operation n is."""

    base: int
    ahead: int
    guesses: int


@dataclass(slots=True)
class _Frame(Generic[State]):
    place: _Place
    successors: Iterator[tuple[_Place, State]]


class _Search(Generic[State]):
    """The search through one part of a history."""

    def __init__(self, operations: Sequence[Operation], model: Model[State]) -> None:
        self._model = model
        self._sure = [o for o in operations if o.outcome is Outcome.DECIDED]
        self._guesses = [o for o in operations if o.outcome is Outcome.UNKNOWN]
        self._twins_before = _twins_before(self._guesses)
        self._deepest = _Place(0, 0, 0)
        self._depth_max = -1
        self._steps = 0

    def run(self, steps_max: int) -> Finding:
        """Look for an order, depth first."""
        state = self._model.initial()
        place = _Place(0, 0, 0)
        seen: set[tuple[_Place, State]] = set()
        stack = [_Frame(place, self._successors(place, state))]
        while stack:
            frame = stack[-1]
            if frame.place.base == len(self._sure):
                return Finding(Verdict.LINEARIZABLE, steps=self._steps)
            step = next(frame.successors, None)
            if step is None:
                stack.pop()
                continue
            if step in seen:
                continue
            seen.add(step)
            self._steps += 1
            if self._steps > steps_max:
                return Finding(Verdict.UNDECIDED, steps=self._steps)
            stack.append(_Frame(step[0], self._successors(*step)))
        return self._refusal()

    def _successors(self, place: _Place, state: State) -> Iterator[tuple[_Place, State]]:
        """Yield every way to go on by one operation, the likeliest first."""
        depth = place.base + place.ahead.bit_count()
        if depth > self._depth_max:
            self._depth_max, self._deepest = depth, place
        candidates, returns_first = self._candidates(place)
        candidates.sort(key=self._likelihood)
        changing: list[tuple[_Place, State]] = []
        for at in candidates:
            after = self._model.step(state, self._sure[at])
            if after == state:
                # What changes nothing and fits here may as well be here: no other order of it
                # explains more.
                yield _with(place, at), after
                return
            if after is not None:
                changing.append((_with(place, at), after))
        yield from changing
        for number, guess in enumerate(self._guesses):
            if guess.invoked > returns_first:
                break
            bit = 1 << number
            if place.guesses & bit or self._twins_before[number] & ~place.guesses:
                continue
            after = self._model.step(state, guess)
            if after is not None and after != state:
                yield _Place(place.base, place.ahead, place.guesses | bit), after

    def _likelihood(self, at: int) -> tuple[int, int]:
        """Order by what the service says, which is only a hint, and then by the return."""
        operation = self._sure[at]
        return operation.revision, operation.completed

    def _candidates(self, place: _Place) -> tuple[list[int], int]:
        """Return the completed operations that may be next: those invoked before any other that
        is still to be placed returned. With it, the place of that first return."""
        sure = self._sure
        waiting: list[int] = []
        returns_first = 2**63
        at, ahead = place.base, place.ahead
        while at < len(sure) and sure[at].invoked < returns_first:
            if not ahead & 1:
                waiting.append(at)
                returns_first = min(returns_first, sure[at].completed)
            at += 1
            ahead >>= 1
        return [at for at in waiting if sure[at].invoked < returns_first], returns_first

    def _refusal(self) -> Finding:
        candidates, _ = self._candidates(self._deepest)
        stuck = tuple(self._sure[at] for at in candidates)
        return Finding(Verdict.NOT_LINEARIZABLE, stuck, self._depth_max, self._steps)


def _with(place: _Place, at: int) -> _Place:
    base, ahead = place.base, place.ahead | 1 << (at - place.base)
    while ahead & 1:
        base += 1
        ahead >>= 1
    return _Place(base, ahead, place.guesses)


def _twins_before(guesses: Sequence[Operation]) -> list[int]:
    """Return, for each unknown operation, the mask of the equal one before it: the two have the
    same effect, so the younger needs to be tried only after the older."""
    latest: dict[str, int] = {}
    masks: list[int] = []
    for number, guess in enumerate(guesses):
        what = repr((guess.op, guess.args))
        masks.append(1 << latest[what] if what in latest else 0)
        latest[what] = number
    return masks


def check(
    operations: Iterable[Operation], model: Model[State], *, steps_max: int = STEPS_MAX
) -> Finding:
    """Search for an order of `operations`, all of which concern one model."""
    ordered = sorted(operations, key=lambda operation: operation.invoked)
    return _Search(ordered, model).run(steps_max)


def check_parts(
    operations: Iterable[Operation],
    *,
    keys_of: Callable[[Operation], Sequence[str]],
    model_of: Callable[[tuple[str, ...]], Model[State]],
    steps_max: int = STEPS_MAX,
) -> Finding:
    """Divide the operations by the keys they touch, and check each part alone.

    Keys that one operation touches together are in one part. A wrong part makes the whole
    wrong; else an undecided part leaves it undecided.
    """
    worst = Finding(Verdict.LINEARIZABLE)
    for keys, part in divide(operations, keys_of):
        finding = check(part, model_of(keys), steps_max=steps_max)
        if finding.verdict is Verdict.NOT_LINEARIZABLE:
            return finding
        if finding.verdict is Verdict.UNDECIDED:
            worst = finding
    return worst


def divide(
    operations: Iterable[Operation], keys_of: Callable[[Operation], Sequence[str]]
) -> list[tuple[tuple[str, ...], list[Operation]]]:
    """Return the parts of a history that do not touch one another, with their sorted keys."""
    listed = list(operations)
    parent: dict[str, str] = {}

    def top(key: str) -> str:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = key = parent[parent[key]]
        return key

    for operation in listed:
        keys = keys_of(operation)
        for key in keys:
            parent[top(key)] = top(keys[0])
    members: dict[str, list[str]] = {}
    for key in sorted(parent):
        members.setdefault(top(key), []).append(key)
    parts: dict[str, list[Operation]] = {}
    for operation in listed:
        parts.setdefault(top(keys_of(operation)[0]), []).append(operation)
    return [(tuple(members[name]), part) for name, part in parts.items()]
