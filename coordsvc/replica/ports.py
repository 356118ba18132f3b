"""What the replica asks of a client's conversation, whatever language that speaks."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

from coordsvc.base.ids import Index, Millis, NodeId, Serial, SessionId, Term
from coordsvc.state.events import Event, LockChange
from coordsvc.state.results import Applied


class Client(Hashable, Protocol):
    """One client's standing with this replica: an open conversation, attached to a session.

    The replica calls these in the order in which things become visible: what a client watches
    about a revision comes before any answer that shows that revision.
    """

    session: SessionId
    pending: dict[Serial, bytes]
    """Commands sent on and not yet seen in the log, in the order sent. The conversation adds
    through Replica.submit; the replica removes."""

    def welcomed(self, session: SessionId, password: bytes, timeout_ms: Millis) -> None:
        """Take note that the conversation is attached now; 0 stands for no session."""

    def rejected(self, code: int, text: str) -> None:
        """Tell why, and close: it could not be attached, or may not stay."""

    def decided(self, applied: Applied) -> None:
        """Answer the mutation of that serial."""

    def refused(self, serial: Serial, code: int, text: str) -> None:
        """Answer a mutation that was not carried out."""

    def read_refused(self, serial: Serial, code: int, text: str) -> None:
        """Answer a read that cannot be served."""

    def serve(self, read: object) -> None:
        """Answer a read that may be answered now; it is what was given to Replica.read."""

    def notify(self, watch_id: int, event: Event) -> None:
        """Pass on a change that this client watches."""

    def watch_lost(self, watch_id: int, code: int, revision: Index) -> None:
        """Tell that a watch has ended: changes up to `revision` may have been missed."""

    def lock_changed(self, change: LockChange, revision: Index) -> None:
        """Pass on that a claim of this session was granted or is gone."""

    def leader_changed(self, leader: NodeId | None, term: Term) -> None:
        """Pass on who leads; said again when the members change."""
