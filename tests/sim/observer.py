"""Observer: watches the replicas from outside and tells every checker what they do."""

from __future__ import annotations

from dataclasses import dataclass, field

from coordsvc.base import paths
from coordsvc.base.ids import Index, NodeId, SessionId, Term
from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes, ops
from coordsvc.raft.messages import Entry, SnapshotMeta
from coordsvc.raft.node import Role
from coordsvc.replica.applying import Apply, Skip
from coordsvc.replica.codec import decode_entries
from coordsvc.replica.effects import Effects, Write
from coordsvc.replica.replica import Recovered, Replica
from coordsvc.state.commands import MalformedCommand, read_entry
from coordsvc.state.machine import StateMachine
from coordsvc.state.results import Applied
from tests.sim.checkers.exactly_once import ExactlyOnceChecker
from tests.sim.checkers.locks import LockTableChecker
from tests.sim.checkers.mortals import MortalChecker
from tests.sim.checkers.raft import RaftChecker
from tests.sim.checkers.revisions import SeenChecker
from tests.sim.checkers.sessions import SessionChecker
from tests.sim.checkers.time import ClusterTimeChecker
from tests.sim.checkers.views import ViewChecker
from tests.sim.checkers.watches import WatchChecker
from tests.sim.verdicts import WrongResult
from tests.sim.world import MS, World


@dataclass(slots=True)
class _Claim:
    path: str
    session: SessionId
    delay_ms: int
    held: bool = False


@dataclass(slots=True)
class _Claims:
    """The claims of all sessions, as the entries of the log made them."""

    by_request: dict[Index, _Claim] = field(default_factory=dict)

    def of(self, session: SessionId) -> list[tuple[Index, _Claim]]:
        return [(r, c) for r, c in self.by_request.items() if c.session == session]


