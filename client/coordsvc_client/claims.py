"""One claim on a lock: asked, waiting, held, gone."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final, TypeAlias

from coordsvc_client.requests import Done, Request, RequestQueue, ignore
from coordsvc_client.wire import codes, ops

TRY_AGAIN: Final = frozenset(
    {
        codes.SESSION_EXPIRED,
        codes.OUTCOME_UNKNOWN,
        codes.NO_LOCK_REQUEST,
        codes.SUPERSEDED,
    }
)
"""A claim that ended so while waiting is gone for certain: another one is made."""
EARLY_EVENTS_MAX: Final = 10_000
"""Lock events kept that came before the reply that names their claim."""


class ClaimState(Enum):
    """Where a claim is in its life. It never goes back, and GONE is for ever."""

    ASKED = "asked"
    """The request to acquire has no answer yet."""
    WAITING = "waiting"
    HELD = "held"
    GONE = "gone"


class Claim:
    """What the client knows of its claim on the lock at `path`.

    `changed` is called after each change of `state`. A claim that is `abandoned` by its caller
    tells nobody anything more: the conversation sees to it that the server forgets it too.
    """

    __slots__ = ("abandoned", "changed", "code", "path", "position", "request", "state", "token")

    def __init__(self, path: str, changed: ClaimListener) -> None:
        self.path: str = path
        self.changed: ClaimListener = changed
        self.state: ClaimState = ClaimState.ASKED
        self.request: int = 0
        """The revision of the acquire, which names the claim; 0 while it is not known."""
        self.token: int = 0
        """The fencing token; 0 while the lock is not held."""
        self.position: int = 0
        """How many were before it in the queue when it was asked."""
        self.code: int = codes.OK
        """Why the claim is gone: a result code."""
        self.abandoned: bool = False

    def wait(self) -> None:
        """Note that the claim is queued."""
        self._move(ClaimState.WAITING)

    def grant(self, token: int) -> None:
        """Note that the lock is held, with this fencing token."""
        assert token > 0, "every grant has a token"
        self.token = token
        self._move(ClaimState.HELD)

    def end(self, code: int) -> None:
        """Note that the claim is no more, and why."""
        self.code = code
        self._move(ClaimState.GONE)

    def _move(self, state: ClaimState) -> None:
        if self.state in (state, ClaimState.GONE):
            return
        assert not (state is ClaimState.WAITING and self.state is ClaimState.HELD)
        self.state = state
        if not self.abandoned:
            self.changed(self)


ClaimListener: TypeAlias = Callable[[Claim], None]


class ClaimTable:
    """The claims of one session."""

    def __init__(self, requests: RequestQueue) -> None:
        self._requests = requests
        self._claims: dict[tuple[str, int], Claim] = {}
        self._asking: dict[Claim, Request] = {}
        self._early: dict[tuple[str, int], tuple[int, int]] = {}

    def begin(self) -> None:
        """Ask after every claim: events may have been lost with the last connection."""
        for claim in self._claims.values():
            self._ask(claim)

    def end(self) -> None:
        """Forget what came early: the connection is gone."""
        self._early.clear()

    def lose_session(self) -> None:
        """Take every claim as gone with its session."""
        claims = list(self._claims.values())
        self._claims.clear()
        for claim in claims:
            claim.end(codes.SESSION_EXPIRED)

    def lose_lease(self) -> None:
        """Take every lock as lost, and release it in case the session turns out to be alive."""
        for claim in list(self._claims.values()):
            if claim.state is ClaimState.HELD:
                claim.end(codes.SESSION_EXPIRED)
                self.release(claim, ignore)

    def acquire(
        self,
        path: str,
        changed: ClaimListener,
        *,
        shared: bool,
        wait: bool,
        delay_ms: int,
        note: str,
    ) -> Claim:
        """Claim a lock. The claim tells `changed` of its fate until it is released or abandoned."""

        def acquired(code: int, _revision: int, value: object) -> None:
            del self._asking[claim]
            self._receive_acquired(claim, code, value, verify=request.sends > 1)
            if not self._asking:
                self._early.clear()

        claim = Claim(path, changed)
        request = self._requests.mutate(ops.ACQUIRE, (path, shared, wait, delay_ms, note), acquired)
        self._asking[claim] = request
        return claim

    def release(self, claim: Claim, done: Done) -> None:
        """Give up a claim that waits or holds; `done` hears when the server has forgotten it."""
        assert claim.request > 0, "a claim without an answer can only be abandoned"
        claim.abandoned = True
        claim.end(codes.OK)
        self._claims.pop((claim.path, claim.request), None)
        self._requests.mutate(ops.RELEASE, (claim.path, claim.request), done)

    def abandon(self, claim: Claim) -> None:
        """Give up a claim in any state, now or as soon as its answer is there."""
        claim.abandoned = True
        if claim.state in (ClaimState.WAITING, ClaimState.HELD):
            self.release(claim, ignore)
        elif claim in self._asking:
            self._requests.withdraw(self._asking[claim])
            if not self._asking[claim].open:
                del self._asking[claim]

    def _receive_acquired(self, claim: Claim, code: int, value: object, *, verify: bool) -> None:
        match value:
            case [int(state), int(request), int(token), int(position), *_] if code == codes.OK:
                claim.request, claim.position = request, position
            case _:
                claim.end(code or codes.BAD_FRAME)
                return
        if claim.abandoned:
            self.release(claim, ignore)
            return
        key = (claim.path, request)
        self._claims[key] = claim
        state, token = self._early.pop(key, (state, token))
        if verify:
            self._ask(claim)  # the answer may be a remembered one, older than the events
        else:
            self._settle(claim, state, token)

    def _settle(self, claim: Claim, state: int, token: int) -> None:
        """Take over what the server says of a claim."""
        if state == ops.HELD:
            claim.grant(token)
        elif state == ops.WAITING:
            claim.wait()
        else:
            self._claims.pop((claim.path, claim.request), None)
            claim.end(codes.NO_LOCK_REQUEST)

    def receive_event(self, key: tuple[str, int], state: int, token: int, *, proved: bool) -> None:
        """Take over a change that the server tells; `proved`: the lease holds now."""
        claim = self._claims.get(key)
        if claim is None:
            if self._asking and len(self._early) < EARLY_EVENTS_MAX:
                self._early[key] = (state, token)
        elif state == ops.HELD and not proved:
            self._ask(claim)  # its answer proves the lease, without which nothing is held
        else:
            self._settle(claim, state, token)

    def _ask(self, claim: Claim) -> None:
        """Ask what became of a claim."""

        def answered(code: int, _revision: int, value: object) -> None:
            if claim.state is ClaimState.GONE:
                return
            match value:
                case [int(state), int(), int(token), *_] if code == codes.OK:
                    self._settle(claim, state, token)
                case _:
                    self._settle(claim, ops.GONE, 0)

        self._requests.read(ops.LOCK_STATE, (claim.path, claim.request), answered).bound = True
