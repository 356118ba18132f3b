"""A ZooKeeper in memory: enough of it to copy from and to, with faults on request."""

from __future__ import annotations

import struct

from coordsvc.cli.migration.zkclient import Reply, ZkGone
from coordsvc.protocols.zookeeper import numbers as n
from coordsvc.protocols.zookeeper.jute import Reader, pack_buffer, pack_string, pack_vector
from coordsvc.protocols.zookeeper.records import (
    AclEntry,
    Stat,
    pack_acl,
    pack_stat,
    read_acl,
    read_create,
)

OPEN = AclEntry(31, "world", "anyone")


class Node:
    def __init__(self, data, acl, zxid, owner):
        self.data, self.acl, self.owner = data, acl, owner
        self.czxid = self.mzxid = self.pzxid = zxid
        self.version = self.aversion = self.creates = 0
        self.children = set()

    def stat(self):
        count = len(self.children)
        return Stat(
            self.czxid, self.mzxid, 0, 0, self.version, 2 * self.creates - count, self.aversion,
            self.owner, len(self.data or b""), count, self.pzxid,
        )  # fmt: skip


class FakeZooKeeper:
    """The tree, and answers to requests about it."""

    def __init__(self):
        self.zxid = 0
        self.nodes = {"/": Node(b"", [OPEN], 0, 0)}
        self.unreadable = set()
        self.refuse_writes = {}
        self.gone_after = None
        self.asked = []

    # What tests do to it.

    def put(self, path, data=b"", *, acl=(OPEN,), owner=0):
        above = path.rpartition("/")[0]
        if above and above not in self.nodes:
            self.put(above)
        self.zxid += 1
        if path in self.nodes:
            node = self.nodes[path]
            node.data, node.mzxid, node.version = data, self.zxid, node.version + 1
            return
        parent = self.nodes[above or "/"]
        self.nodes[path] = Node(data, list(acl), self.zxid, owner)
        parent.children.add(path)
        parent.creates += 1
        parent.pzxid = self.zxid

    def set_acl(self, path, acl):
        self.nodes[path].acl = list(acl)
        self.nodes[path].aversion += 1

    def remove(self, path):
        for child in sorted(self.nodes[path].children):
            self.remove(child)
        self.zxid += 1
        del self.nodes[path]
        parent = self.nodes[path.rpartition("/")[0] or "/"]
        parent.children.discard(path)
        parent.pzxid = self.zxid

    def content(self):
        return {
            path: (node.data, [(e.perms, e.scheme, e.id) for e in node.acl])
            for path, node in self.nodes.items()
            if not node.owner
        }

    # What a client sees.

    def ask(self, requests):
        replies = []
        for request in requests:
            if self.gone_after is not None:
                self.gone_after -= 1
                if self.gone_after < 0:
                    self.gone_after = None
                    raise ZkGone("the test has cut it")
            replies.append(self.answer(request.op, Reader(request.body)))
        return replies

    def answer(self, op, body):
        self.asked.append(op)
        if op == n.MULTI:
            return self._multi(body)
        if op in {n.CREATE, n.SET_DATA, n.SET_ACL, n.DELETE}:
            return Reply(*self._write(op, body))
        path = body.read_text()
        node = self.nodes.get(path)
        if node is None:
            return Reply(n.NO_NODE, Reader(b""))
        if path in self.unreadable and op != n.EXISTS:
            return Reply(n.NO_AUTH, Reader(b""))
        stat = pack_stat(node.stat())
        names = pack_vector([pack_string(c.rpartition("/")[2]) for c in sorted(node.children)])
        answers = {
            n.EXISTS: stat,
            n.GET_DATA: pack_buffer(node.data) + stat,
            n.GET_ACL: pack_acl(node.acl) + stat,
            n.GET_CHILDREN2: names + stat,
        }
        return Reply(n.OK, Reader(answers[op]))

    def _write(self, op, body):
        if op == n.CREATE:
            create = read_create(body, op)
            path = create.path
        else:
            path = body.read_text()
        if path in self.refuse_writes:
            return self.refuse_writes[path], Reader(b"")
        if op == n.CREATE:
            if path in self.nodes:
                return n.NODE_EXISTS, Reader(b"")
            if (path.rpartition("/")[0] or "/") not in self.nodes:
                return n.NO_NODE, Reader(b"")
            self.put(path, create.data, acl=create.acl)
        elif path not in self.nodes:
            return n.NO_NODE, Reader(b"")
        elif op == n.SET_DATA:
            self.put(path, body.read_buffer())
        elif op == n.SET_ACL:
            self.set_acl(path, read_acl(body))
        elif self.nodes[path].children:
            return n.NOT_EMPTY, Reader(b"")
        else:
            self.remove(path)
        return n.OK, Reader(b"")

    def _multi(self, body):
        while True:
            op, done = body.read_int(), body.read_bool()
            body.read_int()
            if done:
                return Reply(n.OK, Reader(struct.pack(">i", n.CREATE)))
            error, _ = self._write(op, body)
            if op == n.DELETE:
                body.read_int()
            if error:
                return Reply(n.OK, Reader(struct.pack(">i", n.ERROR)))
