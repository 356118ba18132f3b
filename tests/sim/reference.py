"""Reference: the service as one thing that never fails, for trying workloads and checkers.

It speaks the wire's operations, as far as the workloads use them. Replies may be slow, and may
be lost after the effect; tests plant mistakes by overriding single methods.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from coordsvc.base import paths
from coordsvc.base.ids import Index
from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes, messages, ops
from tests.sim.checkers.watches import matches
from tests.sim.workloads.client import Answer, Done, LockListener, WatchListener
from tests.sim.world import MS, Callback, Micros, World

Args: TypeAlias = Sequence[Value]
Result: TypeAlias = tuple[int, Value]


@dataclass(slots=True)
class Node:
    """One node of the tree."""

    data: bytes
    version: int
    mzxid: Index
    sequence: int = 0


@dataclass(slots=True)
class _Claim:
    request: Index
    client: ReferenceClient
    token: Index = 0


class Reference:
    """The one state, changed by one operation at a time."""

    def __init__(self, world: World, *, lost_percent: int = 0) -> None:
        self.world = world
        self.chance = world.stream("reference")
        self.lost_percent = lost_percent
        self.revision: Index = 0
        self.nodes: dict[str, Node] = {"/": Node(b"", 0, 0)}
        self.claims: dict[str, list[_Claim]] = {}
        self.watches: list[tuple[str, int, WatchListener]] = []
        self._tasks: dict[int, Callable[[Args, ReferenceClient], Result]] = {
            ops.GET: lambda args, _: self.get(args),
            ops.CREATE: lambda args, _: self.create(args),
            ops.PUT: lambda args, _: self.put(args),
            ops.SET: lambda args, _: self.set(args),
            ops.DELETE: lambda args, _: self.delete(args),
            ops.TXN: self.transaction,
            ops.CHECK_VERSION: lambda args, _: self.check_version(args),
            ops.CHECK_EXISTS: lambda args, _: self.check_exists(args),
            ops.ACQUIRE: self.acquire,
            ops.RELEASE: self.release,
        }

    def connect(self, name: str) -> ReferenceClient:
        """Return a client."""
        return ReferenceClient(self, name)

    def handle(self, op: int, args: Args, client: ReferenceClient) -> Answer:
        """Carry out one operation."""
        if op in ops.MUTATIONS:
            self.revision += 1
        code, value = self._tasks[op](args, client)
        return Answer(code, self.revision, value)

    def get(self, args: Args) -> Result:
        """Read a node."""
        node = self.nodes.get(_path(args))
        return (codes.NO_NODE, None) if node is None else (codes.OK, [node.data, stat_of(node)])

    def create(self, args: Args) -> Result:
        """Create a node, perhaps a sequential one."""
        path = _path(args)
        parent = self.nodes.get(paths.parent_of(path))
        if parent is None:
            return codes.NO_NODE, None
        if args[3]:
            path += f"{parent.sequence:010d}"
            parent.sequence += 1
        if path in self.nodes:
            return codes.NODE_EXISTS, None
        node = self._store(path, Node(_bytes(args[1]), 0, self.revision), ops.CREATED)
        return codes.OK, [path, stat_of(node)]

    def put(self, args: Args) -> Result:
        """Create or change a node."""
        if not self.guards_hold(cast("Sequence[Args]", args[3])):
            return codes.STALE_TOKEN, None
        if _path(args) in self.nodes:
            _, stat = self.set((args[0], args[1], -1, []))
            return codes.OK, [False, stat]
        code, value = self.create((args[0], args[1], ops.PERSISTENT, False))
        return code, value if code else [True, cast("Args", value)[1]]

    def set(self, args: Args) -> Result:
        """Change a node, if it has the version."""
        code, value = self.check_version((args[0], args[2]))
        if code:
            return code, value
        version = self.nodes[_path(args)].version + 1
        node = self._store(_path(args), Node(_bytes(args[1]), version, self.revision), ops.CHANGED)
        return codes.OK, stat_of(node)

    def delete(self, args: Args) -> Result:
        """Delete a node, if it has the version."""
        code, value = self.check_version(args)
        if code:
            return code, value
        del self.nodes[_path(args)]
        self.tell(ops.DELETED, _path(args), None)
        return codes.OK, 1

    def transaction(self, args: Args, client: ReferenceClient) -> Result:
        """Do all of one branch."""
        conditions, then, otherwise = (cast("Sequence[Args]", arg) for arg in args)
        holds = all(self._do(condition, client)[0] == codes.OK for condition in conditions)
        kept = dict(self.nodes)
        results: list[Result] = []
        for step in then if holds else otherwise:
            results.append(self._do(step, client))
            if results[-1][0]:
                self.nodes = kept
                break
        return codes.OK, [holds, results]

    def check_version(self, args: Args) -> Result:
        """Check that a node is there, and its version."""
        node = self.nodes.get(_path(args))
        if node is None:
            return codes.NO_NODE, None
        return (codes.OK if args[1] in {-1, node.version} else codes.BAD_VERSION), None

    def check_exists(self, args: Args) -> Result:
        """Check that a node is there, or is not."""
        there = _path(args) in self.nodes
        return (codes.OK if there == args[1] else codes.CONDITION_FAILED), None

    def acquire(self, args: Args, client: ReferenceClient) -> Result:
        """Take an exclusive lock or join its queue."""
        if _path(args) not in self.nodes:
            return codes.NO_NODE, None
        queue = self.claims.setdefault(_path(args), [])
        claim = _Claim(self.revision, client)
        queue.append(claim)
        if self.may_hold(queue, claim):
            claim.token = self.new_token()
        state = ops.HELD if claim.token else ops.WAITING
        return codes.OK, [state, claim.request, claim.token, len(queue) - 1]

    def release(self, args: Args, client: ReferenceClient) -> Result:
        """Give a lock up; the next in the queue gets it."""
        queue = self.claims.get(_path(args), [])
        mine = [claim for claim in queue if claim.request == args[1]]
        if not mine:
            return codes.NO_LOCK_REQUEST, None
        queue.remove(mine[0])
        if queue and not queue[0].token:
            queue[0].token = self.new_token()
            queue[0].client.tell_lock(_path(args), queue[0].request, queue[0].token)
        return codes.OK, bool(mine[0].token)

    def may_hold(self, queue: Sequence[_Claim], claim: _Claim) -> bool:
        """Tell whether a new claim is granted at once."""
        return queue[0] is claim

    def new_token(self) -> Index:
        """Return the token of a grant by the current entry."""
        return self.revision

    def guards_hold(self, guards: Sequence[Args]) -> bool:
        """Tell whether each token holds its lock."""
        return all(
            any(claim.token == token for claim in self.claims.get(str(path), ()))
            for path, token in guards
        )

    def tell(self, kind: int, path: str, data: bytes | None) -> None:
        """Send an event to whom it concerns."""
        revision = self.revision
        for watched, mode, listener in self.watches:
            if matches(watched, mode, kind=kind, path=path):
                listener.changed(kind, path, revision, data)

    def _store(self, path: str, node: Node, kind: int) -> Node:
        self.nodes[path] = node
        self.tell(kind, path, node.data)
        return node

    def _do(self, step: Args, client: ReferenceClient) -> Result:
        return self._tasks[cast("int", step[0])](step[1:], client)


class ReferenceClient:
    """A client whose requests and answers travel for a while, and whose answers may be lost."""

    def __init__(self, service: Reference, name: str) -> None:
        self.name = name
        self.chance: random.Random = service.world.stream(f"client {name}")
        self._service = service
        self.is_paused = False
        self._locks: LockListener | None = None
        self._session = 1

    def now(self) -> Micros:
        """See Client."""
        return self._service.world.now

    def after(self, delay: Micros, callback: Callback) -> None:
        """See Client."""
        self._service.world.after(delay, callback)

    def submit(
        self, op: int, args: tuple[Value, ...], done: Done, *, consistency: int = ops.LINEARIZABLE
    ) -> None:
        """See Client."""
        session = self._session

        def answered(answer: Answer) -> None:
            # A client whose session is over does not trust what was answered in it.
            done(answer if session == self._session else Answer(codes.OUTCOME_UNKNOWN))

        self._travel(lambda: self._arrive(session, op, args, answered))

    def watch(self, path: str, mode: int, listener: WatchListener) -> None:
        """See Client."""
        self._service.watches.append((path, mode, listener))
        revision = self._service.revision
        self.after(0, lambda: listener.started(revision))

    def listen_to_locks(self, listener: LockListener) -> None:
        """See Client."""
        self._locks = listener

    def tell_lock(self, path: str, request: Index, token: Index, *, state: int = ops.HELD) -> None:
        """Tell the client that its waiting claim was granted, or that a claim has ended."""
        listener = self._locks
        assert listener is not None
        # Later than any answer to the request, which travels for 5 ms at most.
        self.after(5 * MS, lambda: listener.lock_changed(path, request, state, token))

    def tell_session_lost(self) -> None:
        """Tell the client that its lease is over; it begins another session at once."""
        assert self._locks is not None
        self._session += 1
        self._locks.session_lost()

    def _arrive(self, session: int, op: int, args: tuple[Value, ...], done: Done) -> None:
        if session != self._session:
            done(Answer(codes.SESSION_EXPIRED))
            return
        answer = self._service.handle(op, args, self)
        if op not in {ops.ACQUIRE, ops.RELEASE} and self._is_lost():
            answer = Answer(codes.OUTCOME_UNKNOWN)
        self._travel(lambda: done(answer))

    def _is_lost(self) -> bool:
        return self._service.chance.randrange(100) < self._service.lost_percent

    def _travel(self, callback: Callback) -> None:
        self.after(self._service.chance.randint(100, 5 * MS), callback)


def stat_of(node: Node) -> list[int]:
    """Return a stat with the fields that the workloads look at."""
    known = {"version": node.version, "mzxid": node.mzxid, "data_length": len(node.data)}
    return [known.get(field, 0) for field in messages.STAT_FIELDS]


def _path(args: Args) -> str:
    path = args[0]
    assert isinstance(path, str)
    return path


def _bytes(value: Value) -> bytes:
    assert isinstance(value, bytes)
    return value