class Observer:
    """All checkers that are told of what replicas do while a run goes on."""

    def __init__(self, world: World, *, drift_ppm_max: int) -> None:
        self.raft = RaftChecker()
        self.exactly_once = ExactlyOnceChecker()
        self.sessions = SessionChecker(drift_ppm_max=drift_ppm_max)
        self.watches = WatchChecker()
        self.locks = LockTableChecker()
        self.seen = SeenChecker()
        self.views = ViewChecker()
        self.mortals = MortalChecker()
        self.time = ClusterTimeChecker(drift_ppm_max=drift_ppm_max)
        self.elections = 0
        self.snapshots_taken = 0
        self.snapshots_installed = 0
        self.expired = 0
        self.first_applied: Index = 0
        """The newest entry that any replica has applied."""
        self._world = world
        self._claims = _Claims()
        self._commit_of: dict[NodeId, tuple[Term, Index]] = {}
        self._reported: dict[NodeId, int] = {}
        self._terms_led: set[int] = set()
        self.wrong: dict[NodeId, None] = {}
        """Who has a wrong state, planted or caught from another, and was not rebuilt yet."""
        self.wrong_spread = False
        """Whether one with a wrong state led before it was found, and others took that over. Then
        nobody can tell any more who is right."""
        self.rebuilt = 0
        """How often a wrong state was found and replaced."""

    # A replica's life.

    def restarted(self, node: NodeId, recovered: Recovered) -> None:
        """A server has read its disk."""
        self._reported[node] = 0
        self.time.restarted(node)
        snapshot = recovered.raft.snapshot
        digest = recovered.machine.digest.to_bytes(8, "big")
        if not self.raft.differs(snapshot.index, digest):
            self.wrong.pop(node, None)  # what was wrong was only in memory
        self.raft.restarted(
            node,
            snapshot_index=snapshot.index,
            snapshot_term=snapshot.term,
            entries=recovered.raft.entries,
        )
        if snapshot.index and node not in self.wrong:
            self.raft.digest(node, snapshot.index, digest)

    def turned(self, node: NodeId, replica: Replica, effects: Effects) -> None:
        """A replica has had a turn; its effects are not carried out yet."""
        self._appended(node, replica, effects)
        self._reported[node] = 0
        if replica.raft.role is Role.LEADER:
            term = replica.raft.term
            self.raft.leads(node, term)
            self._check_commit(node, replica)
            if term not in self._terms_led:
                self._terms_led.add(term)
                self.elections += 1

    def _check_commit(self, node: NodeId, replica: Replica) -> None:
        """A leader commits by counting only what is of its own term (thesis 3.6.2)."""
        raft = replica.raft
        led, before = self._commit_of.get(node, (0, 0))
        self._commit_of[node] = (raft.term, raft.commit)
        if led == raft.term and raft.commit > before and raft.term_at(raft.commit) != raft.term:
            raise WrongResult(f"{node} commits {raft.commit}, of an older term, in {raft.term}")

    def _appended(self, node: NodeId, replica: Replica, effects: Effects) -> None:
        """Report what has come into the log in this turn and was not reported yet."""
        if replica.raft.role is not Role.LEADER:
            self.raft.follows(node)
        for write in effects.writes[self._reported.get(node, 0) :]:
            if isinstance(write, Write) and write.payload:
                entries = decode_entries(write.payload)
                self.raft.appended(node, write.first, entries)
                if replica.raft.role is Role.LEADER:
                    self.time.stamped(node, entries, now=self._world.now)
                elif entries:
                    self.time.led(node)
        self._reported[node] = len(effects.writes)

    def forget_claims(self) -> None:
        """The cluster was restored from a backup, and all sessions have ended with it."""
        self._claims = _Claims()

    def plant(self, node: NodeId, replica: Replica) -> None:
        """Make the state of a replica wrong; the others must find that out."""
        self.wrong[node] = None
        machine = replica.machine
        machine.tree.nodes[paths.ROOT].data = b"wrong"
        wrong = type(machine._digest)(machine.digest ^ 0x5A5A5A5A)
        machine._digest = machine._short_ways.digest = wrong

    def installed(self, node: NodeId, replica: Replica, meta: SnapshotMeta) -> None:
        """A replica went on from a snapshot that another one sent."""
        self.snapshots_installed += 1
        digest = replica.machine.digest.to_bytes(8, "big")
        if self.wrong and self.raft.differs(meta.index, digest):
            self.wrong[node] = None
            self.wrong_spread = True
        elif node in self.wrong:
            del self.wrong[node]
            self.rebuilt += 1
            if replica.machine.tree.nodes[paths.ROOT].data == b"wrong":
                raise WrongResult(f"{node} was rebuilt and is still wrong")
        self.raft.restored(node, meta.index, meta.term)

    def observe(self, node: NodeId, replica: Replica) -> None:
        """Hear of every entry that the replica applies."""

        def seen(machine: StateMachine) -> tuple[Apply, Skip]:
            def apply(index: Index, stamp_ms: int, data: bytes) -> Applied:
                applied = machine.apply(index, stamp_ms, data)
                self._note(node, replica, index)
                self._applied(machine, index, data, applied)
                return applied

            def skip(index: Index, stamp_ms: int) -> None:
                machine.skip(index, stamp_ms)
                self._note(node, replica, index)
                self.first_applied = max(self.first_applied, index)

            return apply, skip

        replica._applying.seen_by = seen

    def _note(self, node: NodeId, replica: Replica, index: Index) -> None:
        self._appended(node, replica, replica._effects)  # applied in the turn of its coming
        entry: Entry = replica.raft.entries(index, index)[0]
        self.raft.applied(node, index, entry)
        if node not in self.wrong:
            self.raft.digest(node, index, replica.machine.digest.to_bytes(8, "big"))

    # What entries do.

    def _applied(self, machine: StateMachine, index: Index, data: bytes, applied: Applied) -> None:
        session, serial = applied.session, applied.serial
        if session:
            self.exactly_once.applied(
                session,
                serial,
                revision=applied.revision,
                code=applied.code,
                value=_plain(applied.value),
            )
            self.sessions.applied(session, serial, index, applied.code)
        if index <= self.first_applied:
            return
        self.first_applied = index
        try:
            _, _, _, request = read_entry(data)
        except MalformedCommand:
            return
        self._first_sessions(machine, index, request, applied)
        self._first_locks(machine, index, request, applied)
        if applied.events:
            self._first_views(machine, index, applied)
            self.mortals.applied(index, request[0], applied, machine.time_ms)
            changes = [(event.kind, event.path) for event in applied.events]
            self.watches.committed(index, changes)

    def _first_views(self, machine: StateMachine, index: Index, applied: Applied) -> None:
        touched: dict[str, None] = {}
        for event in applied.events:
            touched[event.path] = None
            if event.kind != ops.CHANGED:
                touched[paths.parent_of(event.path)] = None
        for path in touched:
            node = machine.tree.nodes.get(path)
            view = None
            if node is not None:
                names = tuple(sorted(map(paths.name_of, node.children or ())))
                view = (node.data, node.stat(), names)
            self.views.changed(path, index, view)

    def _first_sessions(
        self, machine: StateMachine, index: Index, request: list[object], applied: Applied
    ) -> None:
        now = self._world.now
        if applied.opened is not None:
            opened = applied.opened[0]
            timeout = machine.sessions.by_id[opened].timeout_ms * MS
            self.sessions.opened(opened, timeout=timeout, now=now)
        for session in applied.ended:
            if request[0] == ops.EXPIRE_SESSION:
                self.expired += 1
                self._world.trace("state", f"session {session} expired at {index}")
                self.sessions.expired(session, index, now=now)
            else:
                self.sessions.closed(session, index, now=now)
            left = [path for path, node in machine.tree.nodes.items() if node.owner == session]
            left += [
                path
                for path, lock in machine.locks.by_path.items()
                for claim in (*lock.holders.values(), *lock.queue.values())
                if claim.session == session
            ]
            self.sessions.left_behind(session, index, left)

    def _first_locks(
        self, machine: StateMachine, index: Index, request: list[object], applied: Applied
    ) -> None:
        table, claims = self.locks, self._claims
        stamp = machine.time_ms
        fresh = applied.revision == index and applied.code == codes.OK
        for session in applied.ended:
            for number, claim in claims.of(session):
                # The delay is the one that the claim asked for, whatever the state says.
                delayed = claim.held and claim.delay_ms and request[0] != ops.CLOSE
                free_at = stamp + claim.delay_ms if delayed else 0
                table.gone(claim.path, request=number, free_at_ms=free_at)
                del claims.by_request[number]
            table.session_ended(session)
        if fresh and request[0] == ops.RELEASE:
            _, _, _, path, claim = request
            assert isinstance(path, str)
            assert isinstance(claim, int)
            table.gone(path, request=claim)
            del claims.by_request[claim]
        for change in applied.lock_changes:
            if change.state == ops.GONE:
                table.gone(change.path, request=change.request)
                del claims.by_request[change.request]
        if fresh and request[0] == ops.ACQUIRE:
            path, shared, delay_ms = request[3], bool(request[4]), request[6]
            assert isinstance(path, str)
            assert isinstance(delay_ms, int)
            claim = claims.by_request[index] = _Claim(path, applied.session, delay_ms)
            table.asked(path, request=index, session=applied.session, shared=shared)
            match applied.value:
                case [ops.HELD, _, int(token), _]:
                    claim.held = True
                    table.granted(path, request=index, token=token, stamp_ms=stamp)
        for change in applied.lock_changes:
            if change.state == ops.HELD:
                claims.by_request[change.request].held = True
                table.granted(
                    change.path, request=change.request, token=change.token, stamp_ms=stamp
                )


def _plain(value: Value) -> Value:
    """Return a value as it is after a snapshot, or on the wire: arrays are all one."""
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value
