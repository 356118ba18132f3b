"""What is decided: applied in its order, and told to everyone concerned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from coordsvc.base.errors import VersionUnknown
from coordsvc.base.ids import Index, Millis
from coordsvc.raft.messages import COMMAND, RAFTS_OWN
from coordsvc.raft.node import RaftNode
from coordsvc.replica.checkpoints import CHECKPOINT_EVERY, Checkpoints
from coordsvc.replica.telling import Telling
from coordsvc.state.machine import StateMachine
from coordsvc.state.results import Applied

Apply: TypeAlias = Callable[[Index, Millis, bytes], Applied]
Skip: TypeAlias = Callable[[Index, Millis], None]

APPLIED_PER_TURN_MAX: Final = 128  # answers go out and requests come in between


class Applying:
    """Brings a state machine up to what is decided."""

    __slots__ = ("_checkpoints", "_raft", "_telling", "seen_by")

    def __init__(self, raft: RaftNode, telling: Telling, checkpoints: Checkpoints) -> None:
        self._raft = raft
        self._telling = telling
        self._checkpoints = checkpoints
        self.seen_by: Callable[[StateMachine], tuple[Apply, Skip]] | None = None
        """Return what to call in place of the machine's own: how a test sees every entry."""

    def apply(self, machine: StateMachine, commit: Index, now: Millis) -> None:
        """Apply the entries up to `commit`, but no more than fit a turn; tell each outcome.

        Raises:
            VersionUnknown: an entry is of a kind that this program has not.

        """
        seen = self.seen_by(machine) if self.seen_by else None
        telling = self._telling
        index = machine.revision
        last = min(commit, index + APPLIED_PER_TURN_MAX)
        while index < last:
            stop = min(last, index - index % CHECKPOINT_EVERY + CHECKPOINT_EVERY)
            for _term, kind, stamp_ms, data in self._raft.entries(index + 1, stop):
                index += 1
                if kind == COMMAND:
                    if seen is None:  # compiled, it is called directly only so
                        applied = machine.apply(index, stamp_ms, data)
                    else:
                        applied = seen[0](index, stamp_ms, data)
                    telling.tell(applied, now)
                elif kind in RAFTS_OWN:
                    (machine.skip if seen is None else seen[1])(index, stamp_ms)
                else:
                    raise VersionUnknown(
                        f"entry {index} is of kind {kind}, which this program has not:"
                        " start the version of coordsvc that the other members run"
                    )
            if stop % CHECKPOINT_EVERY == 0:
                self._checkpoints.add(stop, machine.digest)
