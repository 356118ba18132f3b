"""The replica asked from within its own process: its reads and orders as something to await."""

# ruff: noqa: ARG002 - most of what a Client can be told is never told to this one

from __future__ import annotations

import asyncio
from typing import Final

from coordsvc.base.errors import Refused
from coordsvc.base.ids import Index, NodeId, Serial, SessionId, Term
from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes, ops
from coordsvc.replica.replica import Replica
from coordsvc.server.driver import Driver, monotonic_ms
from coordsvc.state.events import Event, LockChange
from coordsvc.state.results import Applied

PATIENCE_S: Final = 5.0


class Local:
    """What a part of the server itself, such as the admin site, may ask of the replica."""

    def __init__(self, driver: Driver, *, patience_s: float = PATIENCE_S) -> None:
        self._driver = driver
        self._patience_s = patience_s

    @property
    def replica(self) -> Replica:
        """The replica as it is now."""
        return self._driver.replica

    async def caught_up(
        self, consistency: int = ops.LINEARIZABLE, min_revision: Index = 0
    ) -> Replica:
        """Return the replica when its state may be read with this consistency.

        Read it at once: behind the next await it may be another state.

        Raises:
            Refused: NO_QUORUM, BEHIND or TIMED_OUT; nothing was read.

        """
        asker = Asker(asyncio.get_running_loop().create_future())
        replica = self.replica
        try:
            async with asyncio.timeout(self._patience_s):
                replica.read(
                    asker,
                    1,
                    asker,
                    consistency=consistency,
                    min_revision=min_revision,
                    now=monotonic_ms(),
                )
                self._driver.schedule()
                await asker.answer
        except TimeoutError:
            raise _late(replica, codes.TIMED_OUT, "nothing was read") from None
        finally:
            replica.disconnect(asker)
        return self.replica

    async def order(self, op: int, *arguments: Value) -> Applied:
        """Have an operator's command carried out; return what became of it.

        Raises:
            Refused: NO_QUORUM: nothing was done. OUTCOME_UNKNOWN: it may still be done.

        """
        replica = self.replica
        if replica.raft.leader is None:
            raise Refused(codes.NO_QUORUM, "no leader is known here")
        answer: asyncio.Future[Applied] = asyncio.get_running_loop().create_future()
        replica.administer(op, list(arguments), lambda applied: _settle(answer, applied))
        self._driver.schedule()
        try:
            async with asyncio.timeout(self._patience_s):
                applied = await answer
        except TimeoutError:
            raise Refused(
                codes.OUTCOME_UNKNOWN, "no answer in time: it may have been done, or may still be"
            ) from None
        if applied.code == codes.OUTCOME_UNKNOWN:
            raise Refused(codes.OUTCOME_UNKNOWN, "the leader has changed: it may have been done")
        return applied


def _late(replica: Replica, code: int, text: str) -> Refused:
    if replica.raft.leader is None:
        return Refused(codes.NO_QUORUM, f"no leader is known here; {text}")
    return Refused(code, f"the leader did not confirm in time; {text}")


def _settle(answer: asyncio.Future[Applied], applied: Applied) -> None:
    if not answer.done():
        answer.set_result(applied)


class Asker:
    """Whoever asks one question. A `replica.ports.Client` without a session."""

    __slots__ = ("answer", "pending", "session")

    def __init__(self, answer: asyncio.Future[None]) -> None:
        self.answer = answer
        self.session: SessionId = 0
        self.pending: dict[Serial, bytes] = {}

    def serve(self, read: object) -> None:
        """Take note that the state may be read now."""
        if not self.answer.done():
            self.answer.set_result(None)

    def read_refused(self, serial: Serial, code: int, text: str) -> None:
        """Take note that it may not."""
        if not self.answer.done():
            self.answer.set_exception(Refused(code, text))

    # It never connects, mutates, watches or locks: the rest is never called.

    def welcomed(self, session: SessionId, password: bytes, timeout_ms: int) -> None:
        """Never called: that is for sessions."""
        raise AssertionError("no session was asked for")

    def rejected(self, code: int, text: str) -> None:
        """Never called: that is for connections."""
        raise AssertionError("there is no connection to close")

    def decided(self, applied: Applied) -> None:
        """Never called: that is for mutations."""
        raise AssertionError("nothing was submitted")

    def refused(self, serial: Serial, code: int, text: str) -> None:
        """Never called: that is for mutations."""
        raise AssertionError("nothing was submitted")

    def notify(self, watch_id: int, event: Event) -> None:
        """Never called: that is for watches."""
        raise AssertionError("nothing is watched")

    def watch_lost(self, watch_id: int, code: int, revision: Index) -> None:
        """Never called: that is for watches."""
        raise AssertionError("nothing is watched")

    def lock_changed(self, change: LockChange, revision: Index) -> None:
        """Never called: that is for locks."""
        raise AssertionError("nothing was claimed")

    def leader_changed(self, leader: NodeId | None, term: Term) -> None:
        """Never called: that is for connections."""
        raise AssertionError("it is not connected")
