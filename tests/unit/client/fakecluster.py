"""A small cluster in memory that speaks the wire, and misbehaves when told to.

It keeps one tree, sessions, locks, history and remembered answers for all its nodes, as
replication would; connections are pairs of callbacks in one event loop.
"""

import asyncio
import random

from coordsvc_client.api import Client, start
from coordsvc_client.conversation import Conversation
from coordsvc_client.endpoints import Address, Endpoints
from coordsvc_client.link import Link
from coordsvc_client.wire import codes, ops
from coordsvc_client.wire.framing import FrameSplitter, decode, encode_frame
from tests.unit.client.virtual_loop import clock_ms


class Pipe(asyncio.Transport):
    """The client's end of a connection in memory."""

    def __init__(self, cluster, node, protocol):
        super().__init__()
        self.cluster, self.node, self.protocol = cluster, node, protocol
        self.loop = asyncio.get_running_loop()
        self.open = True
        self.splitter = FrameSplitter()
        self.session = 0
        self.watches = {}
        self.muted = False

    def write(self, data):
        if self.open:
            self.loop.call_soon(self._arrive, bytes(data))

    def _arrive(self, data):
        if not self.open or self.node in self.cluster.frozen:
            return
        for body in self.splitter.split(data):
            if self.open:
                self.cluster.receive(self, decode(body))

    def send(self, *messages):
        if self.open and not self.muted:
            frame = encode_frame(list(messages))
            self.loop.call_soon(lambda: self.open and self.protocol.data_received(frame))

    def close(self):
        if self.open:
            self.open = False
            self.cluster.pipes.remove(self)
            self.loop.call_soon(self.protocol.connection_lost, None)

    abort = close

    def goodbye(self, code, text=""):
        self.send([ops.GOODBYE, code, text])
        self.loop.call_soon(lambda: self.loop.call_soon(self.close))


