"""The search accepts what one thing could have answered, and catches each planted mistake."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes, messages, ops
from tests.sim.checkers.linearizability import Verdict, check, check_parts, divide
from tests.sim.checkers.models import LockModel, RegisterModel, keys_of
from tests.sim.history import History, Operation
from tests.sim.verdicts import WrongResult
from tests.sim.workloads.client import create_args
from tests.sim.world import World


class Script:
    """Writes histories of the one register `/x` by hand."""

    def __init__(self) -> None:
        self.history = History(World(1))

    def begin(self, op: int, *args: Value, client: str = "a") -> Operation:
        return self.history.invoke(client, op, args)

    def end(self, operation: Operation, value: Value = None, *, code: int = codes.OK) -> None:
        self.history.complete(operation, code=code, value=value)

    def get(self, data: bytes, version: int) -> None:
        self.end(self.begin(ops.GET, "/x"), [data, stat(version)])

    def create(self, data: bytes) -> None:
        self.end(self.begin(ops.CREATE, *create_args("/x", data)), ["/x", stat(0)])

    def begin_set(self, data: bytes, version: int = -1) -> Operation:
        return self.begin(ops.SET, "/x", data, version, [])

    def set(self, data: bytes, becomes: int) -> None:
        self.end(self.begin_set(data), stat(becomes))

    def unknown_set(self, data: bytes, version: int = -1) -> None:
        self.end(self.begin_set(data, version), code=codes.OUTCOME_UNKNOWN)

    def verdict(self) -> Verdict:
        return check(self.history.operations, RegisterModel(["/x"])).verdict


def stat(version: int) -> list[int]:
    return [version if field == "version" else 0 for field in messages.STAT_FIELDS]


def test_one_client_alone_reads_what_it_wrote() -> None:
    script = Script()
    script.create(b"1")
    script.set(b"2", becomes=1)
    script.get(b"2", 1)
    assert script.verdict() is Verdict.LINEARIZABLE


def test_a_lost_write_is_caught() -> None:
    script = Script()
    script.create(b"1")
    script.set(b"2", becomes=1)
    script.get(b"1", 0)
    assert script.verdict() is Verdict.NOT_LINEARIZABLE


def test_a_stale_read_by_another_client_is_caught_and_named() -> None:
    script = Script()
    script.create(b"1")
    read = script.begin(ops.GET, "/x", client="b")
    script.end(read, [b"1", stat(0)])
    write = script.begin_set(b"2")
    script.end(write, stat(1))
    late = script.begin(ops.GET, "/x", client="b")
    script.end(late, [b"1", stat(0)])
    finding = check(script.history.operations, RegisterModel(["/x"]))
    assert finding.stuck == (late,)
    with pytest.raises(WrongResult, match="after 3 operations"):
        finding.demand()


def test_concurrent_reads_may_see_the_old_or_the_new() -> None:
    for seen, version in ((b"1", 0), (b"2", 1)):
        script = Script()
        script.create(b"1")
        write = script.begin_set(b"2")
        script.get(seen, version)
        script.end(write, stat(1))
        assert script.verdict() is Verdict.LINEARIZABLE


def test_two_reads_may_not_see_the_new_and_then_the_old() -> None:
    script = Script()
    script.create(b"1")
    write = script.begin_set(b"2")
    script.get(b"2", 1)
    script.get(b"1", 0)
    script.end(write, stat(1))
    assert script.verdict() is Verdict.NOT_LINEARIZABLE


def test_an_unknown_write_may_take_effect_late_or_never() -> None:
    for seen, version in ((b"1", 0), (b"2", 1)):
        script = Script()
        script.create(b"1")
        script.unknown_set(b"2")
        script.get(b"1", 0)
        script.get(seen, version)
        assert script.verdict() is Verdict.LINEARIZABLE


def test_an_unknown_write_does_not_take_effect_twice() -> None:
    script = Script()
    script.create(b"1")
    script.unknown_set(b"2")
    script.get(b"2", 2)
    assert script.verdict() is Verdict.NOT_LINEARIZABLE


def test_an_unknown_write_does_not_take_effect_before_it_was_asked_for() -> None:
    script = Script()
    script.create(b"1")
    script.get(b"2", 1)
    script.unknown_set(b"2")
    assert script.verdict() is Verdict.NOT_LINEARIZABLE


def test_a_failed_write_is_as_if_never_asked() -> None:
    script = Script()
    script.create(b"1")
    script.end(script.begin_set(b"2"), code=codes.NOT_LEADER)
    script.get(b"2", 1)
    assert script.verdict() is Verdict.NOT_LINEARIZABLE


def test_a_double_apply_shows_in_the_version() -> None:
    script = Script()
    script.create(b"1")
    script.set(b"2", becomes=2)
    assert script.verdict() is Verdict.NOT_LINEARIZABLE


def test_a_refusal_needs_its_reason() -> None:
    script = Script()
    script.create(b"1")
    script.end(script.begin_set(b"2", version=0), code=codes.BAD_VERSION)
    assert script.verdict() is Verdict.NOT_LINEARIZABLE


def test_both_of_two_conditional_writes_cannot_win() -> None:
    script = Script()
    script.create(b"0")
    one, other = script.begin_set(b"1", 0), script.begin_set(b"2", 0)
    script.end(one, stat(1))
    script.end(other, stat(1))
    assert script.verdict() is Verdict.NOT_LINEARIZABLE


def test_put_and_delete_are_understood() -> None:
    script = Script()
    script.end(script.begin(ops.DELETE, "/x", -1, False, []), code=codes.NO_NODE)
    script.end(script.begin(ops.PUT, "/x", b"1", False, []), [True, stat(0)])
    script.end(script.begin(ops.PUT, "/x", b"2", False, []), [False, stat(1)])
    script.end(script.begin(ops.CREATE, *create_args("/x", b"")), code=codes.NODE_EXISTS)
    script.end(script.begin(ops.DELETE, "/x", 1, False, []), 1)
    script.end(script.begin(ops.GET, "/x"), code=codes.NO_NODE)
    assert script.verdict() is Verdict.LINEARIZABLE


def transaction(script: Script, *, undone: bool = False) -> Operation:
    """Move one from /x to /y, if /x holds 1."""
    conditions: list[Value] = [
        [ops.CHECK_DATA, "/x", b"1"],
        [ops.CHECK_EXISTS, "/y", True],
        [ops.CHECK_VERSION, "/y", -1],
    ]
    version = 7 if undone else -1
    then: list[Value] = [
        [ops.SET, "/x", b"0", -1, []],
        [ops.CHECK_VERSION, "/x", 1],
        [ops.SET, "/y", b"1", version, []],
    ]
    return script.begin(ops.TXN, conditions, then, [])


def started() -> Script:
    script = Script()
    script.end(script.begin(ops.PUT, "/x", b"1", False, []), [True, stat(0)])
    script.end(script.begin(ops.PUT, "/y", b"0", False, []), [True, stat(0)])
    return script


def judged(script: Script) -> Verdict:
    return check_parts(script.history.operations, keys_of=keys_of, model_of=RegisterModel).verdict


def test_a_transaction_has_all_its_effects() -> None:
    for seen, verdict in ((b"1", Verdict.LINEARIZABLE), (b"0", Verdict.NOT_LINEARIZABLE)):
        script = started()
        script.end(transaction(script), [True, [[0, None]] * 3])
        read = script.begin(ops.GET, "/y")
        script.end(read, [seen, stat(1 if seen == b"1" else 0)])
        assert judged(script) is verdict


def test_a_transaction_that_is_undone_has_none() -> None:
    script = started()
    undone: list[Value] = [codes.ROLLED_BACK, None]
    results: list[Value] = [undone, undone, [codes.BAD_VERSION, None]]
    script.end(transaction(script, undone=True), [True, results])
    script.get(b"1", 0)
    assert judged(script) is Verdict.LINEARIZABLE
    script.get(b"0", 1)
    assert judged(script) is Verdict.NOT_LINEARIZABLE


def test_a_transaction_whose_conditions_fail_takes_the_other_branch() -> None:
    script = started()
    script.set(b"5", becomes=1)
    script.end(transaction(script), [False, []])
    script.get(b"5", 1)
    assert judged(script) is Verdict.LINEARIZABLE


def test_histories_are_divided_by_the_keys_that_meet_in_a_transaction() -> None:
    script = started()
    transaction(script)
    script.begin(ops.GET, "/z")
    parts = divide(script.history.operations, keys_of)
    assert [keys for keys, _ in parts] == [("/x", "/y"), ("/z",)]
    assert [len(part) for _, part in parts] == [3, 1]


def test_a_search_that_is_too_long_is_undecided_and_accepted() -> None:
    script = Script()
    script.create(b"1")
    script.get(b"1", 0)
    finding = check_parts(
        script.history.operations, keys_of=keys_of, model_of=RegisterModel, steps_max=1
    )
    assert finding.verdict is Verdict.UNDECIDED
    finding.demand()


def simulated(seed: int, *, operations: int, clients: int, lost_percent: int) -> list[Operation]:
    """Return a right history of one register: effects happen between call and return."""
    world = World(seed)
    history, chance = History(world), world.stream("test")
    model, state = RegisterModel(["/x"]), RegisterModel(["/x"]).initial()
    busy: dict[str, tuple[Operation, bool]] = {}
    written = itertools.count()
    while len(history.operations) < operations or busy:
        client = f"c{chance.randrange(clients)}"
        if client not in busy:
            if len(history.operations) >= operations:
                client = chance.choice(sorted(busy))
            else:
                op = chance.choice([ops.GET, ops.PUT])
                value = b"%d" % next(written)
                args: tuple[Value, ...] = ("/x",)
                if op == ops.PUT:
                    args = ("/x", value, False, [])
                busy[client] = (history.invoke(client, op, args), True)
                continue
        operation, pending = busy[client]
        if pending:
            after = model.step(state, operation)
            assert after is not None
            was_absent, state = state[0] is None, after
            cell = state[0]
            busy[client] = (operation, False)
            if cell is None:
                operation.value = None
            elif operation.op == ops.GET:
                operation.value = [cell.data, stat(cell.version)]
            else:
                operation.value = [was_absent, stat(cell.version)]
            continue
        del busy[client]
        code = codes.OK if operation.value is not None else codes.NO_NODE
        if chance.randrange(100) < lost_percent:
            code = codes.OUTCOME_UNKNOWN
        history.complete(operation, code=code, value=operation.value)
    return history.operations


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), lost=st.sampled_from([0, 5, 30]))
def test_right_histories_are_accepted(seed: int, lost: int) -> None:
    history = simulated(seed, operations=60, clients=5, lost_percent=lost)
    assert check(history, RegisterModel(["/x"])).verdict is Verdict.LINEARIZABLE


def test_thousands_of_operations_of_ten_clients_are_checked_quickly() -> None:
    history = simulated(1, operations=3000, clients=10, lost_percent=1)
    finding = check(history, RegisterModel(["/x"]))
    assert finding.verdict is Verdict.LINEARIZABLE
    assert finding.steps < 10 * len(history)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_one_falsified_read_among_many_is_found(seed: int) -> None:
    history = simulated(seed, operations=100, clients=4, lost_percent=0)
    reads = [o for o in history if o.op == ops.GET and o.value is not None]
    last = reads[-1]
    last.value = [b"never written", stat(0)]
    assert check(history, RegisterModel(["/x"])).verdict is Verdict.NOT_LINEARIZABLE


def lock_verdict(*steps: tuple[str, int, int, Value]) -> Verdict:
    """Judge steps of (client, op, code, value), one after the other."""
    history = History(World(1))
    for client, op, code, value in steps:
        operation = history.invoke(client, op, ("/lock",))
        history.complete(operation, code=code, value=value)
    return check(history.operations, LockModel()).verdict


def held(client: str, token: int) -> tuple[str, int, int, Value]:
    return client, ops.ACQUIRE, codes.OK, [ops.HELD, token, token, 0]


RELEASED: tuple[int, int, Value] = (ops.RELEASE, codes.OK, True)


def test_a_lock_goes_from_hand_to_hand() -> None:
    refused: tuple[str, int, int, Value] = ("b", ops.ACQUIRE, codes.LOCKED, None)
    steps = (held("a", 1), refused, ("a", *RELEASED), held("b", 2))
    assert lock_verdict(*steps) is Verdict.LINEARIZABLE


@pytest.mark.parametrize(
    "steps",
    [
        (held("a", 1), held("b", 2)),
        (held("a", 1), ("a", *RELEASED), held("b", 1)),
        (("a", ops.ACQUIRE, codes.LOCKED, None),),
        (held("a", 1), ("b", *RELEASED)),
    ],
    ids=["two holders", "a token reused", "locked by nobody", "released by another"],
)
def test_a_wrong_lock_is_caught(steps: tuple[tuple[str, int, int, Value], ...]) -> None:
    assert lock_verdict(*steps) is Verdict.NOT_LINEARIZABLE


def test_a_session_that_may_have_ended_may_have_freed_its_lock() -> None:
    ended: tuple[str, int, int, Value] = ("a", ops.CLOSE, codes.OUTCOME_UNKNOWN, None)
    assert lock_verdict(held("a", 1), ended, held("b", 2)) is Verdict.LINEARIZABLE


def test_an_unknown_acquire_may_hold_the_lock() -> None:
    unknown: tuple[str, int, int, Value] = ("a", ops.ACQUIRE, codes.OUTCOME_UNKNOWN, None)
    refused: tuple[str, int, int, Value] = ("b", ops.ACQUIRE, codes.LOCKED, None)
    assert lock_verdict(unknown, refused) is Verdict.LINEARIZABLE


def test_an_acquire_that_was_overtaken_has_no_effect() -> None:
    overtaken: tuple[str, int, int, Value] = ("a", ops.ACQUIRE, codes.SUPERSEDED, None)
    locked: tuple[str, int, int, Value] = ("b", ops.ACQUIRE, codes.LOCKED, None)
    assert lock_verdict(overtaken, held("b", 1)) is Verdict.LINEARIZABLE
    assert lock_verdict(overtaken, locked) is Verdict.NOT_LINEARIZABLE
