"""Locks: shared and exclusive, queues, fencing tokens, lock delay.

A lock exists in the table only while it is held, waited for or closed by a lock delay. Its
tokens are revisions of grants, so they grow from one grant to the next even when the lock was
forgotten in between; for that, one entry grants a lock at most once.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from coordsvc.base import limits
from coordsvc.base.ids import Index, Millis, SessionId
from coordsvc.base.vocabulary import codes, ops
from coordsvc.state.commands import Acquire, Break, Release
from coordsvc.state.events import LockChange
from coordsvc.state.expiry import Deadlines
from coordsvc.state.sessions import Session, SessionTable
from coordsvc.state.sweep import Sweep
from coordsvc.state.turn import Outcome, Turn


class Claim:
    """One request for a lock; its name is the index of the acquire."""

    __slots__ = ("delay_ms", "note", "request", "session", "shared", "since_ms", "token")

    def __init__(  # noqa: PLR0917  # keyword-only, it takes 1,500 instructions more
        self,
        request: Index,
        session: SessionId,
        delay_ms: Millis,
        note: str,
        since_ms: Millis,
        shared: bool,
        token: Index = 0,
    ) -> None:
        self.request = request
        self.session = session
        self.shared = shared
        self.delay_ms = delay_ms
        self.note = note
        self.token = token  # 0 while waiting
        self.since_ms = since_ms  # of the grant; while waiting, of the acquire


NOBODY: Final[OrderedDict[Index, Claim]] = OrderedDict()
"""The queue of every lock for which nobody ever waited: most, and an empty one is not free."""


class Lock:
    """Who holds one lock, and who waits for it.

    Invariants: several holders are all shared; nobody waits who could be granted.
    """

    __slots__ = ("free_at_ms", "holders", "queue")

    def __init__(self) -> None:
        self.holders: dict[Index, Claim] = {}
        self.queue = NOBODY
        """Who waits, in order; `line_up` adds to it."""
        self.free_at_ms: Millis = 0
        """Nothing is granted before this cluster time; 0: no delay."""

    def line_up(self, claim: Claim) -> None:
        """Put `claim` at the end of the queue."""
        if self.queue is NOBODY:
            self.queue = OrderedDict()
        self.queue[claim.request] = claim

    def admits(self, claim: Claim) -> bool:
        """Tell whether `claim` may hold the lock beside its present holders."""
        if not self.holders:
            return True
        return claim.shared and next(iter(self.holders.values())).shared

    def grant(self, claim: Claim, turn: Turn) -> None:
        """Let `claim`, which is admitted, hold the lock; its token is the revision."""
        claim.token = turn.revision
        claim.since_ms = turn.time_ms
        self.holders[claim.request] = claim


class LockTable:
    """All live locks by path."""

    def __init__(self, sessions: SessionTable) -> None:
        self.by_path: dict[str, Lock] = {}
        self.delays = Deadlines()
        self.sweep: Sweep[str, Lock] | None = None
        """Set while a snapshot is being read out."""
        self._sessions = sessions

    def acquire(self, turn: Turn, session: Session, command: Acquire) -> Outcome:
        """Claim a lock on an existing node; the result is [state, request, token, position]."""
        path = command.path
        self._before_change(path)
        lock = self.by_path.get(path)
        if lock is None:
            lock = self.by_path[path] = Lock()
        claim = Claim(
            turn.revision,
            session.id,
            command.delay_ms,
            command.note,
            turn.time_ms,
            command.shared,
        )
        if lock.queue or lock.free_at_ms or not lock.admits(claim):
            lock.line_up(claim)
            self._grant(turn, path, lock, claim)
        else:
            lock.grant(claim, turn)
        if claim.token == 0 and not command.wait:
            del lock.queue[claim.request]
            return codes.LOCKED, None
        if len(lock.queue) > limits.LOCK_QUEUE_MAX:
            del lock.queue[claim.request]
            return codes.TOO_MANY, f"{limits.LOCK_QUEUE_MAX} wait already"
        session.claim(claim.request, path)
        turn.locks_touched.append(path)
        if claim.token:
            return codes.OK, (ops.HELD, claim.request, claim.token, 0)
        return codes.OK, (ops.WAITING, claim.request, 0, len(lock.queue))

    def release(self, turn: Turn, session: Session, command: Release) -> Outcome:
        """Give up a claim; the result tells whether it was held."""
        if session.claims.get(command.request) != command.path:
            return codes.NO_LOCK_REQUEST, None
        session.unclaim(command.request)
        claim = self._remove(command.path, command.request)
        self.settle(turn, command.path)
        return codes.OK, claim.token != 0

    def break_(self, turn: Turn, command: Break) -> Outcome:
        """Take a lock from all its holders and lift its delay; the result is how many lost it."""
        path = command.path
        lock = self.by_path.get(path)
        if lock is None:
            return codes.OK, 0
        self._before_change(path)
        losers = list(lock.holders.values())
        for claim in losers:
            self._dismiss(turn, path, claim)
        lock.holders.clear()
        self._open(path, lock)
        self.settle(turn, path)
        return codes.OK, len(losers)

    def withdraw(self, turn: Turn, session: Session, *, clean: bool) -> list[str]:
        """Remove every claim of a session that ends; return the locks to settle afterwards.

        Unless it ends cleanly, locks it held stay closed for the delay it asked for: its client
        may not know yet and still be writing (Chubby paper, 2.4).
        """
        affected: dict[str, None] = {}
        for request, path in sorted(session.claims.items()):
            claim = self._remove(path, request)
            affected[path] = None
            if claim.token and claim.delay_ms and not clean:
                lock = self.by_path[path]
                lock.free_at_ms = max(lock.free_at_ms, turn.time_ms + claim.delay_ms)
                self.delays.set(path, lock.free_at_ms)
        session.unclaim_all()
        return list(affected)

    def settle(self, turn: Turn, path: str) -> None:
        """Grant to whom it can be granted now; forget the lock if nobody is left."""
        lock = self.by_path.get(path)
        if lock is None:
            return  # its node went with the session that ended
        self._before_change(path)
        self._grant(turn, path, lock, None)
        if not lock.holders and not lock.queue and not lock.free_at_ms:
            del self.by_path[path]
        turn.locks_touched.append(path)

    def destroy(self, turn: Turn, path: str) -> None:
        """Drop a lock whose node goes regardless: nobody holds it or waits for it any more."""
        lock = self.by_path.get(path)
        if lock is None:
            return
        self._before_change(path)
        for claim in (*lock.holders.values(), *lock.queue.values()):
            self._dismiss(turn, path, claim)
        self.delays.drop(path)
        del self.by_path[path]

    def is_valid(self, path: str, token: Index) -> bool:
        """Tell whether `token` holds the lock at `path` now."""
        lock = self.by_path.get(path)
        if lock is None or token == 0:
            return False
        return any(claim.token == token for claim in lock.holders.values())

    def load(self, path: str, lock: Lock) -> None:
        """Take over a lock of a snapshot; its sessions must be there already."""
        self.by_path[path] = lock
        if lock.free_at_ms:
            self.delays.set(path, lock.free_at_ms)
        for claim in (*lock.holders.values(), *lock.queue.values()):
            self._sessions.by_id[claim.session].claim(claim.request, path)

    def _grant(self, turn: Turn, path: str, lock: Lock, own: Claim | None) -> None:
        """Move what can be granted from the queue to the holders, in order.

        Whoever is granted the lock hears of it, except for `own`, whose acquire is answered.
        """
        if lock.free_at_ms:
            if lock.free_at_ms > turn.time_ms:
                return
            self._open(path, lock)
        while lock.queue:
            claim = next(iter(lock.queue.values()))
            if not lock.admits(claim):
                return
            lock.queue.popitem(last=False)
            lock.grant(claim, turn)
            if claim is not own:
                turn.lock_changes.append(
                    LockChange(claim.session, path, claim.request, ops.HELD, claim.token)
                )

    def _open(self, path: str, lock: Lock) -> None:
        lock.free_at_ms = 0
        self.delays.drop(path)

    def _remove(self, path: str, request: Index) -> Claim:
        self._before_change(path)
        lock = self.by_path[path]
        claim = lock.holders.pop(request, None)
        return claim if claim is not None else lock.queue.pop(request)

    def _dismiss(self, turn: Turn, path: str, claim: Claim) -> None:
        """Tell a session that its claim is gone without its asking."""
        session = self._sessions.by_id.get(claim.session)
        assert session is not None, "claims of a session that ends are withdrawn first"
        session.unclaim(claim.request)
        turn.lock_changes.append(
            LockChange(claim.session, path, claim.request, ops.GONE, claim.token)
        )

    def _before_change(self, path: str) -> None:
        if self.sweep is not None:
            self.sweep.before_change(path)
