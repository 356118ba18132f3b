"""The simulator is tested by bugs planted into the code under test: each must be found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coordsvc.base.ids import Index, Millis, NodeId, SessionId
from coordsvc.base.record import record
from coordsvc.raft.leader import Leader
from coordsvc.raft.messages import HardState
from coordsvc.raft.ready import Ready
from coordsvc.replica import replica as replica_module
from coordsvc.replica.codec import encode_hard_state
from coordsvc.replica.desk import Desk
from coordsvc.replica.liveness import Liveness
from coordsvc.replica.messages import PeerMessage
from coordsvc.replica.reads import ReadQueue
from coordsvc.replica.replica import Replica
from coordsvc.state.locks import Lock, LockTable
from coordsvc.state.machine import StateMachine
from coordsvc.state.replies import Replies
from coordsvc.state.turn import Turn
from coordsvc.watch.table import WatchTable
from coordsvc_client.lease import Lease
from tests.sim.__main__ import run_seed

pytestmark = [pytest.mark.sim, pytest.mark.slow]

Plant = Callable[[pytest.MonkeyPatch], None]


def acknowledged_before_the_sync(patch: pytest.MonkeyPatch) -> None:
    original = Replica._write

    def write(self: Replica, ready: Ready, promises: list[tuple[NodeId, PeerMessage]]) -> None:
        original(self, ready, [])
        self._effects.send += promises

    patch.setattr(Replica, "_write", write)


def vote_not_kept(patch: pytest.MonkeyPatch) -> None:
    def forgetful(state: HardState) -> bytes:
        return encode_hard_state(HardState(max(0, state.term - 1), None))

    patch.setattr(replica_module, "encode_hard_state", forgetful)


def read_without_a_quorum(patch: pytest.MonkeyPatch) -> None:
    def confirm(
        self: Replica, asker: NodeId, token: int, lapsed: list[SessionId], now: Millis
    ) -> None:
        self._round += 1
        self._rounds[self._round] = (asker, token, lapsed)
        self._on_confirmed(self._round, self.raft.commit, now)

    patch.setattr(Replica, "_confirm", confirm)


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


def lease_counted_from_the_answer(patch: pytest.MonkeyPatch) -> None:
    original = Lease.prove

    def prove(self: Lease, sent_at: int) -> None:
        original(self, sent_at + self.timeout_ms // 3)

    patch.setattr(Lease, "prove", prove)


def session_of_a_read_not_named(patch: pytest.MonkeyPatch) -> None:
    original = ReadQueue.ask
    patch.setattr(ReadQueue, "ask", lambda self, now: (original(self, now)[0], []))


@record
class Planted:
    """A bug, and within how many seeds it must be found."""

    plant: Plant
    seeds: int


PLANTED = (
    Planted(acknowledged_before_the_sync, 100),
    Planted(vote_not_kept, 100),
    Planted(read_without_a_quorum, 100),
    Planted(read_before_the_term_has_committed, 100),
    Planted(event_dropped, 100),
    Planted(token_used_again, 100),
    Planted(answers_not_in_the_snapshot, 100),
    Planted(old_entry_committed_by_counting, 100),
    Planted(expired_although_it_pinged, 100),
    Planted(sent_again_out_of_order, 100),
    Planted(never_sent_again, 100),
    Planted(lease_counted_from_the_answer, 100),
    Planted(session_of_a_read_not_named, 100),
)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.plant.__name__)
def test_a_planted_bug_is_found(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    planted.plant(monkeypatch)
    for seed in range(1, 1 + planted.seeds):
        result = run_seed(seed)
        if result.exit_code:
            print(f"seed {seed}: {result.why.splitlines()[-1][:160]}")
            return
    pytest.fail(f"{planted.seeds} seeds have not found it")
