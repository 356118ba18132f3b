"""Bugs to plant into the code under test: the simulator must find each of them."""

from __future__ import annotations

from contextlib import suppress

import pytest

from coordsvc.base import paths
from coordsvc.base.errors import DiskFailed
from coordsvc.base.ids import Index
from coordsvc.raft.core import Core
from coordsvc.raft.leader import Leader
from coordsvc.raft.messages import Entry, HardState
from coordsvc.raft.quorum import Majority
from coordsvc.raft.ready import Ready
from coordsvc.replica import writing
from coordsvc.replica.cluster_time import ClusterTime
from coordsvc.replica.codec import encode_hard_state
from coordsvc.replica.confirming import Confirmations
from coordsvc.replica.desk import Desk
from coordsvc.replica.due import DueWork
from coordsvc.replica.effects import Effects, LogReset, StoreChunk
from coordsvc.replica.gate import Gate
from coordsvc.replica.health import Health
from coordsvc.replica.liveness import Liveness
from coordsvc.replica.reads import ReadQueue
from coordsvc.replica.replica import Replica
from coordsvc.replica.snapshots import SnapshotTraffic
from coordsvc.replica.telling import Telling
from coordsvc.replica.writing import LogWrites
from coordsvc.state import transactions
from coordsvc.state.expiry import Deadlines
from coordsvc.state.history import History
from coordsvc.state.locks import Lock, LockTable
from coordsvc.state.machine import StateMachine
from coordsvc.state.replies import Replies, Reply
from coordsvc.state.results import Applied
from coordsvc.state.sessions import Session
from coordsvc.state.sweep import Sweep
from coordsvc.state.tree import Tree
from coordsvc.state.turn import Turn
from coordsvc.storage import framing
from coordsvc.storage.segment import Active
from coordsvc.watch.table import WatchTable
from coordsvc_client.lease import Lease
from coordsvc_client.requests import RequestQueue


def acknowledged_before_the_sync(patch: pytest.MonkeyPatch) -> None:
    original = LogWrites.add

    def add(self: LogWrites, ready: Ready, effects: Effects, now: int) -> int:
        effects.send += ready.send_after_sync
        ready.send_after_sync = []
        return original(self, ready, effects, now)

    patch.setattr(LogWrites, "add", add)


def vote_not_kept(patch: pytest.MonkeyPatch) -> None:
    def forgetful(state: HardState) -> bytes:
        return encode_hard_state(HardState(max(0, state.term - 1), None))

    patch.setattr(writing, "encode_hard_state", forgetful)


def read_without_a_quorum(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        Confirmations, "_ask", lambda self, asked, now: self._answer(asked, self._raft.commit)
    )


def read_before_the_term_has_committed(patch: pytest.MonkeyPatch) -> None:
    def beat(self: Leader) -> None:
        core = self._core
        self._heartbeat_at = core.now + core.settings.heartbeat_ms
        self._reads.start(core.commit, core.now)
        for peer, progress in self.followers.items():
            self._send_heartbeat(peer, progress)
        self._confirm_reads()

    patch.setattr(Leader, "_beat", beat)


def event_dropped(patch: pytest.MonkeyPatch) -> None:
    original = WatchTable.match
    count = 0

    def match(self: WatchTable, events: object) -> object:
        nonlocal count
        matched = list(original(self, events))
        count += 1
        return matched[1:] if count % 50 == 0 else matched

    patch.setattr(WatchTable, "match", match)


def token_used_again(patch: pytest.MonkeyPatch) -> None:
    original = LockTable._grant

    def grant(self: LockTable, turn: Turn, path: str, lock: Lock, own: object) -> None:
        before = set(lock.holders)
        original(self, turn, path, lock, own)
        for request, claim in lock.holders.items():
            if request not in before:
                claim.token = 1 + claim.token // 16

    patch.setattr(LockTable, "_grant", grant)


def answers_not_in_the_snapshot(patch: pytest.MonkeyPatch) -> None:
    original = StateMachine.restore

    def restore(chunks: object) -> StateMachine:
        machine = original(chunks)
        for session in machine.sessions.by_id.values():
            session.replies = Replies()
        return machine

    patch.setattr(StateMachine, "restore", restore)


