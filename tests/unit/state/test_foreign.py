"""Commands of doors that speak other languages."""

import pytest

from coordsvc.base import limits
from coordsvc.base.vocabulary import codes, ops
from coordsvc.state.acl import ADMIN, CREATE, DELETE, READ, WRITE
from coordsvc.state.arguments import MalformedCommand
from coordsvc.state.commands import validate
from coordsvc.state.foreign import parse
from coordsvc.state.znode import STAT_AVERSION

ANN, BOB = ["digest", "ann:x"], ["digest", "bob:x"]
OPEN_NODE = [ops.CREATE, "/n", b"", 0, False, False, 0, []]


def create_acl(path, acl, kind=0):
    return [ops.CREATE_ACL, path, b"", kind, False, 0, acl]


@pytest.fixture
def session(cell):
    return cell.open()


@pytest.fixture
def as_ann(cell, session):
    def do(*inner):
        return cell.do(session, ops.AS, [ANN], list(inner))

    return do


def test_no_native_client_may_send_them():
    for op in ops.FOREIGN:
        assert validate([op, 1, 1, "/n", [[1, "world", "anyone"]], -1])[0] == codes.MALFORMED


def test_a_node_is_created_with_its_acl_and_only_its_owner_may_use_it(cell, session, as_ann):
    applied = as_ann(*create_acl("/n", [[31, *ANN]]))
    assert applied.code == codes.OK
    assert applied.events[0].acl is cell.machine.tree.nodes["/n"].acl
    for op in (
        [ops.SET, "/n", b"", -1, []],
        [ops.CREATE, "/n/c", b"", 0, False, False, 0, []],
        [ops.SET_ACL, "/n", [[31, *BOB]], -1],
        [ops.CHECK_VERSION, "/n", 0],
    ):
        assert cell.do(session, ops.AS, [BOB], op).code == codes.DENIED, op
        assert as_ann(*op).code == codes.OK, op
        if op[0] == ops.SET_ACL:
            break
    assert as_ann(ops.SET, "/n", b"", -1, []).code == codes.DENIED


@pytest.mark.parametrize(
    ("perms", "op"),
    [
        (WRITE, [ops.SET, "/n", b"", -1, []]),
        (CREATE, [ops.CREATE, "/n/c", b"", 0, False, False, 0, []]),
        (CREATE, [ops.CREATE, "/n/c/d", b"", 0, False, True, 0, []]),
        (ADMIN, [ops.SET_ACL, "/n", [[0, "world", "anyone"]], -1]),
        (READ, [ops.CHECK_VERSION, "/n", -1]),
        (DELETE, [ops.DELETE, "/n/old", -1, False, []]),
        (DELETE, [ops.DELETE, "/n", -1, True, []]),
    ],
)
@pytest.mark.parametrize("native", [False, True])
def test_each_operation_asks_for_its_permission(cell, session, as_ann, perms, op, native):
    cell.create(session, "/n")
    cell.create(session, "/n/old")
    do = as_ann
    if native:

        def do(*op):
            conditions = [list(op)] if op[0] == ops.CHECK_VERSION else []
            return (
                cell.txn(session, conditions, [list(op)]) if conditions else cell.do(session, *op)
            )

        if op[0] in {ops.SET_ACL, ops.CHECK_VERSION}:
            return  # natively there is no such single operation
    cell.do(session, ops.SET_ACL, "/n", [[31 & ~perms, "world", "anyone"], [ADMIN, *BOB]], -1)
    assert do(*op).code == codes.DENIED
    if perms != ADMIN:
        cell.do(session, ops.AS, [BOB], [ops.SET_ACL, "/n", [[perms, "world", "anyone"]], -1])
        assert do(*op).code == codes.OK


def test_a_native_lock_on_a_guarded_node_asks_for_write(cell, session, as_ann):
    as_ann(*create_acl("/n", [[31, *ANN]]))
    assert cell.acquire(session, "/n").code == codes.DENIED
    assert cell.do(session, ops.BREAK, "/n", "").code == codes.DENIED


def test_a_native_client_is_known_by_its_address(cell, session, as_ann):
    as_ann(*create_acl("/n", [[31, "ip", "10.0.0.0/24"]]))  # what the fixture connects from
    assert cell.set(session, "/n", b"1").code == codes.OK
    as_ann(*create_acl("/m", [[31, "ip", "10.0.9.0/24"]]))
    assert cell.set(session, "/m", b"1").code == codes.DENIED
    assert cell.entry(0, [ops.SET, 0, 0, "/m", b"2", -1, []]).code == codes.OK  # an operator


def test_set_acl_counts_aversion_and_tells_nobody(cell, session):
    cell.create(session, "/n")
    applied = cell.do(session, ops.SET_ACL, "/n", [[31, "world", "anyone"]], 0)
    assert (applied.code, applied.value[STAT_AVERSION], applied.events) == (codes.OK, 1, ())
    assert cell.do(session, ops.SET_ACL, "/n", [[1, *ANN]], 0).code == codes.BAD_VERSION
    assert cell.do(session, ops.SET_ACL, "/none", [[1, *ANN]], 0).code == codes.NO_NODE
    assert cell.do(session, ops.SET_ACL, "/n", [], 0).code == codes.INVALID_ACL


