"""When a read may be served: confirmed by the leader, and with the state far enough.

What is read is the conversation's business. Reads that arrive in one turn share one confirmation
(thesis 6.4: "amortize the cost"); while a round is on its way the next turn's reads get another.
"""

from __future__ import annotations

from collections import deque
from typing import Final, TypeAlias

from coordsvc.base.ids import Index, Millis, SessionId
from coordsvc.base.vocabulary import ops
from coordsvc.replica.ports import Client

ASK_AGAIN_MS: Final = 1_000  # a confirmation not answered for so long is asked for again
READ_PATIENCE_MS: Final = 5_000  # a read waits so long for this replica to catch up

Waiting: TypeAlias = tuple[Client, int, object]
"""Who asked, the serial, and what the conversation will be given to serve."""


def is_served_at_once(consistency: int, min_revision: Index, applied: Index) -> bool:
    """Tell whether the state at `applied` will do for such a read, unless it is in doubt."""
    is_new = consistency == ops.SEQUENTIAL and min_revision <= applied
    return is_new or consistency == ops.STALE


class ReadQueue:
    """Reads that wait for the leader's confirmation, or for the state to catch up."""

    __slots__ = ("_asked", "_behind", "_new", "_token")

    def __init__(self, token: int = 0) -> None:
        """Start behind `token`, which must differ from that of every earlier life of this replica.

        The leader may still answer what was asked then, and that answer is too old for us.
        """
        self._token = token
        self._new: list[Waiting] = []
        self._asked: dict[int, tuple[Millis, list[Waiting]]] = {}
        # Groups confirmed at an index not yet applied, and single reads that ask for a revision:
        # (index, give up at, reads). Few at any time, so a deque that is walked will do.
        self._behind: deque[tuple[Index, Millis, list[Waiting]]] = deque()

    def add(self, client: Client, serial: int, read: object) -> None:
        """Queue a linearizable read."""
        self._new.append((client, serial, read))

    def add_behind(
        self, client: Client, serial: int, read: object, index: Index, give_up: Millis
    ) -> None:
        """Queue a read until the state reaches `index`."""
        self._behind.append((index, give_up, [(client, serial, read)]))

    @property
    def unasked(self) -> bool:
        """Whether reads wait for a round."""
        return bool(self._new)

    def are_ripe(self, applied: Index) -> bool:
        """Tell whether `serve` would serve any."""
        return bool(self._behind) and any(group[0] <= applied for group in self._behind)

    def ask(self, now: Millis) -> tuple[int, list[SessionId]]:
        """Return the token of a new round for all reads that wait, and the sessions they are of.

        The token is 0 if no read waits.
        """
        if not self._new:
            return 0, []
        self._token += 1
        self._asked[self._token] = (now, self._new)
        sessions = [read[0].session for read in self._new if read[0].session]
        self._new = []
        return self._token, sessions

    def confirmed(
        self, token: int, index: Index, *, lapsed: list[SessionId], give_up: Millis
    ) -> list[Waiting]:
        """Take the leader's word for a round; return the reads to refuse: their session lapsed."""
        _asked_at, reads = self._asked.pop(token, (0, []))
        refused: list[Waiting] = []
        if lapsed:
            over = frozenset(lapsed)
            refused = [read for read in reads if read[0].session in over]
            reads = [read for read in reads if read[0].session not in over]
        if reads:
            self._behind.append((index, give_up, reads))
        return refused

    def ask_again(self, *, asked_before: Millis | None = None) -> None:
        """The leader changed or is out of reach: rounds without an answer are void.

        With `asked_before`, only those that are older: an answer can be lost without a sign.
        """
        for token, (asked_at, reads) in list(self._asked.items()):
            if asked_before is None or asked_at < asked_before:
                self._new += reads
                del self._asked[token]

    def serve(self, applied: Index) -> None:
        """Serve what the state is new enough for."""
        if not self._behind:
            return
        ripe = [group for group in self._behind if group[0] <= applied]
        if not ripe:
            return
        self._behind = deque(group for group in self._behind if group[0] > applied)
        for _index, _give_up, reads in ripe:
            for client, _serial, read in reads:
                client.serve(read)

    def give_up(self, now: Millis) -> list[Waiting]:
        """Return, and forget, the reads whose revision did not come in time."""
        over = [group for group in self._behind if group[1] <= now]
        if over:
            self._behind = deque(group for group in self._behind if group[1] > now)
        return [read for group in over for read in group[2]]

    def forget(self, client: Client) -> None:
        """The client is gone; nobody wants its answers."""
        self._new = [read for read in self._new if read[0] is not client]
        for token, (asked_at, reads) in self._asked.items():
            self._asked[token] = (asked_at, [read for read in reads if read[0] is not client])
        self._behind = deque(
            (index, give_up, [read for read in reads if read[0] is not client])
            for index, give_up, reads in self._behind
        )
