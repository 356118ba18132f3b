"""The simulator is tested by bugs planted into the code under test: each must be found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import pytest

from coordsvc.base.ids import Index
from coordsvc.raft.leader import Leader
from coordsvc.raft.messages import HardState
from coordsvc.raft.ready import Ready
from coordsvc.replica import writing
from coordsvc.replica.codec import encode_hard_state
from coordsvc.replica.confirming import Confirmations
from coordsvc.replica.desk import Desk
from coordsvc.replica.effects import Effects
from coordsvc.replica.liveness import Liveness
from coordsvc.replica.reads import ReadQueue
from coordsvc.replica.writing import LogWrites
from coordsvc.state.locks import Lock, LockTable
from coordsvc.state.machine import StateMachine
from coordsvc.state.replies import Replies
from coordsvc.state.turn import Turn
from coordsvc.watch.table import WatchTable
from coordsvc_client.lease import Lease
from coordsvc_client.requests import RequestQueue
from tests.sim.__main__ import CRASHED, run_seed
from tests.sim.run import Tuning

pytestmark = [pytest.mark.sim, pytest.mark.slow]

Plant = Callable[[pytest.MonkeyPatch], None]


def acknowledged_before_the_sync(patch: pytest.MonkeyPatch) -> None:
    original = LogWrites.add

    def add(self: LogWrites, ready: Ready, effects: Effects) -> int:
        effects.send += ready.send_after_sync
        ready.send_after_sync = []
        return original(self, ready, effects)

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
        sent = {request.serial: request.sends for request in self._open.values()}
        original(self, out, revision, now)
        for request in self._open.values():
            if request.sends > sent[request.serial]:
                request.sent_at = now

    patch.setattr(RequestQueue, "fill", fill)


def session_of_a_read_not_named(patch: pytest.MonkeyPatch) -> None:
    original = ReadQueue.ask
    patch.setattr(ReadQueue, "ask", lambda self, now: (original(self, now)[0], []))


CRASHES: Final = ("crash machine", "crash", "transfer", "slow disk")
PARTITIONS: Final = ("partition", "isolate", "one-way", "clog", "flap")


class Planted(NamedTuple):
    """A bug, the conditions under which it is looked for, and how many seeds that may take."""

    plant: Plant
    tuning: Tuning = Tuning()
    seeds: int = 400


PLANTED: Final = (
    Planted(
        acknowledged_before_the_sync,
        Tuning(nodes=3, kinds=("crash machine", "slow disk", "isolate")),
    ),
    Planted(vote_not_kept, Tuning(nodes=3, kinds=("crash machine", "transfer", "isolate"))),
    Planted(
        read_without_a_quorum, Tuning(nodes=3, kinds=PARTITIONS, workloads=("register", "counter"))
    ),
    Planted(
        read_before_the_term_has_committed,
        Tuning(
            nodes=3,
            kinds=("slow disk", "transfer", "crash", "clog"),
            workloads=("register", "counter"),
        ),
    ),
    Planted(event_dropped),
    Planted(token_used_again),
    Planted(
        answers_not_in_the_snapshot,
        Tuning(nodes=3, kinds=("reset", "crash", "transfer"), snapshot_every=5),
    ),
    Planted(
        old_entry_committed_by_counting,
        Tuning(nodes=5, kinds=("crash", "isolate", "slow disk", "partition")),
    ),
    Planted(expired_although_it_pinged),
    Planted(sent_again_out_of_order),
    Planted(never_sent_again),
    Planted(lease_without_a_margin),
    Planted(
        lease_counted_from_the_last_copy,
        Tuning(nodes=1, kinds=("slow disk", "isolate client", "pause")),
        seeds=300,
    ),
    Planted(
        session_of_a_read_not_named,
        Tuning(nodes=3, kinds=("reset", "isolate client", "clog", "slow disk")),
    ),
)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.plant.__name__)
def test_a_planted_bug_is_found(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    planted.plant(monkeypatch)
    for seed in range(1, 1 + planted.seeds):
        result = run_seed(seed, planted.tuning)
        assert result.exit_code != CRASHED, result.why
        if result.exit_code:
            print(f"seed {seed}: {result.why.splitlines()[-1][:160]}")
            return
    pytest.fail(f"{planted.seeds} seeds have not found it")
