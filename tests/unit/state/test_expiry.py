from coordsvc.base import limits
from coordsvc.base.vocabulary import ops
from coordsvc.state.expiry import Deadlines

IDLE = limits.CONTAINER_IDLE_MS


def test_deadlines_come_by_time_then_path_and_stale_ones_do_not():
    deadlines = Deadlines()
    for path, due in (("/b", 5), ("/a", 5), ("/c", 1), ("/d", 2)):
        deadlines.set(path, due)
    deadlines.set("/c", 9)
    deadlines.drop("/d")
    assert deadlines.next_due_ms() == 5
    assert deadlines.take_due(4, 10) == []
    assert deadlines.take_due(9, 2) == ["/a", "/b"]
    assert deadlines.take_due(9, 10) == ["/c"]
    assert deadlines.next_due_ms() is None


def test_stale_deadlines_do_not_pile_up():
    deadlines = Deadlines()
    for due in range(10_000):
        deadlines.set("/a", due)
        deadlines.set(f"/{due}", due)
        deadlines.drop(f"/{due}")
    assert len(deadlines._heap) < 100
    assert deadlines.take_due(10_000, 5) == ["/a"]


def test_a_ttl_node_goes_when_its_data_is_old(cell):
    session = cell.open()
    cell.create(session, "/t", kind=ops.TTL, ttl=100)
    cell.now += 60
    cell.set(session, "/t", b"fresh")
    assert cell.machine.next_due_ms() == cell.now + 100
    assert cell.tick(99).events == ()
    applied = cell.tick(1)
    assert [(e.kind, e.path) for e in applied.events] == [(ops.DELETED, "/t")]
    assert cell.machine.next_due_ms() is None


def test_a_ttl_node_with_children_waits_for_them(cell):
    session = cell.open()
    cell.create(session, "/t", kind=ops.TTL, ttl=100)
    cell.create(session, "/t/c")
    assert cell.machine.next_due_ms() is None
    assert cell.tick(500).events == ()
    cell.delete(session, "/t/c")
    assert cell.machine.next_due_ms() <= cell.now
    assert [e.path for e in cell.tick().events] == ["/t"]


def test_a_container_goes_some_time_after_its_last_child(cell):
    session = cell.open()
    cell.create(session, "/c", kind=ops.CONTAINER)
    assert cell.tick(IDLE * 2).events == (), "one that never had a child stays"
    cell.create(session, "/c/1")
    cell.create(session, "/c/2")
    cell.delete(session, "/c/1")
    assert cell.machine.next_due_ms() is None
    cell.delete(session, "/c/2")
    assert cell.machine.next_due_ms() == cell.now + IDLE
    cell.now += IDLE - 1
    cell.create(session, "/c/3")
    cell.now += 10
    cell.delete(session, "/c/3")
    assert cell.tick(IDLE - 1).events == ()
    assert [e.path for e in cell.tick(1).events] == ["/c"]


def test_nested_containers_go_one_after_the_other(cell):
    session = cell.open()
    held = cell.acquire(session, "/locks/a/b").revision
    assert cell.tick(IDLE * 9).events == (), "a held lock keeps its node"
    cell.release(session, "/locks/a/b", held)
    assert [e.path for e in cell.tick(IDLE).events] == ["/locks/a/b"]
    assert [e.path for e in cell.tick(IDLE).events] == ["/locks/a"]
    assert [e.path for e in cell.tick(IDLE).events] == ["/locks"]
    assert cell.machine.next_due_ms() is None


def test_a_lock_in_use_or_delayed_keeps_container_and_ttl_nodes(cell):
    session, other = cell.open(), cell.open()
    cell.create(session, "/t", kind=ops.TTL, ttl=100)
    cell.acquire(session, "/t", delay=IDLE * 4)
    cell.acquire(session, "/c", delay=IDLE * 4)
    cell.expire(session)
    assert cell.tick(IDLE * 2).events == ()
    applied = cell.tick(IDLE * 2)
    assert [e.path for e in applied.events] == []
    assert [e.path for e in cell.tick().events] == ["/t"]
    assert [e.path for e in cell.tick(IDLE).events] == ["/c"]
    assert other


def test_a_node_that_took_another_kind_in_one_transaction_stays(cell):
    session = cell.open()
    cell.create(session, "/c", kind=ops.CONTAINER)
    cell.create(session, "/c/1")
    cell.delete(session, "/c/1")
    cell.create(session, "/t", kind=ops.TTL, ttl=10)
    recreate = [
        step
        for path in ("/c", "/t")
        for step in (
            [ops.DELETE, path, -1, False, []],
            [ops.CREATE, path, b"", ops.PERSISTENT, False, False, 0, []],
        )
    ]
    assert cell.txn(session, [], recreate).value[0] is True
    assert cell.machine.next_due_ms() is None
    assert cell.tick(IDLE * 2).events == ()


def test_a_tick_is_bounded_and_the_rest_comes_next(cell, monkeypatch):
    monkeypatch.setattr(limits, "DUE_PER_TICK_MAX", 3)
    session = cell.open()
    for n in range(5):
        cell.create(session, f"/t{n}", kind=ops.TTL, ttl=10)
    assert len(cell.tick(10).events) == 3
    assert cell.machine.next_due_ms() <= cell.now
    assert len(cell.tick().events) == 2
