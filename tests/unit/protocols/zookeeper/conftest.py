"""One replica alone, and ZooKeeper clients by hand."""

from itertools import count

import pytest

from coordsvc.protocols.zookeeper import numbers, records
from coordsvc.protocols.zookeeper.conversation import ZooKeeperConversation
from coordsvc.protocols.zookeeper.hall import ZooKeeperHall
from coordsvc.protocols.zookeeper.jute import Reader, pack_frame
from tests.unit.protocols.alone import Alone

OPEN_ACL = [records.AclEntry(31, "world", "anyone")]


class House(Alone):
    """One replica, and the ZooKeeper clients it has."""

    def __init__(self, members=("a",)):
        super().__init__(members)
        passwords = count(1)
        self.hall = ZooKeeperHall(
            self.replica, [], lambda: next(passwords).to_bytes(16, "big"), 4_000, 40_000
        )

    def pass_time(self, ms):
        """Let time pass in steps that keep the leader in office."""
        until = self.now + ms
        while self.now < until:
            self.now = min(self.now + 50, until)
            self.replica.wake(self.now)
            self.turn()

    def guest(self, address="10.0.0.1:9", **options):
        return Guest(self, address).connect(**options)


class Answer:
    """One frame of the server behind the first."""

    def __init__(self, frame):
        reader = Reader(frame)
        header = records.read_reply_header(reader)
        self.xid, self.zxid, self.error = header.xid, header.zxid, header.error
        self.body = frame[16:]
        self.reader = Reader(self.body)

    def __repr__(self):
        return f"<{self.xid} {self.error} {self.body!r}>"

    @property
    def event(self):
        event = records.read_watcher_event(Reader(self.body))
        return (event.type, event.path)

    @property
    def stat(self):
        return records.read_stat(Reader(self.body[-68:]))


class Guest:
    """The client's end."""

    def __init__(self, house, address="10.0.0.1:9"):
        self.house = house
        self.talk = ZooKeeperConversation(house.hall, address)
        self.xids = count(1)
        self.session = 0
        self.password = b""
        self.timeout_ms = 0

    def raw(self, data):
        self.talk.receive_data(data, self.house.now)

    def frames(self):
        self.house.turn()
        self.house.hall.dirty.clear()
        if self.talk.told:
            self.house.hall.told.remove(self.talk)
            self.talk.told = False
        data, frames = self.talk.data_to_send(), []
        while data:
            size = int.from_bytes(data[:4], "big")
            frames.append(data[4 : 4 + size])
            data = data[4 + size :]
        self.talk.go_on()
        return frames

    def hear(self):
        return [Answer(frame) for frame in self.frames()]

    def greet(self, *, session=0, password=bytes(16), timeout=10_000, zxid=0, read_only=False):
        request = records.ConnectRequest(0, zxid, timeout, session, password, read_only)
        self.raw(pack_frame(records.pack_connect_request(request)))

    def connect(self, **options):
        self.greet(**options)
        frames = self.frames()
        if frames:
            response = records.read_connect_response(Reader(frames[0]))
            self.session, self.password = response.session, response.password
            self.timeout_ms = response.timeout_ms
        return self

    def send(self, op, body=b"", xid=None):
        xid = next(self.xids) if xid is None else xid
        self.raw(pack_frame(records.pack_request_header(xid, op) + body))
        return xid

    def ask(self, op, body=b"", **options):
        """Return the one answer to a request; events before it go to `events`."""
        self.send(op, body, **options)
        *before, answer = self.hear()
        self.events = [each.event for each in before]
        return answer

    def create(self, path, data=b"", acl=OPEN_ACL, flags=0, op=numbers.CREATE, ttl=0):
        create = records.Create(path, data, acl, flags, ttl)
        return self.ask(op, records.pack_create(create, op))

    def set(self, path, data=b"", version=-1):
        return self.ask(numbers.SET_DATA, records.pack_set_data(path, data, version))

    def delete(self, path, version=-1):
        return self.ask(numbers.DELETE, records.pack_path_version(path, version))

    def get(self, path, watch=False):
        return self.ask(numbers.GET_DATA, records.pack_path_watch(path, watch))

    def exists(self, path, watch=False):
        return self.ask(numbers.EXISTS, records.pack_path_watch(path, watch))

    def children(self, path, watch=False):
        return self.ask(numbers.GET_CHILDREN2, records.pack_path_watch(path, watch))

    def auth(self, credentials, scheme="digest"):
        return self.ask(numbers.AUTH, records.pack_auth(scheme, credentials), xid=-4)

    def multi(self, *steps):
        body = b"".join(
            records.pack_multi_header(op, done=False, error=-1) + step for op, step in steps
        )
        return self.ask(numbers.MULTI, body + records.MULTI_END)


@pytest.fixture
def house():
    return House()


@pytest.fixture(scope="session")
def make_house():
    return House


@pytest.fixture
def guest(house):
    return house.guest()


@pytest.fixture
def stranger(house):
    """A guest that has not greeted."""
    return Guest(house)
