"""Image: the whole state as bytes, and back.

A stream of MessagePack arrays: a header, rows `[tag, ...]`, an end that counts them. Whoever
stores the stream guards it with checksums; here its shape is checked. What follows from other
things (child lists, indexes) is not stored but rebuilt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import msgpack

from coordsvc.base import limits, paths
from coordsvc.base.errors import CorruptData
from coordsvc.base.ids import Index, Millis, SessionId
from coordsvc.state import rows, versions
from coordsvc.state.events import Event
from coordsvc.state.expiry import Expiry
from coordsvc.state.history import History
from coordsvc.state.locks import Lock, LockTable
from coordsvc.state.sessions import Session, SessionTable
from coordsvc.state.sweep import Sweep
from coordsvc.state.tree import Tree
from coordsvc.state.znode import Znode

MAGIC: Final = "coordsvc-state"
ROWS_PER_CHUNK_MAX: Final = 500
"""A chunk takes well under a millisecond to make, so that it delays nobody."""

_FINGERPRINT_BYTES: Final = 16

_NODE: Final = 1
_SESSION: Final = 2
_LOCK: Final = 3
_CONTAINER: Final = 4
_EVENT: Final = 5
_END: Final = 6


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything an image holds."""

    version: int
    """Of the state machine: of the image's layout, and of what entries mean."""
    revision: Index
    time_ms: Millis
    digest: int
    tree: Tree
    sessions: SessionTable
    locks: LockTable
    expiry: Expiry
    history: History


def _pack(value: object) -> bytes:
    packed: bytes = _packer.pack(value)
    return packed


_packer = msgpack.Packer(use_bin_type=True, autoreset=True)


def _encode_node(path: str, node: Znode) -> bytes:
    return _pack((_NODE, *rows.node_row(path, node)))


def _encode_node_1(path: str, node: Znode) -> bytes:
    """As version 1 has it, whose programs take no more fields."""
    return _pack((_NODE, *rows.node_row(path, node)[: rows.NODE_FIELDS_1]))


def _encode_session(session_id: SessionId, session: Session) -> bytes:
    return _pack((_SESSION, *rows.session_row(session_id, session)))


def _encode_lock(path: str, lock: Lock) -> bytes:
    return _pack((_LOCK, *rows.lock_row(path, lock)))


class Capture:
    """A consistent image of the state at the moment of its making, read out in chunks.

    The tables report to the sweeps what is about to change, until the capture is at its end or
    abandoned; there can be one capture of a state at a time.
    """

    def __init__(self, parts: Parts) -> None:
        assert parts.tree.sweep is None, "one capture at a time"
        self.revision: Index = parts.revision
        self.version: int = parts.version
        self._tree, self._sessions, self._locks = parts.tree, parts.sessions, parts.locks
        oldest = parts.version == versions.OLDEST
        self._event_fields = rows.EVENT_FIELDS_1 if oldest else None
        parts.sessions.sweep = Sweep(parts.sessions.by_id, _encode_session)
        parts.locks.sweep = Sweep(parts.locks.by_path, _encode_lock)
        self._sweeps = (
            parts.tree.begin_sweep(_encode_node_1 if oldest else _encode_node),
            parts.sessions.sweep,
            parts.locks.sweep,
        )
        header = (
            MAGIC,
            parts.version,
            parts.revision,
            parts.time_ms,
            parts.digest,
            parts.history.compacted,
        )
        self._rows: Iterator[bytes] | None = self._all_rows(
            _pack(header), list(parts.expiry.containers.due_at.items()), parts.history.events
        )

    def next_chunk(self) -> bytes | None:
        """Return the next part of the image; None when it is complete."""
        if self._rows is None:
            return None
        chunk: list[bytes] = []
        size = 0
        for row in self._rows:
            chunk.append(row)
            size += len(row)
            if size >= limits.SNAPSHOT_CHUNK_BYTES or len(chunk) >= ROWS_PER_CHUNK_MAX:
                return b"".join(chunk)
        self.abandon()
        return b"".join(chunk) if chunk else None

    def abandon(self) -> None:
        """End the capture, complete or not."""
        if self._rows is not None:
            self._rows = None
            self._tree.sweep = self._sessions.sweep = self._locks.sweep = None

    def _all_rows(
        self, header: bytes, containers: list[tuple[str, Millis]], events: list[Event]
    ) -> Iterator[bytes]:
        yield header
        count = 0
        for sweep in self._sweeps:
            row = sweep.take()
            while row is not None:
                count += 1
                yield row
                row = sweep.take()
        for path, due_ms in containers:
            count += 1
            yield _pack((_CONTAINER, path, due_ms))
        for event in events:
            count += 1
            yield _pack((_EVENT, *rows.event_row(event)[: self._event_fields]))
        yield _pack((_END, count))


