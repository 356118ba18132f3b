"""Locks: one holder, growing tokens, a fair queue, and clients who believe only what is true.

Three observers, because three parties can be wrong: the replicated state (`LockTableChecker`),
the clients (`HoldingChecker`), and the storage that locks are there to protect
(`GuardedStorage`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from coordsvc.base.ids import Index, Millis, SessionId
from tests.sim.verdicts import WrongResult
from tests.sim.world import MS, Micros


@dataclass(slots=True)
class _Claim:
    request: Index
    session: SessionId
    shared: bool


@dataclass(slots=True)
class _Lock:
    holders: dict[Index, _Claim] = field(default_factory=dict)
    queue: dict[Index, _Claim] = field(default_factory=dict)  # in the order of asking
    token_last: Index = 0
    shared_last: Index = 0
    """The token of the last grant that was shared."""
    free_at_ms: Millis = 0


class LockTableChecker:
    """What one replica's state machine does with locks, entry by entry."""

    def __init__(self) -> None:
        self._locks: dict[str, _Lock] = {}

    def asked(self, path: str, *, request: Index, session: SessionId, shared: bool) -> None:
        """A claim joins the queue; a grant in the same entry follows as `granted`."""
        queue = self._lock(path).queue
        queue[request] = _Claim(request, session, shared)

    def granted(self, path: str, *, request: Index, token: Index, stamp_ms: Millis) -> None:
        """A claim becomes a holder, by the entry with this stamp."""
        lock = self._lock(path)
        claim = lock.queue.get(request)
        what = f"lock {path}, claim {request}"
        if claim is None:
            raise WrongResult(f"{what}: granted, but it does not wait")
        _demand(next(iter(lock.queue)) == request, f"{what}: granted before those ahead of it")
        alone = all(claim.shared and holder.shared for holder in lock.holders.values())
        _demand(alone, f"{what}: granted beside {sorted(lock.holders)}")
        # Those who share the lock and got it by one entry have one token.
        together = claim.shared and lock.holders and token == lock.token_last == lock.shared_last
        grows = token > lock.token_last or together
        _demand(grows, f"{what}: token {token} after token {lock.token_last}")
        early = stamp_ms < lock.free_at_ms
        _demand(not early, f"{what}: granted during the lock-delay of an expired holder")
        del lock.queue[request]
        lock.holders[request] = claim
        lock.token_last = token
        if claim.shared:
            lock.shared_last = token

    def gone(self, path: str, *, request: Index, free_at_ms: Millis = 0) -> None:
        """A claim ends, held or waiting. After an unclean end, nobody may hold the lock before
        the stamps reach `free_at_ms`."""
        lock = self._lock(path)
        known = lock.holders.pop(request, None) or lock.queue.pop(request, None)
        if known is None:
            raise WrongResult(f"lock {path}: claim {request} ended twice, or never was")
        lock.free_at_ms = max(lock.free_at_ms, free_at_ms)

    def session_ended(self, session: SessionId) -> None:
        """A session has ended, and everything that goes with it was reported as `gone`."""
        for path, lock in self._locks.items():
            for claim in (*lock.holders.values(), *lock.queue.values()):
                left = claim.session == session
                text = f"lock {path}: claim {claim.request} outlives its session {session}"
                _demand(not left, text)

    def all_gone(self) -> None:
        """The cluster was restored from a backup: nobody holds anything; tokens go on growing."""
        for lock in self._locks.values():
            lock.holders.clear()
            lock.queue.clear()

    def _lock(self, path: str) -> _Lock:
        return self._locks.setdefault(path, _Lock())


@dataclass(slots=True)
class _Belief:
    client: str
    shared: bool
    since: Micros
    displaced: bool = False
    """Another got the lock while this client was stopped; it may believe until it has looked."""


class HoldingChecker:
    """What clients believe to hold, in the one true time of the world.

    A client believes from the moment it sees the grant until it releases, is told of the loss,
    or reaches the end of its own lease, whichever is first.
    """

    def __init__(self) -> None:
        self._holding: dict[str, list[_Belief]] = {}
        self._is_paused: Callable[[str], bool] = lambda _: False

    def ask_for_pauses(self, is_paused: Callable[[str], bool]) -> None:
        """Know which clients do not run at present: what does not run, does nothing wrong."""
        self._is_paused = is_paused

    def holds(self, path: str, client: str, *, now: Micros, shared: bool = False) -> None:
        """A client begins to believe that it holds a lock."""
        believers = self._holding.setdefault(path, [])
        for other in believers:
            if other.displaced or self._is_paused(other.client):
                other.displaced = True
            elif not (shared and other.shared):
                raise WrongResult(
                    f"lock {path}: {client} holds it at {now / MS:.3f} ms, and so does "
                    f"{other.client} since {other.since / MS:.3f} ms"
                )
        believers.append(_Belief(client, shared, now))

    def stops(self, path: str, client: str) -> None:
        """A client no longer believes that it holds a lock."""
        believers = self._holding[path]
        mine = [belief for belief in believers if belief.client == client]
        assert len(mine) == 1, f"{client} stops holding {path} without holding it"
        believers.remove(mine[0])

    def is_displaced(self, path: str, client: str) -> bool:
        """Tell whether another got the lock while this client was stopped."""
        return any(b.client == client and b.displaced for b in self._holding.get(path, ()))

    def is_believed_by(self, path: str, client: str) -> bool:
        """Tell whether this client believes that it holds the lock."""
        return any(belief.client == client for belief in self._holding.get(path, ()))


class GuardedStorage:
    """A storage that refuses older tokens, and notices tokens that protect nothing.

    It stands outside the service: no partition, pause or restart touches it.
    """

    def __init__(self) -> None:
        self.writes: list[tuple[Index, str]] = []
        self.refused = 0
        self._token_of_path: dict[str, Index] = {}
        self._owner: dict[tuple[str, Index], str] = {}

    def write(self, path: str, client: str, token: Index) -> bool:
        """Try to write under the lock `path`; return whether the token was still good.

        Raises:
            WrongResult: two clients use the same token.

        """
        owner = self._owner.setdefault((path, token), client)
        _demand(owner == client, f"lock {path}: token {token} of {owner} is also {client}'s")
        if token < self._token_of_path.get(path, 0):
            self.refused += 1
            return False
        self._token_of_path[path] = token
        self.writes.append((token, client))
        return True


def _demand(holds: bool, text: str) -> None:
    if not holds:
        raise WrongResult(text)
