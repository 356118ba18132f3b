"""Which requests are plain: of the commonest kinds and well formed, told in one look each.

What is not plain is not wrong: it is parsed (`commands.parse`), which says the same of a plain
request, for three to four times the instructions. Each reader is given a request of its operation
whose serial and floor are sound; it returns what has to be known of a plain one, or None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from coordsvc.base import limits
from coordsvc.base.vocabulary import ops
from coordsvc.state.arguments import NUMBER_BITS

ANY_VERSION: Final = -1
NOTE_LENGTH_MAX: Final = limits.NOTE_BYTES_MAX // 4
"""Characters that certainly are no more bytes than a note may have."""

Create: TypeAlias = tuple[str, bytes, int]
"""Path, data, kind."""
Write: TypeAlias = tuple[str, bytes]
"""Path, data."""
Acquire: TypeAlias = tuple[str, bool, int, str]
"""Path, whether shared, delay_ms, note."""
Release: TypeAlias = tuple[str, int]
"""Path, claim."""


def read_create(request: list[object]) -> Create | None:
    """Read a CREATE of a lasting or ephemeral node by its own name, without guards."""
    if len(request) != 10:
        return None
    _, _, _, path, data, kind, sequential, parents, ttl_ms, guards = request
    if (
        type(path) is str
        and type(data) is bytes
        and len(data) <= limits.DATA_BYTES_MAX
        and type(kind) is int
        and ops.PERSISTENT <= kind <= ops.EPHEMERAL
        and sequential is False
        and type(parents) is bool
        and type(ttl_ms) is int
        and ttl_ms == 0
        and type(guards) is list
        and not guards
    ):
        return path, data, kind
    return None


def read_write(request: list[object]) -> Write | None:
    """Read a PUT or SET of bytes, of any version, without guards."""
    if len(request) != 7:
        return None
    op, _, _, path, data, option, guards = request
    if (
        type(path) is str
        and type(data) is bytes
        and len(data) <= limits.DATA_BYTES_MAX
        and type(option) is (int if op == ops.SET else bool)
        and (option == ANY_VERSION or op == ops.PUT)
        and type(guards) is list
        and not guards
    ):
        return path, data
    return None


def read_delete(request: list[object]) -> str | None:
    """Read the path of a DELETE of any version, without guards."""
    if len(request) != 7:
        return None
    _, _, _, path, version, recursive, guards = request
    if (
        type(path) is str
        and type(version) is int
        and version == ANY_VERSION
        and type(recursive) is bool
        and type(guards) is list
        and not guards
    ):
        return path
    return None


def read_acquire(request: list[object]) -> Acquire | None:
    """Read an ACQUIRE with a short note."""
    if len(request) != 8:
        return None
    _, _, _, path, shared, wait, delay_ms, note = request
    if (
        type(path) is str
        and type(shared) is bool
        and type(wait) is bool
        and type(delay_ms) is int
        and 0 <= delay_ms <= limits.LOCK_DELAY_MS_MAX
        and type(note) is str
        and len(note) <= NOTE_LENGTH_MAX
    ):
        return path, shared, delay_ms, note
    return None


def read_release(request: list[object]) -> Release | None:
    """Read a RELEASE: all that are well formed are plain."""
    if len(request) != 5:
        return None
    _, _, _, path, claim = request
    if type(path) is str and type(claim) is int and not claim >> NUMBER_BITS:
        return path, claim
    return None


READERS: Final[dict[object, Callable[[list[object]], object]]] = {
    ops.CREATE: read_create,
    ops.PUT: read_write,
    ops.SET: read_write,
    ops.DELETE: read_delete,
    ops.ACQUIRE: read_acquire,
    ops.RELEASE: read_release,
}
"""The reader for each operation that has one."""
