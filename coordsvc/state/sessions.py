"""Sessions: who exists, and what each owns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from coordsvc.base import limits
from coordsvc.base.ids import Index, Millis, SessionId
from coordsvc.base.vocabulary import codes, ops
from coordsvc.state.commands import OpenSession
from coordsvc.state.events import Event
from coordsvc.state.replies import Replies
from coordsvc.state.sweep import Sweep
from coordsvc.state.turn import Outcome, Turn
from coordsvc.state.znode import STAT_OWNER

_NO_PATHS: Final[dict[str, None]] = {}
_NO_CLAIMS: Final[dict[Index, str]] = {}
"""What idle sessions, which are most, are seen to own: two dicts of each would take 160 bytes."""


class Session:
    """One client's standing in the cluster.

    `ephemerals` and `claims` are indexes of what the tree and the locks hold: they are rebuilt,
    not stored, and their order means nothing.
    """

    __slots__ = (
        "_ephemerals",
        "address",
        "claimed",
        "client_name",
        "id",
        "opened_ms",
        "password",
        "replies",
        "timeout_ms",
    )

    def __init__(
        self,
        session_id: SessionId,
        *,
        password: bytes,
        timeout_ms: Millis,
        client_name: str,
        address: str,
        opened_ms: Millis,
    ) -> None:
        self.id = session_id
        self.password = password
        self.timeout_ms = timeout_ms
        self.client_name = client_name
        self.address = address
        self.opened_ms = opened_ms
        self.replies = Replies()
        self._ephemerals: dict[str, None] | None = None
        self.claimed: dict[Index, str] | None = None
        """The `claims`, if there ever were any."""

    @property
    def ephemerals(self) -> Mapping[str, None]:
        """The paths of its nodes that go with it."""
        return _NO_PATHS if self._ephemerals is None else self._ephemerals

    @property
    def claims(self) -> Mapping[Index, str]:
        """The path of each lock held or waited for, by the request that names the claim."""
        return _NO_CLAIMS if self.claimed is None else self.claimed

    def own(self, path: str) -> None:
        """Note that a node goes with this session."""
        if self._ephemerals is None:
            self._ephemerals = {}
        self._ephemerals[path] = None

    def disown(self, path: str) -> None:
        """Note that such a node is gone. It must be there."""
        assert self._ephemerals is not None
        del self._ephemerals[path]

    def claim(self, request: Index, path: str) -> None:
        """Note that this session holds, or waits for, a lock."""
        if self.claimed is None:
            self.claimed = {}
        self.claimed[request] = path

    def unclaim(self, request: Index) -> None:
        """Note that it no longer does. The claim must be there."""
        assert self.claimed is not None
        del self.claimed[request]

    def unclaim_all(self) -> None:
        """Note that it neither holds nor waits for any."""
        self.claimed = None


class SessionTable:
    """All live sessions by id. A session that ended is unknown, so it can never write again."""

    def __init__(self) -> None:
        self.by_id: dict[SessionId, Session] = {}
        self.sweep: Sweep[SessionId, Session] | None = None
        """Set while a snapshot is being read out."""

    def open(self, turn: Turn, command: OpenSession) -> Outcome:
        """Open a session whose id is the revision; the result is the id."""
        if len(self.by_id) >= limits.SESSIONS_MAX:
            return codes.TOO_MANY, f"there are {limits.SESSIONS_MAX} sessions already"
        self.by_id[turn.revision] = Session(
            turn.revision,
            password=command.password,
            timeout_ms=command.timeout_ms,
            client_name=command.client_name,
            address=command.address,
            opened_ms=turn.time_ms,
        )
        return codes.OK, turn.revision

    def before_change(self, session_id: SessionId) -> None:
        """Must be called before a session's replies change or it goes."""
        if self.sweep is not None:
            self.sweep.before_change(session_id)

    def remove(self, session_id: SessionId) -> Session | None:
        """Take a session out of the table; None if there is none."""
        self.before_change(session_id)
        return self.by_id.pop(session_id, None)

    def follow(self, event: Event) -> None:
        """Keep the index of ephemerals: `event` has happened."""
        owner = event.stat[STAT_OWNER]
        if not owner or event.kind == ops.CHANGED:
            return
        session = self.by_id.get(owner)
        if session is None:
            return  # its ephemerals are going because it has gone
        if event.kind == ops.CREATED:
            session.own(event.path)
        else:
            session.disown(event.path)
