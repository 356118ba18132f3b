"""Mirror: makes a tree at the target be as at the source, once or again and again.

One sweep walks the source from the top, lists every node, and reads and writes those whose
numbers are not those seen before. So the first sweep copies, later ones carry changes, and one
after a lost connection goes on where the last one stopped. A watch of the source only says
when to look: that an event is missed costs time, never a change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from coordsvc.cli.migration import report as kinds
from coordsvc.cli.migration.nodes import Asks, Listed, in_batches, list_nodes, read_contents
from coordsvc.cli.migration.report import Report
from coordsvc.cli.migration.target import (
    Target,
    Wanted,
    Written,
    carried_acl,
    creates_of,
    fits,
)
from coordsvc.protocols.zookeeper import numbers

BATCH: Final = 64
QUOTA_ROOT: Final = "/zookeeper/quota"
LIMITS: Final = "zookeeper_limits"
SPECIAL: Final = "/zookeeper"
_NUMBERED: Final = re.compile(r".*\d{10}")


class Seen(NamedTuple):
    """What is known of a node that was carried."""

    czxid: int
    mzxid: int
    aversion: int
    children: tuple[str, ...]
    creates: int


_UNSURE: Final = Seen(-1, -1, -1, (), 0)
"""Of a node that may be at the target: a connection was lost, or it is being written."""


class Mirror:
    """Copies what is at and below `top` of the source to `to` at the target."""

    def __init__(
        self,
        source: Asks,
        target: Asks,
        *,
        top: str,
        to: str,
        dry: bool,
        progress: Callable[[], None],
        sequences_max: int,
    ) -> None:
        """Remember what to do; `progress` is called after each batch."""
        self._source = source
        self._target_now = target
        self._target = Target(target, dry=dry)
        self._top = top
        self._to = to
        self._progress = progress
        self._sequences_max = sequences_max
        self._seen: dict[str, Seen] = {}
        self.report = Report()
        self.differences = 0
        """What the last sweep found to carry."""

    # ------------------------------------------------------------------ sweeps

    def sweep(self) -> None:
        """Walk the source and carry what differs from what was seen before.

        Raises:
            ZkGone: a connection is lost; what was carried is remembered.

        """
        self.differences = 0
        level = [self._top]
        alive: set[str] = set()
        while level:
            below: list[str] = []
            for batch in in_batches(level, BATCH):
                below += self._look_at(batch, alive)
                self._progress()
            level = below
        hidden = tuple(f"{path}/" for path in self.report.left.get(kinds.UNREADABLE, {}))
        self._remove(
            path for path in self._seen if path not in alive and not path.startswith(hidden)
        )
        self.report.sweeps += 1

    def touch(self, paths: Iterable[str]) -> None:
        """Carry what has become of single nodes, as a watch has told.

        A node that has come brings those below it, and one above it that was not there yet.
        """
        self.differences = 0
        todo = sorted({path for path in paths if self._is_ours(path)})
        gone: list[str] = []
        while todo:
            batch, todo = todo[:BATCH], todo[BATCH:]
            alive: set[str] = set()
            below = self._look_at(batch, alive)
            new = [path for path in below if self._seen.get(path, _UNSURE) is _UNSURE]
            gone += (path for path in batch if path not in alive and path in self._seen)
            todo += new
            self._progress()
        orphans = [path for path in self._seen if path.startswith(tuple(f"{top}/" for top in gone))]
        self._remove({*gone, *orphans})

    def _is_ours(self, path: str) -> bool:
        inside = self._top in {"/", path} or path.startswith(f"{self._top}/")
        return inside and not _is_special(path)

    def _look_at(self, batch: Sequence[str], alive: set[str]) -> list[str]:
        """Deal with some nodes of the source; return the paths of their children."""
        below: list[str] = []
        stale: list[tuple[str, Listed]] = []
        for path, listed in zip(batch, list_nodes(self._source, batch), strict=True):
            if isinstance(listed, int):
                self._not_listed(path, listed, alive)
                continue
            if listed.stat.ephemeral_owner:
                owner = f"session {listed.stat.ephemeral_owner:#x}"
                self.report.leave(kinds.EPHEMERAL, path, owner)
                continue
            alive.add(path)
            below += (child for child in listed.children if not _is_special(child))
            if self._is_stale(path, listed):
                stale.append((path, listed))
            else:
                self._seen[path] = _seen(listed)
        if stale:
            self._carry(stale, alive)
        return below

    def _not_listed(self, path: str, error: int, alive: set[str]) -> None:
        if error == numbers.NO_NODE:
            self.report.forget(path)
            return
        alive.add(path)  # it is there, but what it is nobody tells
        self.report.leave(kinds.UNREADABLE, path, _name_of(error))

    def _is_stale(self, path: str, listed: Listed) -> bool:
        seen, stat = self._seen.get(path), listed.stat
        return seen is None or (seen.czxid, seen.mzxid, seen.aversion) != (
            stat.czxid, stat.mzxid, stat.aversion,
        )  # fmt: skip

    # ------------------------------------------------------------------ one batch

    def _carry(self, nodes: Sequence[tuple[str, Listed]], alive: set[str]) -> None:
        wanted: list[Wanted] = []
        carried: list[tuple[str, Listed]] = []
        contents = read_contents(self._source, [path for path, _ in nodes])
        for (path, listed), content in zip(nodes, contents, strict=True):
            if numbers.NO_NODE in {content.error, content.acl_error}:
                alive.discard(path)  # gone between two looks
                continue
            self.report.read += 1
            if content.error or content.acl is None:
                error = content.error or content.acl_error
                self.report.leave(kinds.UNREADABLE, path, _name_of(error))
                continue
            if not fits(path, content.data):
                size = len(content.data or b"")
                self.report.leave(kinds.TOO_LARGE, path, f"{size} bytes")
                continue
            acl, lost = carried_acl(content.acl)
            if lost:
                self.report.leave(kinds.ACL, path, ", ".join(lost))
            else:
                self.report.settle(kinds.ACL, path)
            self.report.settle(kinds.UNREADABLE, path)
            wanted.append(Wanted(self._there(path), content.data, acl))
            carried.append((path, listed))
        for path, _ in carried:
            self._seen.setdefault(path, _UNSURE)
        for (path, listed), node, written in zip(
            carried, wanted, self._target.write(wanted), strict=True
        ):
            self._note(path, listed, node, written)

    def _note(self, path: str, listed: Listed, node: Wanted, written: Written) -> None:
        if written.error:
            self.report.leave(kinds.UNWRITTEN, path, _name_of(written.error))
            return
        report = self.report
        report.settle(kinds.UNWRITTEN, path)
        report.created += written.created
        report.changed += written.changed
        report.acls_set += written.acl_set
        differed = written.created or written.changed or written.acl_set
        report.equal += not differed
        report.bytes += len(node.data or b"") if written.created or written.changed else 0
        self.differences += differed
        self._seen[path] = _seen(listed)

    def _remove(self, paths: Iterable[str]) -> None:
        """Delete at the target what has gone at the source."""
        doomed = sorted(paths, reverse=True)  # children before parents
        for batch in in_batches(doomed, BATCH):
            errors = self._target.delete([self._there(path) for path in batch])
            for path, error in zip(batch, errors, strict=True):
                if error:
                    self.report.leave(kinds.UNWRITTEN, path, f"delete: {_name_of(error)}")
                    continue
                self.report.deleted += 1
                self.differences += 1
                self.report.forget(path)
                del self._seen[path]
            self._progress()

    def _there(self, path: str) -> str:
        """Return where a node of the source stands at the target."""
        below = path[len(self._top) :] if self._top != "/" else path.rstrip("/")
        return (self._to.rstrip("/") + below) or "/"

    # ------------------------------------------------------------------ the rest of the tree

    def find_extras(self, *, prune: bool) -> None:
        """Report, or with `prune` delete, what is only at the target."""
        found: list[str] = []
        level = [self._top]
        while level:
            below: list[str] = []
            for batch in in_batches(level, BATCH):
                there = [self._there(path) for path in batch]
                for path, listed in zip(batch, list_nodes(self._target_now, there), strict=True):
                    if isinstance(listed, int) or listed.stat.ephemeral_owner:
                        continue
                    if path not in self._seen and path != self._top and not self._was_left(path):
                        found.append(path)
                    names = (child.rpartition("/")[2] for child in listed.children)
                    prefix = "" if path == "/" else path
                    below += (
                        f"{prefix}/{name}" for name in names if not _is_special(f"{prefix}/{name}")
                    )
            level = below
        if not prune:
            for path in found:
                self.report.leave(kinds.EXTRA, path)
            return
        doomed = sorted(found, reverse=True)
        for batch in in_batches(doomed, BATCH):
            errors = self._target.delete([self._there(path) for path in batch])
            for path, error in zip(batch, errors, strict=True):
                if error:
                    self.report.leave(kinds.UNWRITTEN, path, f"delete: {_name_of(error)}")
                self.report.deleted += not error

    def _was_left(self, path: str) -> bool:
        return any(path in self.report.left.get(kind, {}) for kind in (*kinds.FAILURES,))

    def carry_sequences(self) -> None:
        """Raise the sequence numbers of parents whose children carry numbers in their names."""
        for path, seen in sorted(self._seen.items()):
            numbered = any(_NUMBERED.fullmatch(c) for c in seen.children if c in self._seen)
            if not numbered:
                continue
            if seen.creates > self._sequences_max:
                why = f"{seen.creates} at the source, more than --sequences-max"
            elif self._target.raise_sequence(self._there(path), seen.creates):
                self.report.settle(kinds.SEQUENCE, path)
                continue
            else:
                why = f"{seen.creates} at the source; the target refuses to raise it"
            self.report.leave(kinds.SEQUENCE, path, why)

    def find_quotas(self) -> None:
        """Report the quotas of what is copied."""
        level = [QUOTA_ROOT]
        while level:
            below: list[str] = []
            for path, listed in zip(level, list_nodes(self._source, level), strict=True):
                if not isinstance(listed, int):
                    below += listed.children
                    if path.endswith(f"/{LIMITS}"):
                        owner = path[len(QUOTA_ROOT) : -len(LIMITS) - 1]
                        if self._is_ours(owner):
                            self.report.leave(kinds.QUOTA, owner)
            level = below


def _seen(listed: Listed) -> Seen:
    stat = listed.stat
    creates = creates_of(stat.cversion, stat.num_children)
    return Seen(stat.czxid, stat.mzxid, stat.aversion, listed.children, creates)


def _is_special(path: str) -> bool:
    return path == SPECIAL or path.startswith(f"{SPECIAL}/")


def _name_of(error: int) -> str:
    return _ERRORS.get(error, f"error {error}")


_ERRORS: Final = {
    value: name.lower()
    for name, value in vars(numbers).items()
    if name.isupper() and isinstance(value, int) and value < numbers.RUNTIME_INCONSISTENCY
}
