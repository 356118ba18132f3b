from coordsvc.base import limits
from coordsvc.base.vocabulary import codes, ops


def test_a_session_is_named_by_the_index_of_its_entry_and_its_asker_is_told(cell):
    cell.tick()
    applied = cell.internal(ops.OPEN_SESSION, b"pw", 5000, "me", "here")
    assert (applied.value, applied.opened) == (2, (2, b"pw"))
    session = cell.machine.sessions.by_id[2]
    assert (session.timeout_ms, session.client_name, session.opened_ms) == (5000, "me", 1000)


def test_sessions_are_bounded(cell, monkeypatch):
    monkeypatch.setattr(limits, "SESSIONS_MAX", 2)
    first = cell.open()
    cell.open()
    applied = cell.internal(ops.OPEN_SESSION, b"", 5000, "", "")
    assert (applied.code, applied.opened) == (codes.TOO_MANY, None)
    cell.close(first)
    assert cell.open()


def test_close_removes_all_ephemerals_in_one_entry_in_order(cell):
    one, two = cell.open(), cell.open()
    cell.create(one, "/d")
    for name in "cab":
        cell.create(one, f"/d/{name}", kind=ops.EPHEMERAL)
    cell.create(two, "/d/other", kind=ops.EPHEMERAL)
    applied = cell.close(one)
    assert applied.ended == (one,)
    assert [(e.kind, e.path) for e in applied.events] == [
        (ops.DELETED, "/d/a"), (ops.DELETED, "/d/b"), (ops.DELETED, "/d/c"),
    ]  # fmt: skip
    assert sorted(cell.machine.tree.nodes) == ["/", "/d", "/d/other"]


def test_an_ended_session_never_writes_again(cell):
    session = cell.open()
    assert cell.expire(session).value is True
    assert cell.create(session, "/a").code == codes.SESSION_EXPIRED
    assert cell.expire(session).value is False
    assert cell.internal(ops.END_SESSION, session, "why").value is False
    assert "/a" not in cell.machine.tree.nodes


def test_a_deleted_ephemeral_is_no_longer_its_sessions(cell):
    session = cell.open()
    cell.create(session, "/e", kind=ops.EPHEMERAL)
    cell.set(session, "/e", b"x")
    assert list(cell.machine.sessions.by_id[session].ephemerals) == ["/e"]
    cell.delete(session, "/e")
    assert not cell.machine.sessions.by_id[session].ephemerals
    cell.create(session, "/e")
    cell.close(session)
    assert "/e" in cell.machine.tree.nodes


def test_the_service_itself_owns_no_ephemerals_locks_or_session(cell):
    for request in (
        [ops.CREATE, 0, 0, "/e", b"", ops.EPHEMERAL, False, False, 0, []],
        [ops.ACQUIRE, 0, 0, "/e", False, True, 0, ""],
        [ops.RELEASE, 0, 0, "/e", 1],
        [ops.CLOSE, 0, 0],
    ):
        assert cell.entry(0, request).code == codes.BAD_ARGUMENTS
    assert cell.entry(0, [ops.PUT, 0, 0, "/e", b"", False, []]).code == codes.OK


def test_what_idle_sessions_share_is_nobodys(cell):
    idle, busy = cell.open(), cell.open()
    table = cell.machine.sessions.by_id
    seen = table[idle].ephemerals, table[idle].claims
    cell.create(busy, "/e", kind=ops.EPHEMERAL)
    cell.acquire(busy, "/l")
    assert (list(table[busy].ephemerals), list(table[busy].claims.values())) == (["/e"], ["/l"])
    assert not any(seen)
    assert not table[idle].ephemerals
    assert not table[idle].claims
