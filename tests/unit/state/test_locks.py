import msgpack
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from coordsvc.base import limits
from coordsvc.base.vocabulary import codes, ops
from coordsvc.state.events import LockChange
from coordsvc.state.machine import StateMachine
from coordsvc.state.turn import Turn

HELD, WAITING, GONE = ops.HELD, ops.WAITING, ops.GONE


def test_a_free_lock_is_granted_at_once_with_the_revision_as_token(cell):
    session = cell.open()
    applied = cell.acquire(session, "/l/m")
    revision = applied.revision
    assert applied.value == (HELD, revision, revision, 0)
    assert [event.path for event in applied.events] == ["/l", "/l/m"]
    assert all(cell.machine.tree.nodes[path].kind == ops.CONTAINER for path in ("/l", "/l/m"))


def test_waiters_are_served_in_order_and_told(cell):
    a, b, c = cell.open(), cell.open(), cell.open()
    held = cell.acquire(a, "/l").revision
    first = cell.acquire(b, "/l")
    second = cell.acquire(c, "/l")
    assert first.value == (WAITING, first.revision, 0, 1)
    assert second.value == (WAITING, second.revision, 0, 2)
    released = cell.release(a, "/l", held)
    assert released.value is True
    assert released.lock_changes == [LockChange(b, "/l", first.revision, HELD, released.revision)]
    released = cell.release(b, "/l", first.revision)
    assert released.lock_changes == [LockChange(c, "/l", second.revision, HELD, released.revision)]


def test_without_wait_a_taken_lock_is_refused_and_leaves_no_claim(cell):
    a, b = cell.open(), cell.open()
    held = cell.acquire(a, "/l").revision
    assert cell.acquire(b, "/l", wait=False).code == codes.LOCKED
    assert cell.release(a, "/l", held).lock_changes == ()
    assert not cell.machine.sessions.by_id[b].claims
    assert cell.acquire(b, "/l", wait=False).code == codes.OK


def test_shared_claims_join_but_not_past_a_waiting_exclusive_one(cell):
    a, b, c, d = (cell.open() for _ in range(4))
    first = cell.acquire(a, "/l", shared=True).revision
    second = cell.acquire(b, "/l", shared=True)
    assert second.value[0] == HELD
    writer = cell.acquire(c, "/l").revision
    late = cell.acquire(d, "/l", shared=True)
    assert late.value[0] == WAITING
    # Cancelling the exclusive claim lets the shared one behind it in.
    cancelled = cell.release(c, "/l", writer)
    assert cancelled.value is False
    assert [change.request for change in cancelled.lock_changes] == [late.revision]
    assert cell.release(a, "/l", first).value is True


def test_a_shared_claim_at_the_head_is_granted_with_the_following_shared_ones(cell):
    sessions = [cell.open() for _ in range(5)]
    held = cell.acquire(sessions[0], "/l").revision
    wanted = [
        cell.acquire(session, "/l", shared=shared).revision
        for session, shared in zip(sessions[1:], (True, True, False, True), strict=True)
    ]
    applied = cell.release(sessions[0], "/l", held)
    assert [change.request for change in applied.lock_changes] == wanted[:2]
    assert {change.token for change in applied.lock_changes} == {applied.revision}


def test_release_needs_ones_own_claim_on_that_path(cell):
    a, b = cell.open(), cell.open()
    held = cell.acquire(a, "/l").revision
    assert cell.release(b, "/l", held).code == codes.NO_LOCK_REQUEST
    assert cell.release(a, "/other", held).code == codes.NO_LOCK_REQUEST
    assert cell.release(a, "/l", held).code == codes.OK
    assert cell.release(a, "/l", held).code == codes.NO_LOCK_REQUEST


def test_an_ended_session_never_gets_its_own_lock_again_in_the_same_entry(cell):
    a, b = cell.open(), cell.open()
    cell.acquire(a, "/l")
    cell.acquire(a, "/l")
    theirs = cell.acquire(b, "/l").revision
    cell.acquire(a, "/l")
    applied = cell.expire(a)
    assert applied.lock_changes == [LockChange(b, "/l", theirs, HELD, applied.revision)]
    assert list(cell.machine.locks.by_path["/l"].holders) == [theirs]
    assert not cell.machine.locks.by_path["/l"].queue


def test_break_takes_the_lock_from_all_holders_and_grants_the_next(cell):
    a, b, c = cell.open(), cell.open(), cell.open()
    one = cell.acquire(a, "/l", shared=True).revision
    two = cell.acquire(b, "/l", shared=True).revision
    three = cell.acquire(c, "/l").revision
    applied = cell.do(b, ops.BREAK, "/l", "stuck")
    assert applied.value == 2
    assert applied.lock_changes == [
        LockChange(a, "/l", one, GONE, one),
        LockChange(b, "/l", two, GONE, two),
        LockChange(c, "/l", three, HELD, applied.revision),
    ]
    assert cell.release(a, "/l", one).code == codes.NO_LOCK_REQUEST
    assert cell.do(a, ops.BREAK, "/none", "").code == codes.NO_NODE
    cell.put(a, "/idle")
    assert cell.do(a, ops.BREAK, "/idle", "").value == 0


