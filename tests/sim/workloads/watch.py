"""Watch: clients mirror a subtree by its events while others change it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from coordsvc.base.ids import Index
from coordsvc.base.vocabulary import codes, messages, ops
from tests.sim.history import History, Operation
from tests.sim.verdicts import WrongResult
from tests.sim.workloads.client import Answer, Asker, Client, Workload, create_args
from tests.sim.workloads.register import as_list

TOP: Final = "/tree"
LARGE: Final = 5_000
"""Bytes: more than the smallest buffer of a connection takes."""
MZXID_FIELD: Final = messages.STAT_FIELDS.index("mzxid")


class WatchWorkload(Workload):
    """Each client writes to the tree and keeps a mirror of it; at the end all are equal to it."""

    def __init__(self, history: History, *, nodes: int = 6) -> None:
        super().__init__(history)
        self._paths = [f"{TOP}/{number}" for number in range(nodes)]
        self._mirrors: list[Mirror] = []
        self._final: dict[str, bytes | None] = {}

    def start(self, clients: Sequence[Client]) -> None:
        """See Workload."""
        for client in clients:
            mirror = Mirror(self._asker, client, self._paths)
            self._mirrors.append(mirror)
            mirror.begin()
            Listener(client, client.chance.choice(self._paths), ops.WATCH_NODE).begin()
            Listener(client, TOP, ops.WATCH_CHILDREN).begin()
            self._asker.later(client, partial(self._write, client))

    def conclude(self, reader: Client) -> None:
        """See Workload."""
        for path in self._paths:
            self._read_final(reader, path)

    def is_caught_up(self) -> bool:
        """Tell whether every mirror shows what was read at the end."""
        return not self._differing()

    def check(self) -> None:
        """See Workload. Events still on their way must have been waited for."""
        differing = self._differing()
        if differing:
            raise WrongResult(f"mirrors differ from the tree: {', '.join(differing)}")

    def _differing(self) -> list[str]:
        return [
            f"{mirror.client.name} has {mirror.shown(path)!r} for {path}, not {data!r}"
            for mirror in self._mirrors
            for path, data in self._final.items()
            if mirror.shown(path) != data
        ]

    def _write(self, client: Client) -> None:
        path = client.chance.choice(self._paths)
        data = f"{client.name}-{client.chance.randrange(1_000_000)}".encode()
        if client.chance.randrange(10) == 0:
            data = data.ljust(LARGE)
        op, args = client.chance.choice(
            (
                (ops.PUT, (path, data, False, [])),
                (ops.PUT, (path, data, False, [])),
                (ops.DELETE, (path, -1, False, [])),
            )
        )
        self._asker.ask(client, op, args, lambda answer, _: self._wrote(client, answer))

    def _wrote(self, client: Client, answer: Answer) -> None:
        if answer.code == codes.NO_NODE:
            self._asker.ask(client, ops.CREATE, create_args(TOP, b""), lambda *_: None)
        self._asker.later(client, lambda: self._write(client))

    def _read_final(self, reader: Client, path: str) -> None:
        def take(answer: Answer) -> None:
            self._final[path] = _data_in(answer)

        self._asker.ask_until_answered(reader, ops.GET, (path,), take)


class Listener:
    """One who only listens: the checker of watches knows what it must be told."""

    def __init__(self, client: Client, path: str, mode: int) -> None:
        self._client = client
        self._path = path
        self._mode = mode

    def begin(self) -> None:
        """Watch."""
        self._client.watch(self._path, self._mode, self)

    def started(self, revision: Index) -> None:
        """See WatchListener."""

    def changed(self, kind: int, path: str, revision: Index, data: bytes | None) -> None:
        """See WatchListener."""

    def lost(self) -> None:
        """See WatchListener."""
        self.begin()


class Mirror:
    """A copy of some nodes: first every change from a revision on, then one read of each node.

    For each node the newest revision wins, whether an event or a read told of it.
    """

    def __init__(self, asker: Asker, client: Client, paths: Sequence[str]) -> None:
        self.client = client
        self._asker = asker
        self._paths = paths
        self._nodes: dict[str, tuple[Index, bytes | None]] = {}
        self._events_last: Index = 0

    def begin(self) -> None:
        """Watch; the reads follow when the watch has started."""
        self.client.watch(TOP, ops.WATCH_SUBTREE, self)

    def shown(self, path: str) -> bytes | None:
        """Return the data of a node; None if there is no such node."""
        return self._nodes.get(path, (0, None))[1]

    def started(self, revision: Index) -> None:
        """See WatchListener."""
        self._events_last = revision
        self._nodes.clear()  # also if it was there before: what it missed may be anything
        for path in self._paths:
            self._read(path)

    def changed(self, kind: int, path: str, revision: Index, data: bytes | None) -> None:
        """See WatchListener."""
        if revision < self._events_last:
            raise WrongResult(f"{self.client.name}: event {revision} after {self._events_last}")
        self._events_last = revision
        self._take(path, revision, None if kind == ops.DELETED else data)

    def lost(self) -> None:
        """See WatchListener."""
        self.begin()

    def _read(self, path: str) -> None:
        def take(answer: Answer, _: Operation) -> None:
            if answer.code >= codes.NOT_LEADER:
                self._asker.ask(self.client, ops.GET, (path,), take)
                return
            revision = answer.revision
            if answer.code == codes.OK:
                mzxid = as_list(as_list(answer.value)[1])[MZXID_FIELD]
                assert isinstance(mzxid, int)
                revision = mzxid
            self._take(path, revision, _data_in(answer))

        self._asker.ask(self.client, ops.GET, (path,), take)

    def _take(self, path: str, revision: Index, data: bytes | None) -> None:
        if revision >= self._nodes.get(path, (0, None))[0]:
            self._nodes[path] = (revision, data)


def _data_in(answer: Answer) -> bytes | None:
    if answer.code != codes.OK:
        return None
    data = as_list(answer.value)[0]
    assert data is None or isinstance(data, bytes)
    return data
