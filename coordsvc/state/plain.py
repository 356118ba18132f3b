"""Which requests are plain: of the commonest kinds and well formed, told in one look each.

What is not plain is not wrong: it is parsed (`commands.parse`), which says the same of a plain
request, for three to four times the instructions. Each check is given a request of its operation
whose serial and floor are sound, and the tuples say what stands in the list that passes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias, TypeGuard

from coordsvc.base import limits
from coordsvc.base.vocabulary import ops
from coordsvc.state.arguments import NUMBER_MAX

ANY_VERSION: Final = -1
NOTE_LENGTH_MAX: Final = limits.NOTE_BYTES_MAX // 4
"""Characters that certainly are no more bytes than a note may have."""

Create: TypeAlias = tuple[int, int, int, str, bytes, int, bool, bool, int, list[object]]
Write: TypeAlias = tuple[int, int, int, str, bytes, int | bool, list[object]]
Delete: TypeAlias = tuple[int, int, int, str, int, bool, list[object]]
Acquire: TypeAlias = tuple[int, int, int, str, bool, bool, int, str]
Release: TypeAlias = tuple[int, int, int, str, int]


def is_create(request: list[object]) -> TypeGuard[Create]:
    """Tell whether a CREATE is plain: a lasting or ephemeral node by its own name, no guards."""
    if len(request) != 10:
        return False
    _, _, _, path, data, kind, sequential, parents, ttl_ms, guards = request
    return (
        type(path) is str
        and type(data) is bytes
        and len(data) <= limits.DATA_BYTES_MAX
        and type(kind) is int
        and ops.PERSISTENT <= kind <= ops.EPHEMERAL
        and sequential is False
        and type(parents) is bool
        and ttl_ms == 0
        and type(ttl_ms) is int
        and type(guards) is list
        and not guards
    )


def is_write(request: list[object]) -> TypeGuard[Write]:
    """Tell whether a PUT or SET is plain: of bytes, any version, no guards."""
    if len(request) != 7:
        return False
    op, _, _, path, data, option, guards = request
    return (
        type(path) is str
        and type(data) is bytes
        and len(data) <= limits.DATA_BYTES_MAX
        and type(option) is (int if op == ops.SET else bool)
        and (option == ANY_VERSION or op == ops.PUT)
        and type(guards) is list
        and not guards
    )


def is_delete(request: list[object]) -> TypeGuard[Delete]:
    """Tell whether a DELETE is plain: of any version, no guards."""
    if len(request) != 7:
        return False
    _, _, _, path, version, recursive, guards = request
    return (
        type(path) is str
        and version == ANY_VERSION
        and type(version) is int
        and type(recursive) is bool
        and type(guards) is list
        and not guards
    )


def is_acquire(request: list[object]) -> TypeGuard[Acquire]:
    """Tell whether an ACQUIRE is plain: with a short note."""
    if len(request) != 8:
        return False
    _, _, _, path, shared, wait, delay_ms, note = request
    return (
        type(path) is str
        and type(shared) is bool
        and type(wait) is bool
        and type(delay_ms) is int
        and 0 <= delay_ms <= limits.LOCK_DELAY_MS_MAX
        and type(note) is str
        and len(note) <= NOTE_LENGTH_MAX
    )


def is_release(request: list[object]) -> TypeGuard[Release]:
    """Tell whether a RELEASE is plain: all are."""
    if len(request) != 5:
        return False
    _, _, _, path, claim = request
    return type(path) is str and type(claim) is int and 0 <= claim <= NUMBER_MAX


CHECKS: Final[dict[object, Callable[[list[object]], bool]]] = {
    ops.CREATE: is_create,
    ops.PUT: is_write,
    ops.SET: is_write,
    ops.DELETE: is_delete,
    ops.ACQUIRE: is_acquire,
    ops.RELEASE: is_release,
}
"""The check for each operation that has one."""
