"""DataFolder: one replica's folder on disk, locked, and checked to be the right one.

::

    LOCK            locked while a process uses the folder; holds its pid
    identity.json   format version, cluster, node, salt
    log/            the write-ahead log
    snapshots/      the snapshots
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coordsvc.base.errors import SetupError
from coordsvc.base.ids import NodeId
from coordsvc.storage.os_files import OsFiles

FORMAT: Final = 1
_LOCK: Final = "LOCK"
_IDENTITY: Final = "identity.json"
_DRAFT: Final = "identity.json.tmp"
_LOG: Final = "log"
_SNAPSHOTS: Final = "snapshots"
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
# What may lie in a folder that is not ours yet: the rest of an interrupted first start, and what
# a file system puts into its root.
_HARMLESS: Final = frozenset({_LOCK, _DRAFT, "lost+found"})
_BRING_BACK: Final = (
    "Bring it back from a copy, or move the data folder away, start with an empty one, and have "
    "the others take the node in afresh: coordctl members replace NODE."
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose folder it is. `salt` is a random number that enters the checksums of the log."""

    cluster: str
    node: NodeId
    salt: int

    @property
    def number(self) -> int:
        """The number by which other members tell this folder from an empty one; never 0."""
        return self.salt + 1


class DataFolder:
    """An open data folder. The lock is held until `close` or the end of the process."""

    def __init__(self, path: Path, identity: Identity, lock: int) -> None:
        self._lock = lock
        self.path = path
        self.identity = identity
        self.log = OsFiles(path / _LOG)
        self.snapshots = OsFiles(path / _SNAPSHOTS)

    @classmethod
    def open(cls, path: Path, *, cluster: str, node: NodeId) -> DataFolder:
        """Open the folder of `node` of `cluster`; create it if it is not there or empty.

        Raises:
            SetupError: it is in use, belongs to another node or cluster, was written by a newer
                program, or cannot be written; says what to do.

        """
        try:
            _make_folder(path)
        except OSError as error:
            raise _unusable(path, error) from error
        return cls._opened(
            path, lambda: _checked(path, cluster, node) or _created(path, cluster, node)
        )

    @classmethod
    def open_existing(cls, path: Path) -> DataFolder:
        """Open a folder that is there, whoever it belongs to: its `identity` says.

        Raises:
            SetupError: it is no data folder, is in use, or was written by a newer program.

        """
        if not (path / _IDENTITY).is_file():
            raise SetupError(f"{path}: is no data folder: there is no {_IDENTITY}")
        return cls._opened(path, lambda: _present(path))

    @classmethod
    def _opened(cls, path: Path, identity_of: Callable[[], Identity]) -> DataFolder:
        """Lock the folder and look whose it is; if that fails it is not locked any more."""
        try:
            lock = _locked(path)
            try:
                return cls(path, identity_of(), lock)
            except (OSError, SetupError):
                os.close(lock)
                raise
        except OSError as error:
            raise _unusable(path, error) from error

    @classmethod
    def make(
        cls, path: Path, *, cluster: str, node: NodeId, fill: Callable[[DataFolder], None]
    ) -> None:
        """Make a new folder that holds what `fill` puts into its log and its snapshots.

        It has no identity before `fill` has returned, so what a crash leaves is never opened.

        Raises:
            SetupError: there is something at `path` already, or it cannot be written.

        """
        try:
            _make_folder(path)
            lock = _locked(path)
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            if (path / _IDENTITY).exists():
                raise SetupError(
                    f"{path}: is a data folder already. Choose an empty one, or move it away."
                )
            _refuse_foreign(path)
            identity = _prepared(path, cluster, node)
            fill(cls(path, identity, lock))
            _settled(path, identity)
        except OSError as error:
            raise _unusable(path, error) from error
        finally:
            os.close(lock)

    def close(self) -> None:
        """Release the lock."""
        os.close(self._lock)


def _unusable(path: Path, error: OSError) -> SetupError:
    return SetupError(
        f"{path}: cannot be used as a data folder: {error.strerror or error}. Give the user who "
        "runs this process the right to write there, or choose another folder."
    )


