"""ZooKeeper clients by hand, at the doors of a cluster in memory."""

from itertools import count

from coordsvc.protocols.zookeeper import numbers, records
from coordsvc.protocols.zookeeper.conversation import ZooKeeperConversation
from coordsvc.protocols.zookeeper.hall import ZooKeeperHall
from coordsvc.protocols.zookeeper.jute import Reader, pack_frame

OPEN_ACL = [records.AclEntry(31, "world", "anyone")]


class Door:
    """The ZooKeeper door of one member, and the clients that come to it."""

    def __init__(self, cluster, name):
        self.cluster = cluster
        self.hall = ZooKeeperHall(cluster[name], [], lambda: b"0123456789abcdef", 4_000, 40_000)

    def dial(self):
        return Caller(self.cluster, ZooKeeperConversation(self.hall, "10.0.0.1:9"))


class Caller:
    """A client's end: what it sends, and the frames it got."""

    def __init__(self, cluster, talk):
        self.cluster, self.talk, self.xids = cluster, talk, count(1)

    def greet(self, session=0, password=bytes(16), zxid=0):
        request = records.ConnectRequest(0, zxid, 10_000, session, password, False)
        self.raw(records.pack_connect_request(request))

    def raw(self, body):
        self.talk.receive_data(pack_frame(body), self.cluster.now)

    def send(self, op, body=b""):
        xid = next(self.xids)
        self.raw(records.pack_request_header(xid, op) + body)
        return xid

    def create(self, path, flags=0):
        create = records.Create(path, b"", OPEN_ACL, flags, 0)
        self.send(numbers.CREATE, records.pack_create(create, numbers.CREATE))

    def frames(self):
        data, frames = self.talk.data_to_send(), []
        while data:
            size = int.from_bytes(data[:4], "big")
            frames.append(Reader(data[4 : 4 + size]))
            data = data[4 + size :]
        return frames

    def welcome(self):
        response = records.read_connect_response(self.frames()[0])
        return response.session, response.password

    def errors(self):
        return [records.read_reply_header(reader).error for reader in self.frames()]