def old_entry_committed_by_counting(patch: pytest.MonkeyPatch) -> None:
    def maybe_commit(self: Leader, news: Index) -> None:
        core = self._core
        matches = {peer: progress.match for peer, progress in self.followers.items()}
        matches[core.me] = core.log.durable
        index = core.members.quorum.reached(matches)
        if index > core.commit:
            core.commit_to(index)

    patch.setattr(Leader, "maybe_commit", maybe_commit)


def expired_although_it_pinged(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Liveness, "heard", lambda self, session, now: session not in self.lapsed)


def sent_again_out_of_order(patch: pytest.MonkeyPatch) -> None:
    original = Desk.resubmit

    def resubmit(self: Desk) -> None:
        original(self)
        self.outgoing.reverse()

    patch.setattr(Desk, "resubmit", resubmit)


def never_sent_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Desk, "resubmit", lambda self: None)


def lease_without_a_margin(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lease, "end", lambda self: self.proved_at + self.timeout_ms * 12 // 10)


def lease_counted_from_the_last_copy(patch: pytest.MonkeyPatch) -> None:
    original = RequestQueue.fill

    def fill(self: RequestQueue, out: list[bytes], revision: int, now: int) -> None:
        sent = {request.serial: request.sends for request in self.open.values()}
        original(self, out, revision, now)
        for request in self.open.values():
            if request.sends > sent[request.serial]:
                request.sent_at = now

    patch.setattr(RequestQueue, "fill", fill)


def session_of_a_read_not_named(patch: pytest.MonkeyPatch) -> None:
    original = ReadQueue.ask
    patch.setattr(ReadQueue, "ask", lambda self, now: (original(self, now)[0], []))


def read_under_a_lease_nobody_gave(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Leader, "lease_until", lambda self: 1 << 61)


def stale_append_truncates(patch: pytest.MonkeyPatch) -> None:
    def accept(self: Core, base: Index, entries: list[Entry]) -> None:
        first = base + 1
        if first <= self.log.last_index:
            self.log.truncate(max(first, self.commit + 1))
            self.members.truncate(max(first, self.commit + 1))
        fresh = entries[self.log.last_index - base :]
        self.log.append(fresh)

    patch.setattr(Core, "accept", accept)


def late_snapshot_moves_back(patch: pytest.MonkeyPatch) -> None:
    def installed(self: Replica, store: StoreChunk, machine: StateMachine, now: int) -> None:
        self._replace_state(store.meta, machine)
        if self.raft.restored(store.meta, now):
            self._effects.writes.append(LogReset(store.meta.index))
        self.snapshots.stored(store, self._effects)

    patch.setattr(Replica, "snapshot_installed", installed)


def expired_without_the_log(patch: pytest.MonkeyPatch) -> None:
    original = DueWork.propose

    def propose(self: DueWork, machine: StateMachine, now: int, wall_ms: int) -> None:
        for session in self._liveness.lapse(now):
            machine.sessions.by_id.pop(session, None)
        original(self, machine, now, wall_ms)

    patch.setattr(DueWork, "propose", propose)


def answer_before_the_event(patch: pytest.MonkeyPatch) -> None:
    original = Telling.tell

    def tell(self: Telling, applied: Applied, now: int) -> None:
        events, applied.events = applied.events, []
        original(self, applied, now)
        for client, watch_id, event in self._watches.match(events):
            client.notify(watch_id, event)

    patch.setattr(Telling, "tell", tell)


def lock_delay_ignored(patch: pytest.MonkeyPatch) -> None:
    original = LockTable.withdraw
    patch.setattr(
        LockTable,
        "withdraw",
        lambda self, turn, session, *, clean: original(self, turn, session, clean=True),
    )


def digests_not_compared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Health, "_on_reply", lambda self, *_: None)


def learner_counted(patch: pytest.MonkeyPatch) -> None:
    def reached(self: Majority, values: dict[str, int]) -> int:
        return sorted(values.values(), reverse=True)[self._needed - 1]

    patch.setattr(Majority, "reached", reached)


def member_with_an_empty_folder_votes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "refusal_of", lambda self, greeting: None)


def retry_applied_twice(patch: pytest.MonkeyPatch) -> None:
    def remember(self: Replies, reply: Reply) -> None:
        self.kept.append(reply)
        while len(self.kept) > 100:
            self.kept.pop(0)

    patch.setattr(Replies, "remember", remember)