def _make_folder(path: Path) -> None:
    """Create the folder and those above it, durably."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    for each in missing:
        OsFiles(each.parent).sync_names()


def _locked(path: Path) -> int:
    """Return the descriptor that holds the lock; the system releases it when the process ends."""
    descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise SetupError(
            f"{path}: another process (pid {pid}) uses this data folder. Stop it first, or give "
            "this node a folder of its own."
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _checked(path: Path, cluster: str, node: NodeId) -> Identity | None:
    """Return the identity of the folder if it has one, and it is ours."""
    try:
        text = (path / _IDENTITY).read_text("utf-8")
    except FileNotFoundError:
        _refuse_foreign(path)
        return None
    identity = _parsed(path / _IDENTITY, text)
    _refuse_another_owner(path, identity, cluster, node)
    _refuse_missing(path)
    return identity


def _present(path: Path) -> Identity:
    """Return the identity of a whole folder, whoever it belongs to."""
    identity = _parsed(path / _IDENTITY, (path / _IDENTITY).read_text("utf-8"))
    _refuse_missing(path)
    return identity


def _refuse_missing(path: Path) -> None:
    for name in (_LOG, _SNAPSHOTS):
        if not (path / name).is_dir():
            raise SetupError(f"{path / name}: is missing. {_BRING_BACK}")


def _refuse_another_owner(path: Path, identity: Identity, cluster: str, node: NodeId) -> None:
    if identity.cluster != cluster:
        raise SetupError(
            f"{path}: belongs to cluster {identity.cluster!r}, not {cluster!r}. Correct the name "
            "of the cluster in the configuration, or choose another folder."
        )
    if identity.node != node:
        raise SetupError(
            f"{path}: belongs to node {identity.node!r}, not {node!r}. Correct the name of the "
            "node in the configuration, or choose another folder."
        )


def _refuse_foreign(path: Path) -> None:
    foreign = sorted(each.name for each in path.iterdir() if not _is_harmless(each))
    if foreign:
        raise SetupError(
            f"{path}: is not empty ({foreign[0]!r}, ...) and has no {_IDENTITY}, so it is not a "
            "data folder. Choose an empty folder, or bring its identity file back."
        )


def _is_harmless(entry: Path) -> bool:
    if entry.name in (_LOG, _SNAPSHOTS):
        return not any(entry.iterdir())
    return entry.name in _HARMLESS


def _parsed(place: Path, text: str) -> Identity:
    try:
        fields: object = json.loads(text)
    except ValueError:
        fields = None
    match fields:
        case {"format": int(version)} if version > FORMAT:
            raise SetupError(
                f"{place}: format {version} was written by a newer program; this one knows "
                f"format {FORMAT}. Start the version that wrote it."
            )
        case {"format": 1, "cluster": str(cluster), "node": str(node), "salt": int(salt)}:
            return Identity(cluster, node, salt)
        case _:
            raise SetupError(f"{place}: cannot be read. {_BRING_BACK}")


def _created(path: Path, cluster: str, node: NodeId) -> Identity:
    """Make a new folder. The identity comes last: without it the rest counts for nothing."""
    identity = _prepared(path, cluster, node)
    _settled(path, identity)
    return identity


def _prepared(path: Path, cluster: str, node: NodeId) -> Identity:
    for name in (_LOG, _SNAPSHOTS):
        (path / name).mkdir(mode=_FOLDER_MODE, exist_ok=True)
    return Identity(cluster, node, secrets.randbits(32))


def _settled(path: Path, identity: Identity) -> None:
    """Write the identity, durably."""
    fields = {
        "format": FORMAT,
        "cluster": identity.cluster,
        "node": identity.node,
        "salt": identity.salt,
    }
    draft = path / _DRAFT
    with draft.open("w", encoding="utf-8") as file:
        file.write(json.dumps(fields, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path / _IDENTITY)
    OsFiles(path).sync_names()
