"""Each bound of the state refuses with the code that docs/limits.md says, and harms nothing."""

import pytest

from coordsvc.base import limits
from coordsvc.base.vocabulary import codes, ops


def at_most(monkeypatch, name, value):
    monkeypatch.setattr(limits, name, value)


def create(path="/a", data=b"", kind=0, ttl=0, guards=()):
    return [ops.CREATE, path, data, kind, False, True, ttl, list(guards)]


REFUSALS = [
    ("DATA_BYTES_MAX", 3, codes.TOO_LARGE, create(data=b"four")),
    ("PATH_BYTES_MAX", 8, codes.BAD_PATH, create("/longer/than")),
    ("PATH_DEPTH_MAX", 2, codes.BAD_PATH, create("/a/b/c/d")),
    ("TXN_OPS_MAX", 1, codes.TOO_MANY, [ops.TXN, [], [create(), create("/b")], []]),
    ("GUARDS_MAX", 1, codes.TOO_MANY, create(guards=[["/l", 1], ["/l", 1]])),
    ("NOTE_BYTES_MAX", 3, codes.TOO_LARGE, [ops.ACQUIRE, "/l", False, True, 0, "four"]),
    ("TTL_MS_MAX", 9, codes.BAD_ARGUMENTS, create(kind=ops.TTL, ttl=10)),
    ("LOCK_DELAY_MS_MAX", 9, codes.BAD_ARGUMENTS, [ops.ACQUIRE, "/l", False, True, 10, ""]),
    ("NODES_MAX", 2, codes.TOO_MANY, create("/one/too/many")),
    ("MULTI_OPS_MAX", 1, codes.TOO_MANY, [ops.MULTI, [create(), create("/b")]]),
]


@pytest.mark.parametrize(("name", "value", "code", "request_"), REFUSALS, ids=lambda x: str(x)[:20])
def test_what_goes_beyond_is_refused_and_leaves_nothing(
    cell, monkeypatch, name, value, code, request_
):
    session = cell.open()
    at_most(monkeypatch, name, value)
    refused = cell.do(session, *request_)
    assert refused.code == code
    assert len(cell.machine.tree) == 1
    assert not cell.machine.locks.by_path
    monkeypatch.undo()
    assert cell.do(session, *create("/fine")).code == codes.OK


def test_sessions_are_bounded(cell, monkeypatch):
    at_most(monkeypatch, "SESSIONS_MAX", 1)
    first = cell.open()
    assert cell.internal(ops.OPEN_SESSION, b"secret12", 1_000, "", "").code == codes.TOO_MANY
    cell.close(first)
    assert cell.internal(ops.OPEN_SESSION, b"secret12", 1_000, "", "").code == codes.OK


def test_queues_and_claims_are_bounded(cell, monkeypatch):
    at_most(monkeypatch, "LOCK_QUEUE_MAX", 1)
    one, two, three = cell.open(), cell.open(), cell.open()
    assert cell.acquire(one, "/l").code == codes.OK
    assert cell.acquire(two, "/l").code == codes.OK
    assert cell.acquire(three, "/l").code == codes.TOO_MANY
    at_most(monkeypatch, "CLAIMS_PER_SESSION_MAX", 1)
    assert cell.acquire(one, "/m").code == codes.TOO_MANY


def test_remembered_answers_are_bounded(cell, monkeypatch):
    at_most(monkeypatch, "REPLIES_PER_SESSION_MAX", 2)
    session = cell.open()
    given = [cell.do(session, *create(f"/{n}"), floor=1).code for n in range(3)]
    assert given == [codes.OK, codes.OK, codes.TOO_MANY]
    assert cell.do(session, *create("/4"), floor=3).code == codes.OK


def test_a_recursive_delete_is_bounded(cell, monkeypatch):
    session = cell.open()
    cell.create(session, "/a/b/c", parents=True)
    at_most(monkeypatch, "DELETE_NODES_MAX", 2)
    assert cell.delete(session, "/a", recursive=True).code == codes.TOO_MANY
    assert len(cell.machine.tree) == 4


@pytest.mark.parametrize("name", ["HISTORY_EVENTS_MAX", "HISTORY_BYTES_MAX"])
def test_history_is_bounded_and_says_where_it_begins(cell, monkeypatch, name):
    at_most(monkeypatch, name, 16)
    session = cell.open()
    for n in range(40):
        cell.put(session, "/a", b"x" * 4, parents=True)
        assert len(cell.machine.history.events) <= 16, n
    assert cell.machine.history.since(0) is None
    assert cell.machine.history.compacted > 0
