"""Where clients stand in line: who is attached to which session, and whose commands are pending.

A command stays pending until it is seen in the log. Whenever the leader changes, or the link to
it breaks, everything pending is sent on again, per client in the order given. The state machine
applies a session's serials only once and only upwards, so copies do no harm and a session's
writes take effect in order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from coordsvc.base import limits
from coordsvc.base.ids import Serial, SessionId
from coordsvc.base.vocabulary import codes
from coordsvc.replica.ports import Client
from coordsvc.state.results import Applied

TOUCH_MS: Final = 250  # how often a follower tells the leader whom it heard from, at the latest

Answer: TypeAlias = Callable[[Applied], None]


class Desk:
    """The clients of one replica and what they wait for."""

    __slots__ = (
        "_administered",
        "_once",
        "_opening",
        "attached",
        "connected",
        "outgoing",
        "pending_bytes",
        "touched",
    )

    def __init__(self) -> None:
        self.connected: dict[Client, None] = {}
        self.attached: dict[SessionId, Client] = {}
        self.outgoing: list[bytes] = []
        """Commands to propose or to forward in this turn."""
        self.pending_bytes = 0
        """Of all commands that wait to be seen in the log."""
        self.touched: dict[SessionId, None] = {}
        """Sessions heard from since the leader was last told."""
        self._opening: dict[int, tuple[Client, bytes]] = {}
        self._administered: dict[int, tuple[bytes, Answer]] = {}
        self._once: dict[int, bool] = {}
        """Of those, what must not be done twice; True: it has been sent on."""

    def submit(self, client: Client, serial: Serial, command: bytes) -> bool:
        """Take a command of an attached session; False if there is no room.

        The bound on what is pending here also bounds what a leader gathers from its followers.
        """
        if self.pending_bytes + len(command) > limits.PROPOSALS_BYTES_MAX:
            return False
        client.pending[serial] = command
        self.outgoing.append(command)
        self.pending_bytes += len(command)
        return True

    def open(self, client: Client, tag: int, command: bytes) -> None:
        """Take the command that opens a session; its tag tells the answer apart."""
        self._opening[tag] = (client, command)
        self.outgoing.append(command)

    def administer(self, tag: int, command: bytes, answer: Answer, *, once: bool = False) -> None:
        """Take a command of an operator; its tag tells the answer apart.

        No session stands for it, so copies are not recognised. What would do harm if it were done
        twice goes out `once`: when it would be sent again it is answered OUTCOME_UNKNOWN.
        """
        self._administered[tag] = (command, answer)
        if once:
            self._once[tag] = False
        self.outgoing.append(command)

    def take_outgoing(self) -> list[bytes]:
        """Return what is to be sent on; it stays pending."""
        commands = self.outgoing
        self.outgoing = []
        if self._once:
            self._once = dict.fromkeys(self._once, True)
        return commands

    def take_touched(self) -> list[SessionId]:
        """Return the sessions heard from since the last call."""
        touched = list(self.touched)
        self.touched.clear()
        return touched

    def resubmit(self) -> None:
        """Queue everything pending again, in order."""
        self.outgoing = []
        for tag in [tag for tag, is_sent in self._once.items() if is_sent]:
            self.decided(Applied(0, tag, codes.OUTCOME_UNKNOWN, 0, None))
        for _client, command in self._opening.values():
            self.outgoing.append(command)
        for command, _answer in self._administered.values():
            self.outgoing.append(command)
        for session, client in self.attached.items():
            if client.pending:
                self.touched[session] = None
                for command in client.pending.values():
                    self.outgoing.append(command)

    def attach(self, client: Client, session: SessionId) -> None:
        """Make `client` the one that hears the answers to `session`."""
        old = self.attached.get(session)
        self.attached[session] = client
        self.touched[session] = None
        if old is not None and old is not client:
            self._forget_pending(old)
            old.rejected(codes.SESSION_MOVED, "the session was attached on another connection")

    def leave(self, client: Client) -> None:
        """Forget a client whose connection is gone. What it sent may still take effect."""
        self.connected.pop(client, None)
        self._forget_pending(client)
        if self.attached.get(client.session) is client:
            del self.attached[client.session]
        for tag, (asker, _command) in list(self._opening.items()):
            if asker is client:
                del self._opening[tag]

    def decided(self, applied: Applied) -> Client | None:
        """Hand an outcome to whoever waits for it here.

        Returns the client that asked for a session, if this is the answer to that.
        """
        session = applied.session
        if session:
            client = self.attached.get(session)
            if client is not None:
                command = client.pending.pop(applied.serial, None)
                if command is not None:
                    self.pending_bytes -= len(command)
                    client.decided(applied)
            return None
        asked = self._administered.pop(applied.serial, None)
        if asked is not None:
            self._once.pop(applied.serial, None)
            asked[1](applied)
        opening = self._opening.pop(applied.serial, None)
        return None if opening is None else opening[0]

    def ended(self, session: SessionId) -> None:
        """A session is over for ever."""
        client = self.attached.pop(session, None)
        if client is not None:
            self._forget_pending(client)
            client.rejected(codes.SESSION_EXPIRED, "the session has ended")

    def send_away(self, code: int, text: str) -> None:
        """Have every client go elsewhere; its session lives on."""
        for client in list(self.connected):
            client.rejected(code, text)

    def _forget_pending(self, client: Client) -> None:
        self.pending_bytes -= sum(map(len, client.pending.values()))
        client.pending.clear()

    def pending_count(self) -> int:
        """Return how many commands wait for their answer here."""
        return (
            len(self._opening)
            + len(self._administered)
            + sum(len(client.pending) for client in self.attached.values())
        )
