"""StateMachine: one entry in, one outcome and the changes it caused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from coordsvc.base import limits, paths
from coordsvc.base.ids import Index, Millis, SessionId
from coordsvc.base.vocabulary import codes, ops
from coordsvc.state import image, transactions, versions
from coordsvc.state.acl import WRITE
from coordsvc.state.arguments import MalformedCommand
from coordsvc.state.commands import (
    Acquire,
    Break,
    Close,
    Command,
    EndSession,
    EntryParts,
    ExpireSession,
    OpenSession,
    Release,
    Tick,
    Transaction,
    parse,
    read_entry,
)
from coordsvc.state.digest import Digest, MixedDigest
from coordsvc.state.digest_packed import PackedDigest
from coordsvc.state.expiry import Expiry
from coordsvc.state.foreign import ForeignRunner
from coordsvc.state.history import History
from coordsvc.state.locks import LockTable
from coordsvc.state.quick import ShortWays
from coordsvc.state.replies import NOTHING
from coordsvc.state.results import Applied
from coordsvc.state.sessions import Session, SessionTable
from coordsvc.state.tree import Tree
from coordsvc.state.turn import Outcome, Turn
from coordsvc.state.writes import Writes
from coordsvc.state.znode import STAT_KIND, STAT_OWNER


def _nothing() -> image.Parts:
    sessions = SessionTable()
    return image.Parts(
        *(versions.OLDEST, 0, 0, 0, Tree(), sessions, LockTable(sessions), Expiry(), History())
    )


def _digest_of(version: int, value: int) -> Digest:
    return PackedDigest(value) if version < versions.MIXED_DIGEST else MixedDigest(value)


class StateMachine:
    """The replicated state: a pure function of the entries applied, in their order."""

    def __init__(self, parts: image.Parts | None = None) -> None:
        parts = parts or _nothing()
        self.version = parts.version
        """Of the state machine: what entries mean (see state/versions.py)."""
        self.revision: Index = parts.revision
        """The index of the last entry applied."""
        self.time_ms: Millis = parts.time_ms
        """Cluster time: the largest stamp seen."""
        self._digest = _digest_of(parts.version, parts.digest)
        self.tree = parts.tree
        self.sessions = parts.sessions
        self.locks = parts.locks
        self.expiry = parts.expiry
        self.history = parts.history
        self._writes = Writes(self.tree, self.locks)
        self._foreign = ForeignRunner(self._writes, self.tree, self.sessions)
        self._short_ways = ShortWays(
            tree=self.tree,
            sessions=self.sessions,
            locks=self.locks,
            expiry=self.expiry,
            history=self.history,
            digest=self._digest,
        )
        self._handlers: Final[dict[type[Command], Callable[[Turn, Command], Outcome]]] = {
            **self._writes.runners,
            Transaction: self._transact,
            Acquire: self._acquire,
            Release: self._release,
            Break: self._break,
            Close: self._close,
            OpenSession: self._open_session,
            ExpireSession: self._expire_session,
            Tick: self._tick,
            EndSession: self._end_session,
        }
        versions.check(parts.version)
        self.tree.version = parts.version

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was ever written."""
        return len(self.tree) == 1 and self.history.is_empty and not self.history.compacted

    @property
    def digest(self) -> int:
        """Equal on replicas that applied the same entries."""
        return self._digest.value

    # Going on.

    def apply(self, index: Index, stamp_ms: Millis, data: bytes) -> Applied:
        """Apply the entry at `index`. Whatever its bytes are, the answer is a result."""
        assert index > self.revision, f"entry {index} behind revision {self.revision}"
        self.revision = index
        if stamp_ms > self.time_ms:  # noqa: PLR1730  # a call of max takes 600 instructions
            self.time_ms = stamp_ms
        try:
            entry = read_entry(data)
        except MalformedCommand as fault:
            return self._finish(Applied(0, 0, fault.code, index, fault.text))
        session_id, serial, floor, request = entry
        op = request[0]
        short_way = self._short_ways.by_op.get(op) if type(op) is int else None
        session = self.sessions.by_id.get(session_id)
        if short_way is None or session is None or self.tree.sweep is not None:
            return self._apply_generally(entry)
        replies = session.replies
        kept = replies.kept
        if serial <= replies.last_serial or kept is NOTHING:
            return self._apply_generally(entry)
        while kept and kept[0][0] < floor:
            kept.pop(0)
        if len(kept) >= limits.REPLIES_PER_SESSION_MAX:
            return self._apply_generally(entry)
        applied = short_way(session, serial, request, index, self.time_ms)
        if applied is None:
            return self._apply_generally(entry)
        replies.last_serial = serial
        kept.append((serial, codes.OK, index, applied.value))
        return applied

    def _apply_generally(self, entry: EntryParts) -> Applied:
        session_id, serial, floor, request = entry
        index = self.revision
        if session_id == 0:
            turn = Turn(index, self.time_ms, 0)
            code, value = self._perform(turn, request)
            return self._conclude(turn, Applied(0, serial, code, index, value))
        session = self.sessions.by_id.get(session_id)
        if session is None:
            return self._finish(Applied(session_id, serial, codes.SESSION_EXPIRED, index, None))
        replies = session.replies
        if serial <= replies.last_serial:
            return self._finish(self._answer_again(session, serial))
        if self.sessions.sweep is not None:
            self.sessions.before_change(session_id)
        if not replies.make_room(floor):
            text = f"{limits.REPLIES_PER_SESSION_MAX} answers are remembered already"
            return self._finish(Applied(session_id, serial, codes.TOO_MANY, index, text))
        turn = Turn(index, self.time_ms, session_id, session.address)
        code, value = self._perform(turn, request)
        replies.remember((serial, code, index, value))
        return self._conclude(turn, Applied(session_id, serial, code, index, value))

    def skip(self, index: Index, stamp_ms: Millis) -> None:
        """Pass over an entry that holds no command: revision and time move on."""
        assert index > self.revision, f"entry {index} behind revision {self.revision}"
        self.revision = index
        self.time_ms = max(self.time_ms, stamp_ms)
        self._digest.skip(index, self.time_ms)

    def next_due_ms(self) -> Millis | None:
        """Return the cluster time at which a TICK has something to do; None: never."""
        dues = (self.expiry.next_due_ms(), self.locks.delays.next_due_ms())
        return min((due for due in dues if due is not None), default=None)

    # Snapshots.

    def capture(self) -> image.Capture:
        """Begin a snapshot of the state as it is now; applying may go on meanwhile.

        One at a time: read it to its end or `abandon` it before the next.
        """
        return image.Capture(
            image.Parts(
                self.version,
                self.revision,
                self.time_ms,
                self.digest,
                self.tree,
                self.sessions,
                self.locks,
                self.expiry,
                self.history,
            )
        )

    @classmethod
    def restore(cls, chunks: Iterable[bytes]) -> StateMachine:
        """Return the state machine whose capture gave `chunks`.

        Raises:
            CorruptData: they are not a whole image.
            VersionUnknown: the image has a version that this program has not.

        """
        return cls(image.load(chunks))

    # One entry.

    def _perform(self, turn: Turn, request: list[object]) -> Outcome:
        op = request[0]
        try:
            if op == ops.RAISE_VERSION and turn.session == 0:
                return self._raise_version(request)
            if type(op) is int and op in ops.FOREIGN and versions.has(self.version, op):
                return self._foreign.perform(turn, request)
            command = parse(request, internal=turn.session == 0, version=self.version)
        except MalformedCommand as fault:
            return fault.code, fault.text
        return self._handlers[type(command)](turn, command)

    def _answer_again(self, session: Session, serial: int) -> Applied:
        reply = session.replies.recall(serial)
        if reply is None:
            return Applied(session.id, serial, codes.SUPERSEDED, self.revision, None)
        _, code, revision, value = reply
        return Applied(session.id, serial, code, revision, value)

    def _conclude(self, turn: Turn, applied: Applied) -> Applied:
        """Bring everything that follows from the turn's changes up to date."""
        events = turn.events
        if events:
            applied.events = events
            for event in events:
                self.history.append(event)
                stat = event.stat
                if stat[STAT_OWNER]:
                    self.sessions.follow(event)
                if event.kind != ops.CHANGED or stat[STAT_KIND] == ops.TTL:
                    self.expiry.follow(event, self.tree, self.locks.by_path, turn.time_ms)
        for path in turn.locks_touched:
            self.expiry.reconsider(
                path, self.tree, self.locks.by_path, turn.time_ms, lock_used=True
            )
        if turn.lock_changes:
            applied.lock_changes = turn.lock_changes
        applied.ended = turn.ended
        applied.opened = turn.opened
        self._digest.take(turn.revision, turn.time_ms, applied)
        return applied

    def _finish(self, applied: Applied) -> Applied:
        self._digest.take(self.revision, self.time_ms, applied)
        return applied

    # Commands. The dict of handlers pairs each with its type.

    def _transact(self, turn: Turn, command: Command) -> Outcome:
        assert isinstance(command, Transaction)
        return transactions.run(turn, command, self._writes, self.tree)

    def _acquire(self, turn: Turn, command: Command) -> Outcome:
        assert isinstance(command, Acquire)
        session = self.sessions.by_id.get(turn.session)
        if session is None:
            return codes.BAD_ARGUMENTS, "a lock belongs to a session"
        if len(session.claims) >= limits.CLAIMS_PER_SESSION_MAX:
            return codes.TOO_MANY, f"at most {limits.CLAIMS_PER_SESSION_MAX} claims of a session"
        node = self.tree.nodes.get(command.path)
        if node is None:
            fault = paths.fault_of(command.path)
            if fault:
                return codes.BAD_PATH, fault
            code, value = self.tree.create(
                turn,
                command.path,
                b"",
                kind=ops.CONTAINER,
                parents=True,
                parents_kind=ops.CONTAINER,
            )
            if code != codes.OK:
                return code, value
        elif node.acl is not None and not turn.may(node.acl, WRITE):
            return codes.DENIED, None
        return self.locks.acquire(turn, session, command)

    def _release(self, turn: Turn, command: Command) -> Outcome:
        assert isinstance(command, Release)
        session = self.sessions.by_id.get(turn.session)
        if session is None:
            return codes.BAD_ARGUMENTS, "a lock belongs to a session"
        return self.locks.release(turn, session, command)

    def _break(self, turn: Turn, command: Command) -> Outcome:
        assert isinstance(command, Break)
        node = self.tree.nodes.get(command.path)
        if node is None:
            return self.tree.absence_of(command.path)
        if node.acl is not None and not turn.may(node.acl, WRITE):
            return codes.DENIED, None
        return self.locks.break_(turn, command)

    def _open_session(self, turn: Turn, command: Command) -> Outcome:
        assert isinstance(command, OpenSession)
        code, value = self.sessions.open(turn, command)
        if code == codes.OK:
            turn.opened = (turn.revision, command.password)
        return code, value

    def _close(self, turn: Turn, _command: Command) -> Outcome:
        if not turn.session:
            return codes.BAD_ARGUMENTS, "there is no session to close"
        self._end(turn, turn.session, clean=True)
        return codes.OK, None

    def _expire_session(self, turn: Turn, command: Command) -> Outcome:
        assert isinstance(command, ExpireSession)
        return codes.OK, self._end(turn, command.session, clean=False)

    def _end_session(self, turn: Turn, command: Command) -> Outcome:
        assert isinstance(command, EndSession)
        return codes.OK, self._end(turn, command.session, clean=False)

    def _raise_version(self, request: list[object]) -> Outcome:
        version = versions.wanted(request)
        if version > self.version:
            self._set_version(version)
        return codes.OK, self.version

    def _set_version(self, version: int) -> None:
        """Do from here on what `version` does."""
        versions.check(version)
        self.version = self.tree.version = version
        self._digest = self._short_ways.digest = _digest_of(version, self.digest)

    def _end(self, turn: Turn, session_id: SessionId, *, clean: bool) -> bool:
        """End a session with all it owns; tell whether it was there.

        All its claims go before any lock is granted anew: granting in between could give the
        lock to another claim of the same session, and then again, with one and the same token.
        """
        session = self.sessions.by_id.get(session_id)
        if session is None:
            return False
        affected = self.locks.withdraw(turn, session, clean=clean)
        self.sessions.remove(session_id)
        for path in sorted(session.ephemerals):
            self.locks.destroy(turn, path)
            self.tree.remove(turn, path)
        for path in affected:
            self.locks.settle(turn, path)
        turn.ended = (session_id,)
        return True

    def _tick(self, turn: Turn, _command: Command) -> Outcome:
        opening = self.locks.delays.take_due(turn.time_ms, limits.DUE_PER_TICK_MAX)
        for path in opening:
            self.locks.settle(turn, path)
        going = self.expiry.take_due(turn.time_ms, limits.DUE_PER_TICK_MAX - len(opening))
        for path in going:
            self.tree.remove(turn, path)
        return codes.OK, None
