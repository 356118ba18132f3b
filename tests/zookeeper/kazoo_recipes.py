"""Every recipe of kazoo, used by two clients, in two halves with a `yield` between.

Servers may show what is a moment old, so whoever looks at another's doings calls `sync` before.
A test plays the halves one after the other, or kills the leader between them: what was held
before has to be held afterwards, and what waited has to go on waiting.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, LockTimeout, NodeExistsError, NoNodeError
from kazoo.protocol.states import WatchedEvent
from kazoo.recipe.cache import TreeCache
from kazoo.recipe.lease import MultiNonBlockingLease
from kazoo.retry import KazooRetry

WAIT_S = 20.0

Recipe = Callable[[KazooClient, KazooClient, str], Iterator[None]]


class Background:
    """A call that runs in a thread of its own."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._outcome: list[object] = []
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome.append(self._call())
        except Exception as error:  # handed to whoever asks for the result
            self._error = error

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def result(self) -> object:
        """Wait for the end of the call; return what it did, or raise as it did."""
        self._thread.join(WAIT_S)
        assert self.done, "still waits"
        if self._error is not None:
            raise self._error
        return self._outcome[0]


def soon(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    until = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < until, "did not come to be"
        time.sleep(0.02)


def lock(one: KazooClient, two: KazooClient, path: str) -> Iterator[None]:
    held = one.Lock(path, "one")
    wanted = two.Lock(path, "two")
    assert held.acquire()
    two.sync(path)
    assert not wanted.acquire(blocking=False)
    with pytest.raises(LockTimeout):
        wanted.acquire(timeout=0.1)
    waiting = Background(lambda: wanted.acquire(timeout=WAIT_S))
    soon(lambda: held.contenders() == ["one", "two"])
    yield
    assert held.is_acquired
    assert not waiting.done
    assert held.contenders() == ["one", "two"]
    assert held.release()
    assert waiting.result() is True
    wanted.release()


def read_and_write_lock(one: KazooClient, two: KazooClient, path: str) -> Iterator[None]:
    readers = [one.ReadLock(path, "reader"), two.ReadLock(path, "reader")]
    writer = two.WriteLock(path, "writer")
    assert all(reader.acquire(timeout=WAIT_S) for reader in readers)
    two.sync(path)
    assert not writer.acquire(blocking=False)
    yield
    waiting = Background(lambda: writer.acquire(timeout=WAIT_S))
    readers[0].release()
    time.sleep(0.1)
    assert not waiting.done
    readers[1].release()
    assert waiting.result() is True
    one.sync(path)
    assert not readers[0].acquire(blocking=False)
    writer.release()


def semaphore(one: KazooClient, two: KazooClient, path: str) -> Iterator[None]:
    seats = [client.Semaphore(path, f"seat {n}", 2) for n, client in enumerate((one, two, two))]
    assert seats[0].acquire()
    assert seats[1].acquire()
    assert not seats[2].acquire(blocking=False)
    yield
    one.sync(path)
    assert sorted(seats[0].lease_holders()) == ["seat 0", "seat 1"]
    waiting = Background(lambda: seats[2].acquire(timeout=WAIT_S))
    seats[0].release()
    assert waiting.result() is True
    seats[1].release()
    seats[2].release()


def election(one: KazooClient, two: KazooClient, path: str) -> Iterator[None]:
    leading: list[str] = []
    enough = {name: threading.Event() for name in ("one", "two")}

    def lead(name: str) -> None:
        leading.append(name)
        assert enough[name].wait(2 * WAIT_S)

    first = one.Election(path, "one")
    terms = [Background(lambda: first.run(lead, "one"))]
    soon(lambda: leading == ["one"])
    terms.append(Background(lambda: two.Election(path, "two").run(lead, "two")))
    soon(lambda: first.contenders() == ["one", "two"])
    yield
    assert leading == ["one"]
    enough["one"].set()
    soon(lambda: leading == ["one", "two"])
    enough["two"].set()
    for term in terms:
        term.result()


def party(one: KazooClient, two: KazooClient, path: str) -> Iterator[None]:
    parties = [one.Party(path, "one"), two.Party(path, "two")]
    for each in parties:
        each.join()
    yield
    one.sync(path)
    assert sorted(parties[0]) == ["one", "two"]
    parties[1].leave()
    one.sync(path)
    assert len(parties[0]) == 1
    parties[0].leave()


def shallow_party(one: KazooClient, two: KazooClient, path: str) -> Iterator[None]:
    parties = [one.ShallowParty(path, "one"), two.ShallowParty(path, "two")]
    for each in parties:
        each.join()
    yield
    two.sync(path)
    assert sorted(parties[1]) == ["one", "two"]
    parties[0].leave()
    two.sync(path)
    assert list(parties[1]) == ["two"]


def barrier(one: KazooClient, two: KazooClient, path: str) -> Iterator[None]:
    raised = one.Barrier(path)
    raised.create()
    two.sync(path)
    assert not two.Barrier(path).wait(timeout=0.1)
    yield
    waiting = Background(lambda: two.Barrier(path).wait(timeout=WAIT_S))
    time.sleep(0.1)
    assert not waiting.done
    assert raised.remove()
    assert waiting.result() is True
    two.sync(path)
    assert two.Barrier(path).wait(timeout=0.1)


def double_barrier(one: KazooClient, two: KazooClient, path: str) -> Iterator[None]:
    barriers = [client.DoubleBarrier(path, 2) for client in (one, two)]
    entering = Background(barriers[0].enter)
    time.sleep(0.1)
    assert not entering.done
    barriers[1].enter()
    entering.result()
    yield  # not sooner: kazoo forgets its plain watches with the connection, and would wait forever
    assert all(each.participating for each in barriers)
    leaving = Background(barriers[0].leave)
    time.sleep(0.1)
    assert not leaving.done
    barriers[1].leave()
    leaving.result()


def queue(one: KazooClient, two: KazooClient, path: str) -> Iterator[None]:
    line = one.Queue(path)
    for value in (b"1", b"2", b"3"):
        line.put(value)
    line.put(b"first", priority=10)
    two.sync(path)
    assert two.Queue(path).get() == b"first"
    yield
    others = two.Queue(path)
    two.sync(path)
    assert len(others) == 3
    assert [others.get() for _ in range(4)] == [b"1", b"2", b"3", None]


def locking_queue(one: KazooClient, two: KazooClient, path: str) -> Iterator[None]:
    line, others = one.LockingQueue(path), two.LockingQueue(path)
    line.put_all([b"1", b"2"])
    assert line.get(timeout=WAIT_S) == b"1"
    assert line.holds_lock()
    yield
    assert line.holds_lock()
    assert others.get(timeout=WAIT_S) == b"2"
    assert line.consume()
    assert others.consume()
    assert others.get(timeout=0.1) is None


def counter(one: KazooClient, two: KazooClient, path: str) -> Iterator[None]:
    counters = [client.Counter(path) for client in (one, two)]
    counters[0] += 2
    yield
    counters[1] += 5
    counters[0] -= 1
    two.sync(path)
    assert counters[1].value == 6
    assert counters[0].pre_value == 7


def set_partitioner(one: KazooClient, two: KazooClient, path: str) -> Iterator[None]:
    pieces = tuple(range(6))

    def partition(client: KazooClient, name: str) -> object:
        made = client.SetPartitioner(path, pieces, identifier=name, time_boundary=0.2)
        made.wait_for_acquire(WAIT_S)
        return made

    def settle(*partitioners) -> None:
        until = time.monotonic() + WAIT_S
        while not all(each.acquired for each in partitioners):
            assert time.monotonic() < until
            for each in partitioners:
                assert not each.failed
                if each.release:
                    each.release_set()
                elif each.allocating:
                    each.wait_for_acquire(0.1)

    first = Background(lambda: partition(one, "one")).result()
    assert list(first) == list(pieces)
    second = two.SetPartitioner(path, pieces, identifier="two", time_boundary=0.2)
    soon(lambda: first.release or second.acquired)
    settle(first, second)
    yield
    settle(first, second)
    assert sorted([*first, *second]) == list(pieces)
    assert len(list(first)) == 3
    second.finish()
    soon(lambda: first.release)
    settle(first)
    assert list(first) == list(pieces)
    first.finish()


def tree_cache(one: KazooClient, two: KazooClient, path: str) -> Iterator[None]:
    one.ensure_path(path)
    cache = TreeCache(one, path)
    seen: list[tuple[int, str | None]] = []
    cache.listen(
        lambda event: seen.append((event.event_type, getattr(event.event_data, "path", None)))
    )
    cache.start()
    two.create(f"{path}/a", b"1")
    soon(lambda: cache.get_children(path) == frozenset({"a"}))
    yield
    two.create(f"{path}/a/b", b"2")
    two.set(f"{path}/a", b"3")
    soon(lambda: cache.get_data(f"{path}/a/b", None) is not None)
    soon(lambda: cache.get_data(f"{path}/a").data == b"3")
    two.delete(f"{path}/a/b")
    soon(lambda: cache.get_children(f"{path}/a") == frozenset())
    assert (0, f"{path}/a") in seen
    cache.close()


def watchers(one: KazooClient, two: KazooClient, path: str) -> Iterator[None]:
    one.ensure_path(path)
    children: list[list[str]] = []
    data: list[bytes | None] = []
    raw: list[WatchedEvent] = []
    one.ChildrenWatch(path, lambda names: children.append(sorted(names)))
    one.DataWatch(f"{path}/n", lambda value, stat: data.append(value))
    two.create(f"{path}/n", b"1")
    soon(lambda: children[-1] == ["n"] and data[-1] == b"1")
    yield
    assert one.exists(f"{path}/later", watch=raw.append) is None
    two.set(f"{path}/n", b"2")
    two.create(f"{path}/later")
    soon(lambda: children[-1] == ["later", "n"] and data[-1] == b"2")
    soon(lambda: raw)
    assert (raw[-1].type, raw[-1].path) == ("CREATED", f"{path}/later")
    two.delete(f"{path}/n")
    soon(lambda: data[-1] is None)
    assert data[0] is None


def lease(one: KazooClient, two: KazooClient, path: str) -> Iterator[None]:
    term = dt.timedelta(hours=1)

    def now() -> dt.datetime:
        return dt.datetime.now(dt.UTC).replace(tzinfo=None)

    assert one.NonBlockingLease(path, term, identifier="one", utcnow=now)
    two.sync(path)
    assert not two.NonBlockingLease(path, term, identifier="two", utcnow=now)
    seats = [
        MultiNonBlockingLease(client, 2, f"{path}-multi", term, identifier=f"seat {n}", utcnow=now)
        for n, client in enumerate((one, two, two))
    ]
    assert [bool(seat) for seat in seats] == [True, True, False]
    yield
    assert not two.NonBlockingLease(path, term, identifier="two", utcnow=now)
    assert two.NonBlockingLease(path, term, identifier="one", utcnow=now)  # renewed


def transaction(one: KazooClient, two: KazooClient, path: str) -> Iterator[None]:
    one.ensure_path(path)
    request = one.transaction()
    request.create(f"{path}/a", b"1")
    request.create(f"{path}/s-", b"", ephemeral=True, sequence=True)
    request.set_data(f"{path}/a", b"2", version=0)
    request.check(f"{path}/a", version=1)
    results = request.commit()
    assert results[:2] == [f"{path}/a", f"{path}/s-0000000001"]
    assert results[2].version == 1
    yield
    two.sync(path)
    assert two.get(f"{path}/a")[0] == b"2"
    with two.transaction() as failing:
        failing.delete(f"{path}/a", version=1)
        failing.delete(f"{path}/missing")
    again = two.transaction()
    again.delete(f"{path}/a", version=1)
    again.check(f"{path}", version=9)
    again.create(f"{path}/b")
    outcome = again.commit()
    assert [type(each).__name__ for each in outcome] == [
        "RolledBackError",
        "BadVersionError",
        "RuntimeInconsistency",
    ]
    assert two.exists(f"{path}/a")


def retries(one: KazooClient, two: KazooClient, path: str) -> Iterator[None]:
    attempt = KazooRetry(max_tries=-1, delay=0.05, max_delay=0.5)
    attempt(one.ensure_path, path)
    yield
    attempt(one.set, path, b"through")
    assert attempt(two.get, path)[0] in (b"", b"through")
    two.sync(path)
    assert two.get(path)[0] == b"through"


def ephemerals(one: KazooClient, two: KazooClient, path: str) -> Iterator[None]:
    created = one.create(f"{path}/e", b"mine", ephemeral=True, makepath=True)
    yield
    two.sync(path)
    value, stat = two.get(created)
    assert value == b"mine"
    assert stat.owner_session_id == one.client_id[0]
    with pytest.raises(NodeExistsError):
        two.create(created)
    with pytest.raises(BadVersionError):
        two.delete(created, version=3)
    two.delete(created)
    with pytest.raises(NoNodeError):
        one.delete(created)


RECIPES: tuple[Recipe, ...] = (
    lock,
    read_and_write_lock,
    semaphore,
    election,
    party,
    shallow_party,
    barrier,
    double_barrier,
    queue,
    locking_queue,
    counter,
    set_partitioner,
    tree_cache,
    watchers,
    lease,
    transaction,
    retries,
    ephemerals,
)