def number_of_a_name_used_again(patch: pytest.MonkeyPatch) -> None:
    original = Tree.create

    def create(self: Tree, turn: Turn, path: str, data: bytes | None, **more: object) -> object:
        parent = self.nodes.get(paths.parent_of(path))
        if more.get("sequential") and parent is not None and parent.children:
            kept, parent.creates = parent.creates, len(parent.children)
            try:
                return original(self, turn, path, data, **more)
            finally:
                parent.creates = kept + 1
        return original(self, turn, path, data, **more)

    patch.setattr(Tree, "create", create)


def half_a_transaction(patch: pytest.MonkeyPatch) -> None:
    original = transactions.run_all

    def run_all(turn: Turn, steps: list[object], *rest: object) -> object:
        short = len(steps) > 1 and turn.revision % 7 == 0
        done, results = original(turn, steps[:-1] if short else steps, *rest)
        return done, [*results, results[-1]] if short else results

    patch.setattr(transactions, "run_all", run_all)


def ephemerals_outlive_their_session(patch: pytest.MonkeyPatch) -> None:
    original = StateMachine._end

    def end(self: StateMachine, turn: Turn, session: int, *, clean: bool) -> bool:
        known = self.sessions.by_id.get(session)
        if known is not None and not clean:
            for path in list(known.ephemerals):
                known.disown(path)
        return original(self, turn, session, clean=clean)

    patch.setattr(StateMachine, "_end", end)


def exclusive_lock_shared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lock, "admits", lambda self, claim: claim.shared or not self.holders)


def latest_waiter_served_first(patch: pytest.MonkeyPatch) -> None:
    original = LockTable._grant

    def grant(self: LockTable, turn: Turn, path: str, lock: Lock, own: object) -> None:
        if len(lock.queue) > 1:
            lock.queue.move_to_end(next(reversed(lock.queue)), last=False)
        original(self, turn, path, lock, own)

    patch.setattr(LockTable, "_grant", grant)


def waiter_becomes_a_ghost(patch: pytest.MonkeyPatch) -> None:
    original = LockTable.withdraw

    def withdraw(self: LockTable, turn: Turn, session: Session, *, clean: bool) -> list[str]:
        for request, path in list(session.claims.items()):
            if request in self.by_path[path].queue:
                session.unclaim(request)
        return original(self, turn, session, clean=clean)

    patch.setattr(LockTable, "withdraw", withdraw)


def guard_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LockTable, "is_valid", lambda self, path, token: token > 0)


def resumed_watch_without_what_was_missed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(History, "since", lambda self, revision: [])


def cut_history_not_told(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        History,
        "since",
        lambda self, revision: [each for each in self.events if each.revision > revision],
    )


def follower_reads_what_it_has(patch: pytest.MonkeyPatch) -> None:
    original = ReadQueue.confirmed

    def confirmed(self: ReadQueue, token: int, index: Index, **more: object) -> object:
        return original(self, token, 0, **more)

    patch.setattr(ReadQueue, "confirmed", confirmed)


def damage_taken_for_a_torn_tail(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(framing, "records_behind", lambda *_, **__: iter(()))


def failed_sync_believed(patch: pytest.MonkeyPatch) -> None:
    def write_and_sync(self: Active) -> None:
        if self._pending:
            self.write()
            with suppress(DiskFailed):
                self._file.sync()
            self.synced_all()

    patch.setattr(Active, "write_and_sync", write_and_sync)


def log_dropped_before_the_snapshot_is_there(patch: pytest.MonkeyPatch) -> None:
    original = SnapshotTraffic.take

    def take(self: SnapshotTraffic, machine: StateMachine, effects: Effects) -> None:
        original(self, machine, effects)
        effects.drop_log_before = machine.revision + 1

    patch.setattr(SnapshotTraffic, "take", take)


def time_leaps_with_the_calendar(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        ClusterTime, "read", lambda self, now, wall_ms, applied_ms, leads: max(wall_ms, applied_ms)
    )


def node_goes_before_its_time(patch: pytest.MonkeyPatch) -> None:
    original = Deadlines.set
    patch.setattr(Deadlines, "set", lambda self, path, due_ms: original(self, path, due_ms - 50))


def snapshot_of_a_moving_state(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Sweep, "before_change", lambda self, key: None)
