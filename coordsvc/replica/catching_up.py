"""When a learner has caught up: by rounds (thesis 4.2.1).

A round is over when the learner has everything that the leader had at its beginning. A round
that took no longer than an election timeout leaves so little to be sent that the cluster can
wait for it: the learner may vote.
"""

from __future__ import annotations

from coordsvc.base.ids import Index, Millis, NodeId


class CatchingUp:
    """The rounds of the learners that are to vote, as the leader counts them."""

    __slots__ = ("_election_ms", "_rounds")

    def __init__(self, election_ms: Millis) -> None:
        self._election_ms = election_ms
        self._rounds: dict[NodeId, tuple[Index, Millis]] = {}

    def has_caught_up(self, learner: NodeId, *, match: Index, last: Index, now: Millis) -> bool:
        """Tell whether a round that just ended was short enough; `last` is the leader's log's end.

        To be asked often: a round counts as ended when that is seen.
        """
        target, since = self._rounds.setdefault(learner, (last, now))
        if match < target:
            return False
        if now - since <= self._election_ms:
            return True
        self._rounds[learner] = (last, now)
        return False

    def forget(self, learner: NodeId) -> None:
        """Begin again: the learner went away."""
        self._rounds.pop(learner, None)

    def clear(self) -> None:
        """Forget all of them: another replica leads."""
        self._rounds.clear()
