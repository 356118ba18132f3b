"""Watching: one watch of a simulated client, told to the workload and to the checker."""

from __future__ import annotations

from typing import Protocol

from coordsvc.base.ids import Index
from coordsvc_client.conversation import Conversation
from coordsvc_client.watching import RESYNC, Watch
from tests.sim.observer import Observer
from tests.sim.workloads.client import WatchListener


class Watcher(Protocol):
    """The client whose watch it is."""

    observer: Observer
    conversation: Conversation

    @property
    def connection(self) -> str:
        """The name of the present connection."""

    def next_watch(self) -> str:
        """Return a name for a watch."""


class Watching:
    """One watch, for as long as its client lives: it is resumed on each connection."""

    def __init__(self, client: Watcher, path: str, mode: int, listener: WatchListener) -> None:
        self._client = client
        self._listener = listener
        self._name = ""
        self._path = path
        self._mode = mode
        self._watch = Watch(
            path, mode=mode, since=0, with_data=True, deliver=self._deliver, fail=self._fail
        )
        self._watch.on_start = self._started
        client.conversation.watches.add(self._watch)

    def _started(self) -> None:
        checker = self._client.observer.watches
        if self._name:
            checker.moved(self._name, self._client.connection)
            return
        self._begin(self._watch.since)

    def note_cut(self) -> None:
        """Nothing more is due if the client was told that the history is cut."""
        if self._watch.resync:
            self._forget()

    def _forget(self) -> None:
        if self._name:
            self._client.observer.watches.lost(self._name)
            self._name = ""

    def _begin(self, revision: Index) -> None:
        self._name = self._client.next_watch()
        self._client.observer.watches.started(
            self._name,
            path=self._path,
            mode=self._mode,
            connection=self._client.connection,
            revision=revision,
        )
        self._listener.started(revision)

    def _deliver(
        self, kind: int, path: str, revision: int, stat: list[int] | None, data: bytes | None
    ) -> None:
        if kind == RESYNC:
            self._forget()
            self._begin(revision)
            return
        self._client.observer.watches.delivered(self._name, kind, path, revision)
        self._listener.changed(kind, path, revision, data)

    def _fail(self, code: int, text: str) -> None:
        raise AssertionError(f"the watch of {self._path} ended: {code} {text}")