@pytest.mark.parametrize("end", ["expire", "operator"])
def test_lock_delay_holds_after_an_unclean_loss(cell, end):
    a, b = cell.open(), cell.open()
    cell.acquire(a, "/l", delay=500)
    wanted = cell.acquire(b, "/l").revision
    ended = cell.expire(a) if end == "expire" else cell.internal(ops.END_SESSION, a, "why")
    assert ended.lock_changes == ()
    assert cell.machine.next_due_ms() == cell.now + 500
    assert cell.tick(499).lock_changes == ()
    assert cell.acquire(b, "/l", wait=False).code == codes.LOCKED
    applied = cell.tick(1)
    assert applied.lock_changes == [LockChange(b, "/l", wanted, HELD, applied.revision)]


@pytest.mark.parametrize("end", ["close", "release", "waiting"])
def test_lock_delay_does_not_hold_after_a_clean_one(cell, end):
    a, b = cell.open(), cell.open()
    if end == "waiting":
        held = cell.acquire(b, "/l").revision
        cell.acquire(a, "/l", delay=500)
        cell.expire(a)
        cell.release(b, "/l", held)
    else:
        held = cell.acquire(a, "/l", delay=500).revision
        cell.close(a) if end == "close" else cell.release(a, "/l", held)
    assert cell.acquire(b, "/l", wait=False).code == codes.OK


def test_an_acquire_after_the_delay_needs_no_tick_and_keeps_the_order(cell):
    a, b, c = cell.open(), cell.open(), cell.open()
    cell.acquire(a, "/l", delay=500)
    cell.expire(a)
    first = cell.acquire(b, "/l").revision
    cell.now += 500
    applied = cell.acquire(c, "/l")
    assert applied.value[0] == WAITING
    assert applied.lock_changes == [LockChange(b, "/l", first, HELD, applied.revision)]


def test_break_lifts_the_delay(cell):
    a, b = cell.open(), cell.open()
    cell.acquire(a, "/l", delay=500)
    cell.expire(a)
    assert cell.do(b, ops.BREAK, "/l", "").value == 0
    assert cell.acquire(b, "/l", wait=False).code == codes.OK


def test_a_node_with_a_live_lock_cannot_be_deleted(cell):
    a, b = cell.open(), cell.open()
    held = cell.acquire(a, "/x/l", delay=100).revision
    assert cell.delete(b, "/x/l").code == codes.LOCKED
    assert cell.delete(b, "/x", recursive=True).code == codes.LOCKED
    cell.expire(a)
    assert cell.delete(b, "/x/l").code == codes.LOCKED, "delayed"
    cell.tick(100)
    assert cell.delete(b, "/x", recursive=True).value == 2
    assert held


def test_a_lock_on_an_ephemeral_node_goes_with_it(cell):
    a, b, c = cell.open(), cell.open(), cell.open()
    cell.create(a, "/e", kind=ops.EPHEMERAL)
    cell.acquire(a, "/e")
    theirs = cell.acquire(b, "/e").revision
    third = cell.acquire(c, "/e").revision
    applied = cell.expire(a)
    assert applied.lock_changes == [
        LockChange(b, "/e", theirs, GONE, 0),
        LockChange(c, "/e", third, GONE, 0),
    ]
    assert not cell.machine.locks.by_path
    assert not cell.machine.sessions.by_id[b].claims


def test_guards_and_tokens_follow_the_present_holder(cell):
    a, b = cell.open(), cell.open()
    token = cell.acquire(a, "/l").revision
    guard = [["/l", token]]
    assert cell.put(b, "/f", b"1", guards=guard).code == codes.OK
    cell.release(a, "/l", token)
    assert cell.machine.locks.is_valid("/l", token) is False
    newer = cell.acquire(b, "/l").revision
    assert newer > token
    for stale in (
        cell.put(b, "/f", b"2", guards=guard),
        cell.set(b, "/f", b"2", guards=guard),
        cell.delete(b, "/f", guards=guard),
        cell.create(b, "/g", guards=guard),
        cell.set(b, "/f", b"2", guards=[["/l", newer], ["/l", 0]]),
    ):
        assert (stale.code, stale.events) == (codes.STALE_TOKEN, ())
    assert cell.machine.tree.nodes["/f"].data == b"1"


