"""Versions of the state machine: which of them this program has, and what each brought.

A cluster runs one version: that of its state, raised by an entry of the log (LogCabin's way). So
every member changes its mind at the same index, and a member that is not able to does not go on.
A new state has version 1. The image of a state has the version of the state.

To change what an entry means, or the layout of an image: add a version here, do the new thing
only where `machine.version` is at least that, and keep the old one. The samples in tests/samples
hold you to it.
"""

from __future__ import annotations

from typing import Final

import msgpack

from coordsvc.base.errors import VersionUnknown
from coordsvc.base.vocabulary import ops
from coordsvc.state.arguments import read_number, take

OLDEST: Final = 1
NEWEST: Final = 3
MIXED_DIGEST: Final = 3

HISTORY: Final = {
    1: "the first one",
    2: "ACLs, quotas, the operations of other doors, ZooKeeper's nodes stay, NODES_MAX",
    3: "the digest is mixed of numbers: a seventh less to do for a SET",
}
"""What each version brought."""

SINCE: Final[dict[int, int]] = dict.fromkeys(sorted(ops.FOREIGN), 2)
"""The version that brought an operation, by the operation's number; none: the first one."""

_RAISE_HEAD: Final[bytes] = msgpack.packb([0, [ops.RAISE_VERSION, 0, 0, 0]])[:4]


def check(version: int) -> None:
    """Refuse a state of a version that this program has not.

    Raises:
        VersionUnknown: with what to do.

    """
    if not OLDEST <= version <= NEWEST:
        older = "a newer" if version > NEWEST else "an older"
        raise VersionUnknown(
            f"the cluster runs version {version} of the state machine; this program has "
            f"{OLDEST} to {NEWEST}. Nothing is lost: start {older} program on this node."
        )


def has(version: int, op: int) -> bool:
    """Tell whether this version has the operation, if any version has."""
    return SINCE.get(op, OLDEST) <= version


def wanted(request: list[object]) -> int:
    """Return the version in a RAISE_VERSION.

    Raises:
        MalformedCommand: there is none.

    """
    return read_number(take(request[3:], 1)[0])


def raised_to(data: bytes) -> int:
    """Return the version to which an entry with this data raises the state; 0: to none."""
    if not data.startswith(_RAISE_HEAD):
        return 0
    version: object = msgpack.unpackb(data)[1][3]
    assert isinstance(version, int), "no front door takes this operation"
    return version
