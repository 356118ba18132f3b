"""Arguments: single values of a command, checked for type and bounds.

Each reader returns its argument typed or raises MalformedCommand.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from coordsvc.base import limits
from coordsvc.base.ids import Index
from coordsvc.base.vocabulary import codes

NUMBER_BITS: Final = 63
"""Of a number in a command, from 0 on: what a signed 64-bit reader (ZooKeeper's, ours) can hold.

On the path of every entry a number is told by `value >> NUMBER_BITS == 0`, which is not so for a
negative one: compiled, a comparison with NUMBER_MAX makes two objects.
"""
NUMBER_MAX: Final = 2**NUMBER_BITS - 1


class MalformedCommand(Exception):
    """A command that cannot be parsed. `code` and `text` are the answer to it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


Guards: TypeAlias = list[tuple[str, Index]]
"""(path, token): each token must hold the lock at its path."""


def take(arguments: list[object], count: int) -> list[object]:
    """Return the arguments if there are as many as the operation takes."""
    if len(arguments) != count:
        raise MalformedCommand(codes.MALFORMED, f"the operation takes {count} arguments")
    return arguments


def read_path(value: object) -> str:
    """Return a path, well formed or not."""
    if type(value) is not str:
        raise MalformedCommand(codes.MALFORMED, "a path is a string")
    return value


def read_data(value: object) -> bytes | None:
    """Return the data of a node: bytes or None."""
    if value is None:
        return None
    if type(value) is not bytes:
        raise MalformedCommand(codes.MALFORMED, "data is bytes or nil")
    if len(value) > limits.DATA_BYTES_MAX:
        raise MalformedCommand(codes.TOO_LARGE, f"at most {limits.DATA_BYTES_MAX} bytes of data")
    return value


def read_flag(value: object) -> bool:
    """Return true or false."""
    if type(value) is not bool:
        raise MalformedCommand(codes.MALFORMED, "a flag is true or false")
    return value


def read_number(value: object) -> int:
    """Return a number from 0 to NUMBER_MAX."""
    if type(value) is not int or value >> NUMBER_BITS:
        raise MalformedCommand(codes.MALFORMED, "a number is from 0 to 2**63 - 1")
    return value


def read_version(value: object) -> int:
    """Return the version that a node must have, or -1."""
    # ZooKeeper passes whatever its client sent: a version below -1 simply never matches.
    if type(value) is not int or not -(2**31) <= value < 2**63:
        raise MalformedCommand(codes.MALFORMED, "a version is a number")
    return value


def read_text(value: object, bytes_max: int) -> str:
    """Return a string of at most `bytes_max` bytes."""
    if type(value) is not str:
        raise MalformedCommand(codes.MALFORMED, "a note or name is a string")
    if len(value.encode()) > bytes_max:
        raise MalformedCommand(codes.TOO_LARGE, f"at most {bytes_max} bytes of text")
    return value


def read_guards(value: object) -> Guards:
    """Return the guards of a write."""
    if type(value) is not list:
        raise MalformedCommand(codes.MALFORMED, "guards are an array")
    if len(value) > limits.GUARDS_MAX:
        raise MalformedCommand(codes.TOO_MANY, f"at most {limits.GUARDS_MAX} guards")
    return [_read_guard(pair) for pair in value] if value else []


def _read_guard(value: object) -> tuple[str, Index]:
    if type(value) is not list or len(value) != 2:
        raise MalformedCommand(codes.MALFORMED, "a guard is [path, token]")
    return read_path(value[0]), read_number(value[1])