def test_queue_and_claims_are_bounded(cell, monkeypatch):
    monkeypatch.setattr(limits, "LOCK_QUEUE_MAX", 2)
    monkeypatch.setattr(limits, "CLAIMS_PER_SESSION_MAX", 3)
    a, b = cell.open(), cell.open()
    for _ in range(3):
        assert cell.acquire(a, "/l").code == codes.OK
    assert cell.acquire(b, "/l").code == codes.TOO_MANY
    assert len(cell.machine.locks.by_path["/l"].queue) == 2
    applied = cell.acquire(a, "/other")
    assert (applied.code, applied.events) == (codes.TOO_MANY, ())


def test_acquire_on_a_bad_place_creates_nothing(cell):
    session = cell.open()
    cell.create(session, "/e", kind=ops.EPHEMERAL)
    assert cell.acquire(session, "x").code == codes.BAD_PATH
    assert cell.acquire(session, "/e/l").code == codes.NO_CHILDREN_FOR_EPHEMERALS
    assert sorted(cell.machine.tree.nodes) == ["/", "/e"]
    assert not cell.machine.locks.by_path


def test_settling_a_lock_that_went_with_its_node_is_nothing():
    machine = StateMachine()
    turn = Turn(1, 1, 0)
    machine.locks.settle(turn, "/gone")
    assert turn.locks_touched == []


class LocksKeepTheirPromises(RuleBasedStateMachine):
    """One lock, many sessions, against a list of claims in order."""

    def __init__(self):
        super().__init__()
        self.machine = StateMachine()
        self.claims = []  # [session, request, shared, held] in order of request
        self.tokens = []
        self.sessions = [self.apply(0, ops.OPEN_SESSION, b"", 1000, "", "").value for _ in "abc"]

    def apply(self, session, op, *arguments):
        index = self.machine.revision + 1
        return self.machine.apply(
            index, index, msgpack.packb([session, [op, index, index, *arguments]])
        )

    def settle(self, applied):
        """Grant in the model what must be granted now; compare with what was said."""
        granted = []
        for claim in self.claims:
            if claim[3]:
                continue
            holders = [c for c in self.claims if c[3]]
            if holders and not (claim[2] and all(c[2] for c in holders)):
                break
            claim[3] = True
            granted.append(claim)
        told = [c for c in applied.lock_changes if c.state == HELD]
        own = applied.value[0] == HELD if isinstance(applied.value, tuple) else False
        requests = [c.request for c in told] + ([applied.revision] if own else [])
        assert requests == [claim[1] for claim in granted]
        if granted:
            assert all(c.token == applied.revision for c in told)
            assert all(applied.revision > token for token in self.tokens)
            self.tokens.append(applied.revision)

    @rule(who=st.integers(0, 2), shared=st.booleans(), wait=st.booleans())
    def acquire(self, who, shared, wait):
        applied = self.apply(self.sessions[who], ops.ACQUIRE, "/l", shared, wait, 0, "")
        claim = [self.sessions[who], applied.revision, shared, False]
        free = not any(not c[3] for c in self.claims) and all(
            shared and c[2] for c in self.claims if c[3]
        )
        if free or wait:
            self.claims.append(claim)
            assert applied.code == codes.OK
            self.settle(applied)
        else:
            assert applied.code == codes.LOCKED

    @rule(data=st.data())
    def release(self, data):
        if not self.claims:
            return
        claim = data.draw(st.sampled_from(self.claims))
        applied = self.apply(claim[0], ops.RELEASE, "/l", claim[1])
        assert applied.value is claim[3]
        self.claims.remove(claim)
        self.settle(applied)

    @rule(who=st.integers(0, 2))
    def end_session(self, who):
        applied = self.apply(0, ops.EXPIRE_SESSION, self.sessions[who])
        self.claims = [c for c in self.claims if c[0] != self.sessions[who]]
        self.settle(applied)
        self.sessions[who] = self.apply(0, ops.OPEN_SESSION, b"", 1000, "", "").value

    @rule()
    def break_it(self):
        applied = self.apply(0, ops.BREAK, "/l", "")
        lost = [c for c in self.claims if c[3]]
        self.claims = [c for c in self.claims if not c[3]]
        if applied.code == codes.OK:
            assert applied.value == len(lost)
        self.settle(applied)

    @invariant()
    def the_tables_agree(self):
        lock = self.machine.locks.by_path.get("/l")
        holders = list(lock.holders) if lock else []
        queue = list(lock.queue) if lock else []
        assert sorted(holders) == [c[1] for c in self.claims if c[3]]
        assert queue == [c[1] for c in self.claims if not c[3]]
        held = [c for c in self.claims if c[3]]
        assert len(held) <= 1 or all(c[2] for c in held)
        for session in self.sessions:
            mine = [c[1] for c in self.claims if c[0] == session]
            assert sorted(self.machine.sessions.by_id[session].claims) == mine


TestLocksKeepTheirPromises = LocksKeepTheirPromises.TestCase
TestLocksKeepTheirPromises.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None
)