def load(chunks: Iterable[bytes]) -> Parts:
    """Return the state whose capture gave `chunks`, however they were cut since.

    Raises:
        CorruptData: they are not a whole image.
        VersionUnknown: the image has a version that this program has not.

    """
    try:
        return _Loader().load(_arrays(chunks))
    except (ValueError, TypeError, LookupError, AssertionError, msgpack.UnpackException) as error:
        raise CorruptData(f"not an image of the state: {error!r}") from error


def fingerprint(chunks: Iterable[bytes]) -> str:
    """Return a number, in hexadecimal, that equal states share, in whatever order their rows come.

    Raises:
        CorruptData: the chunks are not MessagePack.

    """
    total = 0
    try:
        for row in _arrays(chunks):
            total += int.from_bytes(blake2b(_pack(row), digest_size=_FINGERPRINT_BYTES).digest())
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise CorruptData(f"not an image of the state: {error!r}") from error
    return f"{total % (1 << 8 * _FINGERPRINT_BYTES):0{2 * _FINGERPRINT_BYTES}x}"


def _arrays(chunks: Iterable[bytes]) -> Iterator[list[object]]:
    unpacker = msgpack.Unpacker(raw=False, use_list=True, max_buffer_size=2**31 - 1)
    for chunk in chunks:
        unpacker.feed(chunk)
        for item in unpacker:
            yield rows.as_list(item)


class _Loader:
    """Puts a state together from its rows, which come in no particular order."""

    def __init__(self) -> None:
        self._nodes: dict[str, Znode] = {}
        self._sessions: list[Session] = []
        self._locks: list[tuple[str, Lock]] = []
        self._expiry = Expiry()
        self._history = History()

    def load(self, arrays: Iterator[list[object]]) -> Parts:
        magic, version, revision, time_ms, digest, compacted = next(arrays, [None] * 6)
        if magic != MAGIC:
            raise ValueError(f"{magic} is not {MAGIC}")
        versions.check(rows.as_int(version))
        self._take_rows(arrays)
        self._history.compacted = rows.as_int(compacted)
        return self._put_together(
            rows.as_int(version), rows.as_int(revision), rows.as_int(time_ms), rows.as_int(digest)
        )

    def _take_rows(self, arrays: Iterator[list[object]]) -> None:
        nodes = self._nodes
        for count, array in enumerate(arrays):
            tag, *row = array
            if tag == _NODE:
                path, node = rows.node_from(row)
                nodes[path] = node
            elif tag == _END:
                if row != [count]:
                    raise ValueError(f"{count} rows, but the end counts {row}")
                break
            else:
                self._take_rare(tag, row)
        else:
            raise ValueError("the end is missing")
        if next(arrays, None) is not None:
            raise ValueError("something stands behind the end")

    def _take_rare(self, tag: object, row: list[object]) -> None:
        if tag == _SESSION:
            self._sessions.append(rows.session_from(row))
        elif tag == _LOCK:
            self._locks.append(rows.lock_from(row))
        elif tag == _CONTAINER:
            path, due_ms = row
            self._expiry.containers.set(rows.as_str(path), rows.as_int(due_ms))
        elif tag == _EVENT:
            self._history.append(rows.event_from(row))
        else:
            raise ValueError(f"unknown row {tag}")

    def _put_together(self, version: int, revision: Index, time_ms: Millis, digest: int) -> Parts:
        if paths.ROOT not in self._nodes:
            raise ValueError("the root is missing")
        tree, sessions = Tree(), SessionTable()
        tree.load(self._nodes)
        for session in sorted(self._sessions, key=_id_of):
            sessions.by_id[session.id] = session
        for path, node in self._nodes.items():
            if node.owner:
                sessions.by_id[node.owner].own(path)
        locks = LockTable(sessions)
        for path, lock in self._locks:
            locks.load(path, lock)
        self._expiry.rebuild(tree, locks.by_path)
        expiry, history = self._expiry, self._history
        return Parts(version, revision, time_ms, digest, tree, sessions, locks, expiry, history)


def _id_of(session: Session) -> SessionId:
    return session.id