class FakeCluster:
    def __init__(self, nodes=("n1",)):
        self.nodes = dict.fromkeys(nodes)
        self.addresses = {name: Address(name, 2181) for name in nodes}
        self.leader = nodes[0]
        self.name = "cell-1"
        self.revision = 100
        self.sessions = {}  # id -> (password, timeout)
        self.answers = {}  # (session, serial) -> reply
        self.tree = {"/": [b"", [0] * 13]}
        self.locks = {}  # path -> [[session, request, state, shared], ...]
        self.history = []
        self.compacted = 0
        self.pipes = []
        self.frozen = set()  # nodes that take bytes and never answer
        self.down = set()  # nodes that refuse connections
        self.requests = []  # every request that arrived, [op, serial, ...]
        self.hellos = []
        self.intercept = None  # (pipe, request) -> True if it was dealt with
        self.refuse_hello = None  # code
        self.applied = []  # mutations that took effect

    # Connections.

    async def dial(self, factory, host, port):
        if host in self.down or host not in self.nodes:
            raise ConnectionRefusedError(host)
        protocol = factory()
        pipe = Pipe(self, host, protocol)
        self.pipes.append(pipe)
        protocol.connection_made(pipe)
        return pipe

    async def connect(
        self,
        *,
        session=True,
        timeout_ms=10_000,
        prefer_leader=False,
        chroot="",
        timeout=5.0,
        first=0,
    ):
        conversation = Conversation(
            make_password=lambda: random.Random(7).randbytes(16),
            timeout_ms=timeout_ms,
            client_name="test",
            with_session=session,
        )
        link = Link(
            conversation,
            Endpoints(list(self.addresses.values()), lambda n: min(first, n - 1)),
            clock=clock_ms,
            dial=self.dial,
            prefer_leader=prefer_leader,
        )
        return await start(Client(link, chroot=chroot, timeout=timeout))

    def drop(self):
        """Cut all connections."""
        for pipe in list(self.pipes):
            pipe.close()

    def expire(self, session):
        """Let the cluster take a session for dead."""
        del self.sessions[session]
        for path in self.locks:
            self.locks[path] = [claim for claim in self.locks[path] if claim[0] != session]
            self.grant(path)
        for path, (_, stat) in list(self.tree.items()):
            if stat[8] == session:
                self.revision += 1
                self.remove(path)

    # Requests.

    def receive(self, pipe, request):
        if request[0] == ops.HELLO:
            self.hellos.append(request)
            self.greet(pipe, request)
            return
        self.requests.append(request)
        if self.intercept is not None and self.intercept(pipe, request):
            return
        self.answer(pipe, request)

    def greet(self, pipe, hello):
        _, _, _, session, password, timeout_ms, *_ = hello
        if self.refuse_hello is not None:
            pipe.goodbye(self.refuse_hello)
            return
        if session == 0:
            self.revision += 1
            session = self.revision
            self.sessions[session] = password
        elif session > 0 and session not in self.sessions:
            pipe.goodbye(codes.SESSION_EXPIRED)
            return
        pipe.session = max(session, 0)
        pipe.send(
            [
                ops.WELCOME,
                pipe.session,
                password,
                timeout_ms,
                self.revision,
                pipe.node,
                self.leader,
                str(self.addresses.get(self.leader, "")),
                self.name,
            ]
        )

    def answer(self, pipe, request):
        op, serial = request[0], request[1]
        if op in ops.MUTATIONS:
            pipe.send(self.mutate(pipe.session, request))
            return
        if pipe.session and pipe.session not in self.sessions:
            pipe.send([serial, codes.SESSION_EXPIRED, self.revision, None])
            return
        code, value = self.read(pipe, op, serial, request[4:])
        pipe.send([serial, code, self.revision, value])
        if op == ops.WATCH and code == codes.OK and request[6]:
            for event in self.history:
                if event[2] > request[6]:
                    self.notify(pipe, serial, event)

    def mutate(self, session, request):
        op, serial, _floor, *args = request
        key = (session, serial)
        if session not in self.sessions:
            return [serial, codes.SESSION_EXPIRED, self.revision, None]
        if key not in self.answers:
            self.revision += 1
            self.applied.append(request)
            code, value = getattr(self, "do_" + ops.NAMES[op])(session, *args)
            self.answers[key] = [serial, code, self.revision, value]
        return self.answers[key]

    # Mutations.

    def stat(self, data, owner=0, kind=0, version=0, czxid=None):
        now = self.revision
        return [czxid or now, now, now, 0, 0, version, 0, 0, owner, len(data or b""), 0, kind, 0]

    def do_create(self, session, path, data, kind, sequential, parents, ttl, guards):
        if not self.guarded(guards):
            return codes.STALE_TOKEN, None
        if sequential:
            path = f"{path}{self.revision:010d}"
        if path in self.tree:
            return codes.NODE_EXISTS, None
        parent = path.rpartition("/")[0] or "/"
        if parent not in self.tree:
            if not parents:
                return codes.NO_NODE, None
            self.do_create(session, parent, b"", 0, False, True, 0, [])
        stat = self.stat(data, owner=session if kind == ops.EPHEMERAL else 0, kind=kind)
        self.tree[path] = [data, stat]
        self.happen(ops.CREATED, path, stat, data)
        return codes.OK, [path, stat]

    def do_put(self, session, path, data, parents, guards):
        if path in self.tree:
            code, stat = self.do_set(session, path, data, -1, guards)
            return code, [False, stat]
        code, value = self.do_create(session, path, data, 0, False, parents, 0, guards)
        return code, [True, value[1]] if code == 0 else None

    def do_set(self, session, path, data, version, guards):
        if not self.guarded(guards):
            return codes.STALE_TOKEN, None
        if path not in self.tree:
            return codes.NO_NODE, None
        old = self.tree[path][1]
        if version not in (-1, old[5]):
            return codes.BAD_VERSION, None
        stat = self.stat(data, old[8], old[11], old[5] + 1, old[0])
        self.tree[path] = [data, stat]
        self.happen(ops.CHANGED, path, stat, data)
        return codes.OK, stat

    def do_delete(self, session, path, version, recursive, guards):
        if not self.guarded(guards):
            return codes.STALE_TOKEN, None
        if path not in self.tree:
            return codes.NO_NODE, None
        self.remove(path)
        return codes.OK, 1

    def do_txn(self, session, conditions, then, otherwise):
        results = []
        for op, *args in then:
            results.append(list(getattr(self, "do_" + ops.NAMES[op])(session, *args)))
        return codes.OK, [all(code == 0 for code, _ in results), results]

    def do_check_version(self, session, path, version):
        return (codes.OK if path in self.tree else codes.NO_NODE), None

    def do_acquire(self, session, path, shared, wait, delay_ms, note):
        if path not in self.tree:
            return codes.NO_NODE, None
        queue = self.locks.setdefault(path, [])
        if queue and not wait:
            return codes.LOCKED, None
        request = self.revision
        queue.append([session, request, ops.HELD if not queue else ops.WAITING, request])
        state = queue[-1][2]
        token = request if state == ops.HELD else 0
        return codes.OK, [state, request, token, len(queue) - 1]

    def do_release(self, session, path, request):
        queue = self.locks.get(path, [])
        found = [claim for claim in queue if claim[:2] == [session, request]]
        if not found:
            return codes.NO_LOCK_REQUEST, None
        queue.remove(found[0])
        self.grant(path)
        return codes.OK, found[0][2] == ops.HELD

    def do_break(self, session, path, note):
        gone = self.locks.get(path, [])[:1]
        self.locks[path] = self.locks.get(path, [])[1:]
        for claim in gone:
            self.tell_lock(path, claim, ops.GONE)
        self.grant(path)
        return codes.OK, len(gone)

    def do_close(self, session):
        self.expire(session)
        return codes.OK, None

    def grant(self, path):
        queue = self.locks[path]
        if queue and queue[0][2] == ops.WAITING:
            self.revision += 1
            queue[0][2:] = [ops.HELD, self.revision]
            self.tell_lock(path, queue[0], ops.HELD)

    def tell_lock(self, path, claim, state):
        for pipe in self.pipes:
            if pipe.session == claim[0]:
                token = claim[3] if state == ops.HELD else 0
                pipe.send([ops.LOCK_EVENT, path, claim[1], state, token, self.revision])

    def guarded(self, guards):
        return all(
            any(c[2] == ops.HELD and c[3] == token for c in self.locks.get(path, []))
            for path, token in guards
        )

    def remove(self, path):
        data, stat = self.tree.pop(path)
        self.happen(ops.DELETED, path, stat, data)

    def happen(self, kind, path, stat, data):
        event = (kind, path, self.revision, list(stat), data)
        self.history.append(event)
        for pipe in self.pipes:
            for watch_id in pipe.watches:
                self.notify(pipe, watch_id, event)

    def notify(self, pipe, watch_id, event):
        path, mode = pipe.watches[watch_id]
        at = event[1]
        near = at == path or (mode == ops.WATCH_CHILDREN and at.rpartition("/")[0] == path)
        if near or (mode == ops.WATCH_SUBTREE and at.startswith(path.rstrip("/") + "/")):
            pipe.send([ops.EVENT, watch_id, *event])

    # Reads.

    def read(self, pipe, op, serial, args):
        match op:
            case ops.PING:
                return codes.OK, None
            case ops.GET if args[0] in self.tree:
                return codes.OK, self.tree[args[0]]
            case ops.STAT if args[0] in self.tree:
                return codes.OK, self.tree[args[0]][1]
            case ops.CHILDREN if args[0] in self.tree:
                return codes.OK, self.children(*args)
            case ops.WATCH:
                path, mode, since, _ = args
                if since and since < self.compacted:
                    return codes.COMPACTED, None
                pipe.watches[serial] = (path, mode)
                return codes.OK, since or self.revision
            case ops.UNWATCH:
                pipe.watches.pop(args[0], None)
                return codes.OK, None
            case ops.LOCK_STATE:
                for claim in self.locks.get(args[0], []):
                    if claim[1] == args[1]:
                        return codes.OK, [
                            claim[2],
                            claim[1],
                            claim[3] if claim[2] == ops.HELD else 0,
                            0,
                        ]
                return codes.OK, [ops.GONE, args[1], 0, 0]
            case ops.LOCK_GET:
                views = [
                    [c[1], c[0], "test", False, c[3] if c[2] == ops.HELD else 0, 0, ""]
                    for c in self.locks.get(args[0], [])
                ]
                holders = [view for view in views if view[4]]
                return codes.OK, [args[0], holders, [v for v in views if not v[4]], 0]
            case ops.TOKEN_GET:
                return (codes.OK if self.guarded([args]) else codes.STALE_TOKEN), None
        return codes.NO_NODE, None

    def children(self, path, limit, after, cursor, with_data):
        prefix = path.rstrip("/") + "/"
        names = sorted(
            p[len(prefix) :]
            for p in self.tree
            if p.startswith(prefix) and p != "/" and "/" not in p[len(prefix) :]
        )
        names = [name for name in names if after is None or name > after]
        more = len(names) > limit
        items = names[:limit]
        if with_data:
            items = [[name, *self.tree[prefix + name]] for name in items]
        return [items, self.revision if more else 0]