def test_a_multi_is_done_as_a_whole_or_not_at_all(cell, session):
    steps = [OPEN_NODE, [ops.SET, "/n", b"1", 0, []], [ops.CHECK_VERSION, "/n", 1]]
    applied = cell.do(session, ops.MULTI, steps)
    done, results = applied.value
    assert (done, [code for code, _ in results]) == (True, [codes.OK] * 3)
    assert [event.path for event in applied.events] == ["/n", "/n"]
    applied = cell.do(
        session,
        ops.MULTI,
        [[ops.SET_ACL, "/n", [[1, *ANN]], 0], [ops.REFUSE, codes.INVALID_ACL], OPEN_NODE],
    )
    done, results = applied.value
    assert not done
    assert [code for code, _ in results] == [
        codes.ROLLED_BACK,
        codes.INVALID_ACL,
        codes.ROLLED_BACK,
    ]
    node = cell.machine.tree.nodes["/n"]
    assert (node.acl, node.aversion, applied.events) == (None, 0, ())


def test_an_empty_multi_is_done(cell, session):
    assert cell.do(session, ops.MULTI, []).value == (True, [])


def test_a_session_that_is_attached_anew_leaves_its_old_commands_behind(cell, session):
    cell.set(session, "/")
    applied = cell.internal(ops.ATTACH_SESSION, session, b"secret", 4_321, "10.0.0.2:1", 0)
    assert applied.opened == (session, b"secret")
    known = cell.machine.sessions.by_id[session]
    assert (known.timeout_ms, known.address) == (4_321, "10.0.0.2:1")
    late = cell.set(session, "/", b"late")
    assert (late.code, cell.machine.tree.nodes["/"].data) == (codes.SUPERSEDED, b"")
    fresh = known.replies.last_serial + 1
    assert cell.do(session, ops.SET, "/", b"new", -1, [], serial=fresh).code == codes.OK
    copy = cell.internal(ops.ATTACH_SESSION, session, b"secret", 4_321, "10.0.0.2:1", 0)
    assert (copy.code, copy.opened) == (codes.SUPERSEDED, None)
    assert cell.do(session, ops.SET, "/", b"on", -1, [], serial=fresh + 1).code == codes.OK
    assert cell.internal(ops.ATTACH_SESSION, session, b"secret", 4_321, "", 1).code == codes.OK


def test_a_session_is_attached_only_with_its_password(cell, session):
    for who, password, code in (
        (session, b"wrong", codes.BAD_PASSWORD),
        (99, b"secret", codes.SESSION_EXPIRED),
    ):
        applied = cell.internal(ops.ATTACH_SESSION, who, password, 5_000, "", 0)
        assert (applied.code, applied.opened) == (code, None)
    assert cell.machine.sessions.by_id[session].replies.last_serial == 0


def test_a_session_cannot_attach_or_open_another(cell, session):
    assert cell.do(session, ops.ATTACH_SESSION, session, b"secret", 5_000, "", 0).code
    assert cell.do(session, ops.OPEN_ZOOKEEPER, b"secret", 5_000, "", "").code


@pytest.mark.parametrize(
    "arguments",
    [
        [ops.AS],
        [ops.AS, [ANN], [ops.TXN, [], [], []]],
        [ops.AS, [ANN], [ops.AS, [BOB], OPEN_NODE]],
        [ops.AS, [ANN], 5],
        [ops.MULTI, 5],
        [ops.MULTI, [[]]],
        [ops.MULTI, [[ops.ACQUIRE, "/n", False, False, 0, ""]]],
        [ops.MULTI, [[ops.REFUSE, 1]] * (limits.MULTI_OPS_MAX + 1)],
        [ops.REFUSE, 0],
        [ops.REFUSE, 32],
        [ops.CREATE_ACL, "/n", b"", 9, False, 0, [[1, *ANN]]],
        [ops.SET_ACL, "/n"],
        [ops.ATTACH_SESSION, 1, "text", 5_000, "", 0],
        [ops.ATTACH_SESSION, 1, b"", 0, "", 0],
    ],
)
def test_what_cannot_be_parsed_is_refused(arguments):
    op, *rest = arguments
    with pytest.raises(MalformedCommand):
        parse([op, 1, 1, *rest], internal=True)


def test_acls_survive_a_snapshot_and_an_undo(cell, session, canonical):
    cell.do(session, *create_acl("/n", [[31, *ANN]]))
    cell.do(session, ops.SET_ACL, "/", [[31, *BOB], [1, "world", "anyone"]], 0)
    restored = type(cell.machine).restore(cell.image())
    assert canonical(restored) == canonical(cell.machine)
    assert restored.tree.nodes["/n"].acl is cell.machine.tree.nodes["/n"].acl
