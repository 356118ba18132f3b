"""Several operations as one: all or nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias, cast

from coordsvc_client.chroot import Chroot
from coordsvc_client.errors import TransactionFailed
from coordsvc_client.model import Data, Seconds, Stat, bytes_of, ms_of, stat_of
from coordsvc_client.wire import codes, ops

Sender: TypeAlias = Callable[[tuple[object, ...], Seconds | None], Awaitable[tuple[int, object]]]
"""Sends the arguments of a TXN; returns revision and value."""


class TxnResult(NamedTuple):
    """What a transaction did."""

    succeeded: bool
    """The conditions held, so the `then` branch was done; else the `otherwise` branch was."""
    revision: int
    results: tuple[str | Stat | int | None, ...]
    """One per operation: path of a create, stat of a put or set, count of a delete, else None."""


class Txn:
    """Gathers operations; `commit` sends them. Methods return the builder."""

    def __init__(self, send: Sender, chroot: Chroot) -> None:
        self._send = send
        self._chroot = chroot
        self._conditions: list[list[object]] = []
        self._then: list[list[object]] = []
        self._otherwise: list[list[object]] = []
        self._branch = self._then

    # Conditions: they choose the branch.

    def when_version(self, path: str, version: int) -> Txn:
        """Take the first branch only if the node has this version (-1: any)."""
        return self._when(ops.CHECK_VERSION, path, version)

    def when_exists(self, path: str, *, exists: bool = True) -> Txn:
        """Take the first branch only if the node is there, or is not."""
        return self._when(ops.CHECK_EXISTS, path, exists)

    def when_data(self, path: str, data: Data) -> Txn:
        """Take the first branch only if the node holds exactly these bytes."""
        return self._when(ops.CHECK_DATA, path, bytes_of(data))

    def when_unchanged_since(self, path: str, revision: int) -> Txn:
        """Take the first branch only if the data was last set at or before `revision`."""
        return self._when(ops.CHECK_MZXID, path, revision)

    def when_held(self, path: str, token: int) -> Txn:
        """Take the first branch only if the token holds the lock at `path`."""
        return self._when(ops.CHECK_TOKEN, path, token)

    def otherwise(self) -> Txn:
        """Start the second branch, done when a condition does not hold."""
        self._branch = self._otherwise
        return self

    # Operations of a branch.

    def check(self, path: str, *, version: int = -1) -> Txn:
        """Undo everything unless the node exists and has this version (-1: any)."""
        return self._add(ops.CHECK_VERSION, path, version)

    def check_held(self, path: str, token: int) -> Txn:
        """Undo everything unless the token holds the lock at `path`."""
        return self._add(ops.CHECK_TOKEN, path, token)

    def create(
        self,
        path: str,
        data: Data | None = b"",
        *,
        ephemeral: bool = False,
        sequence: bool = False,
        parents: bool = False,
        ttl: Seconds | None = None,
    ) -> Txn:
        """Create a node."""
        kind = kind_of(ephemeral=ephemeral, container=False, ttl=ttl)
        ttl_ms = 0 if ttl is None else ms_of(ttl)
        return self._add(
            ops.CREATE, path, bytes_of(data), kind, sequence, parents, ttl_ms, no_guards()
        )

    def put(self, path: str, data: Data | None, *, parents: bool = False) -> Txn:
        """Set a node's data; create the node if it is not there."""
        return self._add(ops.PUT, path, bytes_of(data), parents, no_guards())

    def set(self, path: str, data: Data | None, *, version: int = -1) -> Txn:
        """Set the data of an existing node."""
        return self._add(ops.SET, path, bytes_of(data), version, no_guards())

    def delete(self, path: str, *, version: int = -1, recursive: bool = False) -> Txn:
        """Delete a node."""
        return self._add(ops.DELETE, path, version, recursive, no_guards())

    async def commit(self, *, timeout: Seconds | None = None) -> TxnResult:
        """Do it.

        Raises:
            TransactionFailed: an operation failed, so nothing was done.
            OutcomeUnknown: nobody could be asked in time whether it was done.

        """
        args = (self._conditions, self._then, self._otherwise)
        revision, value = await self._send(args, timeout)
        succeeded, outcomes = cast("tuple[bool, list[tuple[int, object]]]", value)
        branch = self._then if succeeded else self._otherwise
        for index, (code, detail) in enumerate(outcomes):
            if code not in (codes.OK, codes.ROLLED_BACK):
                raise TransactionFailed(f"operation {index}: {detail}", code=code, index=index)
        results = tuple(
            self._result(cast("int", operation[0]), value)
            for operation, (_, value) in zip(branch, outcomes, strict=False)
        )
        return TxnResult(succeeded, revision, results)

    def _when(self, op: int, path: str, *args: object) -> Txn:
        self._conditions.append([op, self._chroot.inner(path), *args])
        return self

    def _add(self, op: int, path: str, *args: object) -> Txn:
        self._branch.append([op, self._chroot.inner(path), *args])
        return self

    def _result(self, op: int, value: object) -> str | Stat | int | None:
        match op, value:
            case ops.CREATE, [str(path), *_]:
                return self._chroot.outer(path)
            case ops.PUT, [_, stat, *_]:
                return stat_of(stat)
            case ops.SET, _:
                return stat_of(value)
            case ops.DELETE, int(count):
                return count
            case _:
                return None


def no_guards() -> list[object]:
    """Return the guards of an operation that has none."""
    return []


def kind_of(*, ephemeral: bool, container: bool, ttl: Seconds | None) -> int:
    """Return the kind of node that the options of a create ask for.

    Raises:
        ValueError: if they contradict one another.

    """
    if ephemeral + container + (ttl is not None) > 1:
        raise ValueError("a node is ephemeral, a container or has a ttl: one of them")
    if ephemeral:
        return ops.EPHEMERAL
    if container:
        return ops.CONTAINER
    return ops.PERSISTENT if ttl is None else ops.TTL
