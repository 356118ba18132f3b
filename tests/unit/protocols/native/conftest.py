"""One replica alone, and native clients by hand."""

import msgpack
import pytest

from coordsvc.protocols.native.conversation import NativeConversation
from coordsvc.protocols.native.hall import Hall
from coordsvc.state.queries import Pages
from coordsvc_client.wire import ops
from coordsvc_client.wire.framing import encode_frame
from tests.unit.protocols.alone import Alone

SERVERS = ["a.example:1", "b.example:1"]


class House(Alone):
    """One replica, and the native clients it has."""

    def __init__(self, members=("a",)):
        super().__init__(members)
        self.hall = Hall(
            self.replica, Pages(), [], lambda name: f"{name}.example:1", "one", 1_000, 60_000
        )
        self.hall.servers = lambda: [*SERVERS]
        self.hall.status = lambda: [["node", "a"]]

    def guest(self):
        return Guest(self)


class Guest:
    """The client's end, by hand."""

    def __init__(self, house):
        self.house = house
        self.talk = NativeConversation(house.hall, "10.0.0.1:9")
        self.serial = 0

    def send(self, *values):
        self.talk.receive_data(b"".join(map(encode_frame, values)), self.house.now)

    def hear(self):
        self.house.turn()
        self.house.hall.dirty.clear()
        self.house.hall.told.clear()
        self.talk.told = False
        data, messages = self.talk.data_to_send(), []
        while data:
            size = int.from_bytes(data[:4], "big")
            messages += msgpack.unpackb(data[4 : 4 + size])
            data = data[4 + size :]
        return messages

    def hello(self, session=0, password=b"password", timeout_ms=10_000, behind=(), seen=0):
        greeting = [ops.HELLO, ops.MAGIC, [1], session, password, timeout_ms, seen, "me"]
        self.send(greeting, *behind)
        return self.hear()

    def mutate(self, op, *arguments):
        self.serial += 1
        self.send([op, self.serial, self.serial, *arguments])
        return self.serial

    def put(self, path, data=b""):
        return self.mutate(ops.PUT, path, data, True, [])

    def read(self, op, *arguments, consistency=ops.LINEARIZABLE, revision=0):
        self.serial += 1
        self.send([op, self.serial, consistency, revision, *arguments])
        return self.serial


@pytest.fixture
def house():
    return House()


@pytest.fixture
def guest(house):
    guest = house.guest()
    guest.hello()
    return guest
