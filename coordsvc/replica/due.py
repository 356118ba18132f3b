"""What the leader proposes by itself when its time has come: expiries of sessions, and ticks."""

from __future__ import annotations

from coordsvc.base.ids import Index, Millis
from coordsvc.base.ports import Chance, Logger
from coordsvc.base.values import Value
from coordsvc.base.vocabulary import ops
from coordsvc.raft.node import RaftNode
from coordsvc.replica.codec import internal_command
from coordsvc.replica.liveness import Liveness
from coordsvc.replica.proposing import Proposals
from coordsvc.state.machine import StateMachine


class DueWork:
    """The leader's timers of the state machine."""

    __slots__ = ("_chance", "_liveness", "_log", "_proposals", "_raft", "_tick_asked")

    def __init__(
        self,
        raft: RaftNode,
        liveness: Liveness,
        proposals: Proposals,
        *,
        chance: Chance,
        log: Logger,
    ) -> None:
        self._raft = raft
        self._liveness = liveness
        self._proposals = proposals
        self._chance = chance
        self._log = log
        self._tick_asked: Index = 0

    def lead(self, machine: StateMachine, now: Millis) -> None:
        """Begin as the new leader: every session was heard from just now."""
        sessions = machine.sessions.by_id
        self._liveness.lead({key: each.timeout_ms for key, each in sessions.items()}, now)
        self._tick_asked = 0

    def propose(self, machine: StateMachine, now: Millis, wall_ms: Millis) -> None:
        """Propose what is due, once."""
        for session in self._liveness.lapse(now):
            self._log.info("session lapsed", session=session)
            self._propose(ops.EXPIRE_SESSION, session)
        due = machine.next_due_ms()
        if due is not None and due <= wall_ms and self._tick_asked <= machine.revision:
            self._tick_asked = self._raft.last_index + 1
            self._propose(ops.TICK)

    def _propose(self, op: int, *arguments: Value) -> None:
        tag = self._chance.randrange(1, 1 << 62)
        self._proposals.queue([internal_command(op, tag, *arguments)])
