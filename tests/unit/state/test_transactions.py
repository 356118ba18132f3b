from coordsvc.base.vocabulary import codes, ops

OK = (codes.OK, None)


def create(path, data=b"", kind=ops.PERSISTENT, seq=False):
    return [ops.CREATE, path, data, kind, seq, False, 0, []]


def set_(path, data=b"", version=-1):
    return [ops.SET, path, data, version, []]


def delete(path, version=-1):
    return [ops.DELETE, path, version, False, []]


def check(path, version=-1):
    return [ops.CHECK_VERSION, path, version]


def test_later_operations_see_the_effects_of_earlier_ones(cell):
    session = cell.open()
    applied = cell.txn(session, [], [create("/a"), set_("/a", b"x", 0), check("/a", 1)])
    succeeded, results = applied.value
    assert succeeded is True
    assert [code for code, _ in results] == [0, 0, 0]
    assert results[0][1][0] == "/a"
    assert [(e.kind, e.revision) for e in applied.events] == [
        (ops.CREATED, applied.revision), (ops.CHANGED, applied.revision),
    ]  # fmt: skip
    assert cell.machine.tree.nodes["/a"].data == b"x"


def test_a_failing_operation_undoes_the_branch_and_leaves_no_trace(cell, canonical):
    session = cell.open()
    cell.create(session, "/a", b"1")
    cell.create(session, "/t", kind=ops.TTL, ttl=50)
    cell.create(session, "/c/x", parents=True)
    nodes = [row for row in canonical(cell.machine) if row.startswith("[1,")]
    due = cell.machine.next_due_ms()
    applied = cell.txn(
        session,
        [],
        [
            create("/a/s-", seq=True),
            set_("/a", b"2"),
            create("/e", kind=ops.EPHEMERAL),
            create("/t/child"),
            delete("/c/x"),
            set_("/missing"),
            create("/never"),
        ],
    )
    undone = (codes.ROLLED_BACK, None)
    assert applied.value == (False, [undone] * 5 + [(codes.NO_NODE, None), undone])
    assert applied.code == codes.OK
    assert applied.events == ()
    assert [row for row in canonical(cell.machine) if row.startswith("[1,")] == nodes
    assert cell.machine.next_due_ms() == due
    assert not cell.machine.sessions.by_id[session].ephemerals
    assert cell.create(session, "/a/s-", seq=True).value[0] == "/a/s-0000000000"


def test_conditions_choose_the_branch(cell):
    session = cell.open()
    cell.create(session, "/a", b"x")
    mzxid = cell.set(session, "/a", b"y").revision
    token = cell.acquire(session, "/l").revision
    for condition, holds in [
        (check("/a"), True),
        (check("/a", 1), True),
        (check("/a", 0), False),
        (check("/none"), False),
        ([ops.CHECK_EXISTS, "/a", True], True),
        ([ops.CHECK_EXISTS, "/a", False], False),
        ([ops.CHECK_EXISTS, "/none", False], True),
        ([ops.CHECK_TOKEN, "/l", token], True),
        ([ops.CHECK_TOKEN, "/l", token + 1], False),
        ([ops.CHECK_DATA, "/a", b"y"], True),
        ([ops.CHECK_DATA, "/a", None], False),
        ([ops.CHECK_DATA, "/none", None], False),
        ([ops.CHECK_MZXID, "/a", mzxid], True),
        ([ops.CHECK_MZXID, "/a", mzxid - 1], False),
        ([ops.CHECK_MZXID, "/none", mzxid], False),
    ]:
        put = [ops.PUT, "/yes", b"", False, []]
        applied = cell.txn(session, [condition], [put], [[ops.PUT, "/no", b"", False, []]])
        assert applied.value[0] is holds, condition
        assert applied.events[0].path == ("/yes" if holds else "/no")


def test_an_empty_transaction_has_no_results(cell):
    session = cell.open()
    assert cell.txn(session, [], []).value == (True, [])
    assert cell.txn(session, [check("/none")], [create("/a")]).value == (False, [])


def test_a_failing_check_in_a_branch_undoes_it(cell):
    session = cell.open()
    cell.create(session, "/a")
    applied = cell.txn(session, [], [set_("/a", b"x"), [ops.CHECK_TOKEN, "/a", 5]])
    assert applied.value == (False, [(codes.ROLLED_BACK, None), (codes.STALE_TOKEN, None)])
    applied = cell.txn(session, [], [set_("/a", b"x"), check("/a", 0)])
    assert applied.value == (False, [(codes.ROLLED_BACK, None), (codes.BAD_VERSION, None)])


def test_a_node_made_and_deleted_again_in_one_transaction_leaves_its_events(cell):
    session = cell.open()
    applied = cell.txn(
        session, [], [create("/e", kind=ops.EPHEMERAL), delete("/e"), create("/e", b"2")]
    )
    assert [e.kind for e in applied.events] == [ops.CREATED, ops.DELETED, ops.CREATED]
    assert not cell.machine.sessions.by_id[session].ephemerals
    cell.close(session)
    assert cell.machine.tree.nodes["/e"].data == b"2"
