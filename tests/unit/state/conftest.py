"""A state machine with a pen: entries are written as Python calls."""

import msgpack
import pytest

from coordsvc.base.vocabulary import ops
from coordsvc.state import versions
from coordsvc.state.machine import StateMachine


class Cell:
    def __init__(self, machine=None):
        """Without a `machine`, a new one that has been raised to the newest version."""
        if machine is None:
            machine = StateMachine()
            machine._set_version(versions.NEWEST)
        self.machine = machine
        self.now = 1_000
        self.serials = {}
        self.log = []

    def entry(self, session, request):
        data = msgpack.packb([session, request])
        index = self.machine.revision + 1
        self.log.append((index, self.now, data))
        return self.machine.apply(index, self.now, data)

    def internal(self, op, *arguments):
        return self.entry(0, [op, 0, 0, *arguments])

    def open(self, name="c", timeout_ms=10_000):
        return self.internal(ops.OPEN_SESSION, b"secret", timeout_ms, name, "10.0.0.1:5").value

    def do(self, session, op, *arguments, serial=None, floor=None):
        if serial is None:
            serial = self.serials[session] = self.serials.get(session, 0) + 1
        return self.entry(session, [op, serial, serial if floor is None else floor, *arguments])

    def create(
        self,
        session,
        path,
        data=b"",
        kind=ops.PERSISTENT,
        *,
        seq=False,
        parents=False,
        ttl=0,
        guards=(),
    ):
        return self.do(session, ops.CREATE, path, data, kind, seq, parents, ttl, list(guards))

    def set(self, session, path, data=b"", version=-1, guards=()):
        return self.do(session, ops.SET, path, data, version, list(guards))

    def put(self, session, path, data=b"", parents=False, guards=()):
        return self.do(session, ops.PUT, path, data, parents, list(guards))

    def delete(self, session, path, version=-1, recursive=False, guards=()):
        return self.do(session, ops.DELETE, path, version, recursive, list(guards))

    def txn(self, session, conditions, then, otherwise=()):
        return self.do(session, ops.TXN, list(conditions), list(then), list(otherwise))

    def acquire(self, session, path, *, shared=False, wait=True, delay=0, note=""):
        return self.do(session, ops.ACQUIRE, path, shared, wait, delay, note)

    def release(self, session, path, request):
        return self.do(session, ops.RELEASE, path, request)

    def close(self, session):
        return self.do(session, ops.CLOSE)

    def expire(self, session):
        return self.internal(ops.EXPIRE_SESSION, session)

    def tick(self, after_ms=0):
        self.now += after_ms
        return self.internal(ops.TICK)

    def image(self):
        return image_of(self.machine)


def image_of(machine):
    capture = machine.capture()
    chunks = []
    while (chunk := capture.next_chunk()) is not None:
        chunks.append(chunk)
    return chunks


@pytest.fixture
def cell():
    return Cell()


@pytest.fixture(scope="session")
def make_cell():
    return Cell


@pytest.fixture
def read_image():
    return image_of


@pytest.fixture(scope="session")
def canonical():
    """Return the rows of a state in an order that does not depend on its dicts."""

    def rows(machine):
        unpacker = msgpack.Unpacker(raw=False)
        for chunk in image_of(machine):
            unpacker.feed(chunk)
        return sorted(map(repr, unpacker))

    return rows
